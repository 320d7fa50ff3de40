use super::ends::{End, Ends};
use crate::wadm::link::Link;
use crate::{ImportPlan, Located, Plan};

/// Lets a component answer the imports of another.
pub(super) fn add(ends: &Ends<'_>, plan: &mut Plan) {
    let (End::Component(source), End::Component(target)) = (ends.source, ends.target) else {
        return;
    };
    let Some(component) = plan.components.get_mut(source) else {
        return;
    };
    let link = ends.link;
    let name = (link.name() != Link::DEFAULT).then(|| link.name().to_owned());
    for interface in &link.interfaces {
        component.imports.push(ImportPlan {
            interface: Located {
                value: link.interface(interface),
                place: ends.application.place(interface.place),
            },
            link: name.clone(),
            component: target.to_owned(),
        });
    }
    // Those of one interface stand together in a keywell.toml.
    let order = |import: &ImportPlan| (import.interface.value.clone(), import.link.clone());
    component.imports.sort_by_key(order);
}
