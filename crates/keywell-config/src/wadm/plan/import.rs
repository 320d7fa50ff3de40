use super::context::Context;
use super::ends::{End, Ends};
use crate::wadm::link::Link;
use crate::{ImportPlan, Located, Plan, Problem};

/// Lets a component answer the imports of another.
pub(super) fn add(context: &Context<'_>, ends: &Ends<'_>, plan: &mut Plan) {
    let (End::Component(source), End::Component(target)) = (ends.source, ends.target) else {
        return;
    };
    let link = ends.link;
    if link.name() != Link::DEFAULT {
        let place = ends.application.place(link.place);
        let message = format!(
            "the link {:?} of {source} to the component {target} has a name, and a component has one \
             link to others for an interface",
            link.name()
        );
        context.wrong(place, Problem::error(message).help("leave its name out"));
        return;
    }
    let Some(component) = plan.components.get_mut(source) else {
        return;
    };
    for interface in &link.interfaces {
        component.imports.push(ImportPlan {
            interface: Located {
                value: link.interface(interface),
                place: ends.application.place(interface.place),
            },
            component: target.to_owned(),
        });
    }
    component
        .imports
        .sort_by(|one, other| one.interface.value.cmp(&other.interface.value));
}
