use std::collections::{BTreeMap, HashMap};

use super::application::Application;
use super::context::Context;
use crate::wadm::component::{Component, ComponentKind};
use crate::{Plan, Problem};

/// The names of components in the plan, by their files and their own names.
pub(super) struct Names(HashMap<(u16, String), String>);

/// Every component that has an image, with its name in the plan: its own, or behind that of its
/// application where others have that name too.
pub(super) fn named(
    applications: &[Application],
) -> impl Iterator<Item = (&Application, &Component, String)> {
    let local = move || {
        applications.iter().flat_map(|application| {
            let components = application.manifest.components.iter();
            let own = components.filter(|component| {
                component.kind == ComponentKind::Component && component.image().is_some()
            });
            own.map(move |component| (application, component))
        })
    };
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, component) in local() {
        *counts.entry(&component.name).or_default() += 1;
    }
    local().map(move |(application, component)| {
        let own = &component.name.value;
        let name = match counts.get(own.as_str()) {
            Some(1) => own.clone(),
            _ => format!("{}-{own}", application.name()),
        };
        (application, component, name)
    })
}

// === impl Names ===

impl Names {
    /// Names every component that has an image. A name that the plan has already is reported.
    pub(super) fn of(context: &Context<'_>, plan: &Plan) -> Self {
        let mut names = HashMap::new();
        let mut taken = HashMap::new();
        for (application, component, name) in named(context.applications) {
            let place = application.place(component.name.place);
            let known = plan.components.get(&name).map(|known| known.place);
            if let Some(first) = known.or_else(|| taken.get(&name).copied()) {
                let first = context.given.files.name(first);
                let problem = Problem::error(format!("the component {name} is at {first} too"));
                context.wrong(place, problem.help("give one of the two another name"));
                continue;
            }
            taken.insert(name.clone(), place);
            names.insert((application.number, component.name.value.clone()), name);
        }
        Self(names)
    }

    /// The name of a component that has an image.
    pub(super) fn own(&self, application: &Application, component: &Component) -> Option<&str> {
        let key = (application.number, component.name.value.clone());
        (component.kind == ComponentKind::Component)
            .then(|| self.0.get(&key))?
            .map(String::as_str)
    }
}
