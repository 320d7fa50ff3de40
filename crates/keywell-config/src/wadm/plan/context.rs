use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use super::application::Application;
use super::files::Files;
use crate::policies::Policies;
use crate::wadm::component::{Component, ComponentSource, stored_name};
use crate::wadm::provider::Providers;
use crate::wadm::settings::ConfigItem;
use crate::{Located, Lookup, Place, Problem, Report};

/// What is known beside the manifests.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a> {
    pub(crate) files: &'a Files,
    /// Whether every manifest could be read.
    pub(crate) is_whole: bool,
    pub(crate) providers: &'a Providers,
    pub(crate) policies: &'a Policies,
    pub(crate) lookup: &'a dyn Lookup,
}

/// The applications of a plan, and what is wrong with them.
pub(super) struct Context<'a> {
    pub(super) applications: &'a [Application],
    pub(super) given: Given<'a>,
    /// The sets of configuration that applications have, by the names that wadm stores them under.
    owned: HashMap<String, (&'a Application, &'a ConfigItem)>,
    report: RefCell<Report>,
    /// What was reported, by its place: what several links read is wrong in one place.
    reported: RefCell<HashSet<(u16, usize, usize, String)>>,
}

// === impl Context ===

impl<'a> Context<'a> {
    pub(super) fn new(applications: &'a [Application], given: Given<'a>) -> Self {
        let mut owned = HashMap::new();
        for application in applications {
            for item in sets(application).filter(|item| item.properties.is_some()) {
                let name = stored_name(application.name(), &item.name);
                owned.insert(name, (application, item));
            }
        }
        Self {
            applications,
            given,
            owned,
            report: RefCell::default(),
            reported: RefCell::default(),
        }
    }

    /// Every component and provider, and its application.
    pub(super) fn components(&self) -> impl Iterator<Item = (&'a Application, &'a Component)> {
        self.applications.iter().flat_map(|application| {
            let components = application.manifest.components.iter();
            components.map(move |component| (application, component))
        })
    }

    /// Where the image of a component is, if that is known: here, or in another application.
    pub(super) fn origin(
        &self,
        application: &'a Application,
        component: &'a Component,
    ) -> Option<(&'a Application, &'a Component)> {
        let ComponentSource::Application {
            name,
            component: other,
        } = &component.source
        else {
            return Some((application, component));
        };
        let application = self
            .applications
            .iter()
            .find(|of| of.name() == name.value)?;
        let component = application.manifest.component(other)?;
        component.image().map(|_| (application, component))
    }

    /// The set of configuration that an item names.
    pub(super) fn set(
        &self,
        application: &'a Application,
        name: &Located<String>,
    ) -> Option<(&'a Application, &'a ConfigItem)> {
        let owned = self.owned.get(&name.value).copied();
        owned.or_else(|| {
            let mut sets = sets(application);
            let is_it = |item: &&ConfigItem| item.name.value == name.value;
            let set = sets.find(|item| is_it(item) && item.properties.is_some());
            set.map(|item| (application, item))
        })
    }

    /// Reports what is wrong at a place, once.
    pub(super) fn wrong(&self, place: Place, problem: Problem) {
        let Place {
            file, line, column, ..
        } = place;
        let key = (file, line, column, problem.message.clone());
        if self.reported.borrow_mut().insert(key) {
            let problem = self.given.files.at(place, problem);
            self.report.borrow_mut().push(problem);
        }
    }

    /// Reports what is wrong at several places, at the first of them alone.
    pub(super) fn wrong_once(&self, what: &str, place: Place, problem: Problem) {
        let key = (place.file, 0, 0, what.to_owned());
        if self.reported.borrow_mut().insert(key) {
            self.wrong(place, problem);
        }
    }

    pub(super) fn has_errors(&self) -> bool {
        self.report.borrow().has_errors()
    }

    pub(super) fn into_report(self) -> Report {
        self.report.into_inner()
    }
}

/// Every set that an application names.
fn sets(application: &Application) -> impl Iterator<Item = &ConfigItem> {
    let components = application.manifest.components.iter();
    components.flat_map(|component| {
        let links = component.links.iter();
        let of_links = links.flat_map(|link| {
            let target = &link.target_side.config;
            link.source_side.config.iter().chain(target)
        });
        component.config.iter().chain(of_links)
    })
}
