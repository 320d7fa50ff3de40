use std::collections::{BTreeMap, HashMap};

use super::application::Application;
use super::context::Context;
use crate::wadm::component::{Component, ComponentKind};
use crate::{Plan, Problem};

/// The names of components in the plan, by their files and their own names.
pub(super) struct Names(HashMap<(u16, String), String>);

// === impl Names ===

impl Names {
    /// Names every component that has an image: by itself, or behind its application where others have
    /// that name too. A name that the plan has already is reported.
    pub(super) fn of(context: &Context<'_>, plan: &Plan) -> Self {
        let local = || {
            let components = context.components();
            components.filter(|(_, component)| {
                component.kind == ComponentKind::Component && component.image().is_some()
            })
        };
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, component) in local() {
            *counts.entry(&component.name).or_default() += 1;
        }
        let mut names = HashMap::new();
        let mut taken = HashMap::new();
        for (application, component) in local() {
            let own = &component.name.value;
            let name = match counts.get(own.as_str()) {
                Some(1) => own.clone(),
                _ => format!("{}-{own}", application.name()),
            };
            let place = application.place(component.name.place);
            let known = plan.components.get(&name).map(|known| known.place);
            if let Some(first) = known.or_else(|| taken.get(&name).copied()) {
                let first = context.given.files.name(first);
                let problem = Problem::error(format!("the component {name} is at {first} too"));
                context.wrong(place, problem.help("give one of the two another name"));
                continue;
            }
            taken.insert(name.clone(), place);
            names.insert((application.number, own.clone()), name);
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
