use std::collections::HashMap;

use super::context::Context;
use crate::Problem;
use crate::nearest::nearest;
use crate::wadm::component::ComponentSource;

/// Checks that components of other applications are there, and shared, and that no two applications
/// have one name.
pub(super) fn check(context: &Context<'_>) {
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
    for (application, component) in context.components() {
        let ComponentSource::Application {
            name,
            component: wanted,
        } = &component.source
        else {
            continue;
        };
        let own = &component.name.value;
        let other = context
            .applications
            .iter()
            .find(|of| of.name() == name.value);
        let Some(other) = other else {
            // One whose manifest is wrong may be the one.
            if context.given.is_whole {
                let problem = format!(
                    "{own} is of the application {}, which is not given",
                    name.value
                );
                let problem =
                    Problem::error(problem).help("give its manifest, too, as another file");
                context.wrong(application.place(name.place), problem);
            }
            continue;
        };
        if !other.manifest.is_shared {
            let problem = format!(
                "{own} is of the application {}, which is not shared",
                name.value
            );
            let help = "add experimental.wasmcloud.dev/shared: \"true\" to its annotations";
            let problem = Problem::error(problem).help(help);
            context.wrong(application.place(name.place), problem);
        }
        let place = application.place(wanted.place);
        match other.manifest.component(wanted) {
            None => {
                let problem = format!("{} has no component {}", name.value, wanted.value);
                let problem = Problem::error(problem);
                let known = other.manifest.components.iter();
                let known = known.map(|component| &*component.name.value);
                context.wrong(
                    place,
                    match nearest(wanted, known) {
                        Some(meant) => problem.help(format!("did you mean {meant}?")),
                        None => problem,
                    },
                );
            }
            Some(found) if found.image().is_none() => {
                let problem = format!(
                    "{} of {} is of another application",
                    wanted.value, name.value
                );
                let problem =
                    Problem::error(problem).help("name the application that has its image");
                context.wrong(place, problem);
            }
            Some(found) if found.kind != component.kind => {
                let problem = format!(
                    "{} of {} is of another type than {own}",
                    wanted.value, name.value
                );
                context.wrong(
                    place,
                    Problem::error(problem).help("write the same type here"),
                );
            }
            Some(_) => {}
        }
    }
}
