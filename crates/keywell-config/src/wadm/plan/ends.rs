use super::application::Application;
use super::context::Context;
use super::names::Names;
use crate::Problem;
use crate::wadm::component::{Component, ComponentKind};
use crate::wadm::link::Link;
use crate::wadm::provider::{Builtin, Provider};

/// What is at an end of a link.
#[derive(Clone, Copy)]
pub(super) enum End<'a> {
    /// A component, by its name in the plan.
    Component(&'a str),
    /// A provider, in the application that has its image.
    Provider(Builtin, &'a Application, &'a Component),
}

/// A link, and what is at its ends.
pub(super) struct Ends<'a> {
    pub(super) application: &'a Application,
    pub(super) link: &'a Link,
    pub(super) source: End<'a>,
    pub(super) target: End<'a>,
}

/// Every link whose ends are known.
pub(super) fn links<'a, 'n>(context: &Context<'a>, names: &'n Names) -> Vec<Ends<'n>>
where
    'a: 'n,
{
    let mut links = Vec::new();
    for (application, component) in context.components() {
        for link in &component.links {
            let target = application.manifest.component(&link.target);
            let ends = target.and_then(|target| {
                let source = end(context, application, component, names)?;
                Some((source, end(context, application, target, names)?))
            });
            links.extend(ends.map(|(source, target)| Ends {
                application,
                link,
                source,
                target,
            }));
        }
    }
    links
}

/// Checks that the calling side of a link is one that calls its interfaces. Of one manifest alone this
/// was checked before; a provider of another application is known only here.
pub(super) fn check(context: &Context<'_>, ends: &Ends<'_>) {
    let link = ends.link;
    let any = |test: &dyn Fn(&str) -> bool| link.interfaces.iter().any(|name| test(name));
    let is_right = match (ends.source, ends.target) {
        (End::Component(_), End::Component(_)) => true,
        (End::Component(_), End::Provider(builtin, ..)) => {
            any(&|interface| builtin.serves(&link.package, interface))
        }
        (End::Provider(builtin, ..), End::Component(_)) => {
            any(&|interface| builtin.calls(&link.package, interface))
        }
        (End::Provider(..), End::Provider(..)) => false,
    };
    if !is_right {
        let names: Vec<&str> = link.interfaces.iter().map(|name| &*name.value).collect();
        let (package, names) = (&link.package.value, names.join(", "));
        let problem = format!(
            "the link to {} does nothing for {package}/{names}",
            link.target.value
        );
        let help = "a link stands at the side that calls: an http-server calls components, and \
                    components call keyvalue-redis and http-client";
        let place = ends.application.place(link.target.place);
        context.wrong(place, Problem::error(problem).help(help));
    }
}

fn end<'a, 'n>(
    context: &Context<'a>,
    application: &'a Application,
    component: &'a Component,
    names: &'n Names,
) -> Option<End<'n>>
where
    'a: 'n,
{
    let (application, component) = context.origin(application, component)?;
    if component.kind == ComponentKind::Component {
        return names.own(application, component).map(End::Component);
    }
    match context.given.providers.find(component.image()?) {
        Provider::Builtin(builtin) => Some(End::Provider(builtin, application, component)),
        Provider::NotOffered { .. } | Provider::Unknown => None,
    }
}
