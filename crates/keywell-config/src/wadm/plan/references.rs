use std::collections::HashMap;

use super::application::Application;
use super::context::Context;
use crate::wadm::component::{Component, ComponentSource};
use crate::{Located, Problem};

/// Checks that components of other applications are there, and shared, and that no two applications
/// have one name.
pub(super) fn check(context: &Context<'_>) {
    check_names(context);
    for (application, component) in context.components() {
        if let ComponentSource::Application {
            name,
            component: wanted,
        } = &component.source
            && let Some(other) = named(context, application, component, name)
        {
            check_component(context, application, component, other, wanted);
        }
    }
}

fn check_names(context: &Context<'_>) {
    let mut named = HashMap::new();
    for application in context.applications {
        let name = &application.manifest.name;
        let place = application.place(name.place);
        if let Some(first) = named.insert(application.name(), place) {
            let first = context.given.files.name(first);
            let problem = format!("the application at {first} is named {} too", name.value);
            let problem = Problem::error(problem).help("give it another name");
            context.wrong(place, problem);
        }
    }
}

/// The application of a name that a component is of.
fn named<'a>(
    context: &Context<'a>,
    application: &Application,
    component: &Component,
    name: &Located<String>,
) -> Option<&'a Application> {
    let own = &component.name.value;
    let place = application.place(name.place);
    let mut applications = context.applications.iter();
    let other = applications.find(|of| of.name() == name.value);
    let (problem, help) = match other {
        Some(other) if other.manifest.is_shared => return Some(other),
        Some(_) => (
            "not shared",
            "add experimental.wasmcloud.dev/shared: \"true\" to its annotations",
        ),
        // One whose manifest is wrong may be the one.
        None if !context.given.is_whole => return None,
        None => ("not given", "give its manifest, too, as another file"),
    };
    let problem = format!(
        "{own} is of the application {}, which is {problem}",
        name.value
    );
    context.wrong(place, Problem::error(problem).help(help));
    other
}

fn check_component(
    context: &Context<'_>,
    application: &Application,
    component: &Component,
    other: &Application,
    wanted: &Located<String>,
) {
    let (own, other_name) = (&component.name.value, other.name());
    let wanted_name = &wanted.value;
    let problem = match other.manifest.component(wanted) {
        None => {
            let problem = Problem::error(format!("{other_name} has no component {wanted_name}"));
            let known = other.manifest.components.iter();
            problem.did_you_mean(wanted, known.map(|component| &*component.name.value))
        }
        Some(found) if found.image().is_none() => {
            let problem = format!("{wanted_name} of {other_name} is of another application");
            Problem::error(problem).help("name the application that has its image")
        }
        Some(found) if found.kind != component.kind => {
            let problem = format!("{wanted_name} of {other_name} is of another type than {own}");
            Problem::error(problem).help("write the same type here")
        }
        Some(_) => return,
    };
    context.wrong(application.place(wanted.place), problem);
}
