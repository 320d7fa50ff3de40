use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::config_sets::SetWatch;
use super::document::Document;
use super::outside::Outside;
use crate::nearest::nearest;
use crate::{ComponentPlan, Located, Place, Problem, StorePlan};

/// What is defined already, to look up what is named.
pub(super) struct Defined<'a> {
    pub(super) document: &'a Document<'a>,
    pub(super) stores: Stores,
    pub(super) components: Components,
}

/// The stores that could be read, and the names of all.
#[derive(Default)]
pub(super) struct Stores {
    pub(super) names: Names,
    pub(super) plans: BTreeMap<String, StorePlan>,
}

/// The components that could be read, and the names of all.
#[derive(Default)]
pub(super) struct Components {
    pub(super) names: Names,
    pub(super) plans: BTreeMap<String, ComponentPlan>,
    /// Those of manifests beside the file, whose grants are not known yet.
    pub(super) of_manifests: Outside,
    /// The watches that their configuration sets ask for, by the names of the components.
    pub(super) watches: Vec<(String, SetWatch)>,
    /// Those with something wrong, whose grants are not known.
    pub(super) wrong: HashSet<String>,
}

/// The names of a kind of section.
#[derive(Default)]
pub(super) struct Names {
    pub(super) known: BTreeSet<String>,
    /// Whether there are others, which could not be read.
    pub(super) are_partial: bool,
}

// === impl Names ===

impl Names {
    /// A name that has to be one of these, or that it is not is reported.
    pub(super) fn find(
        &self,
        document: &Document<'_>,
        kind: &str,
        name: Located<String>,
    ) -> Option<String> {
        // It may have a password.
        if name.contains("://") {
            let problem = Problem::error(format!("a {kind} is named here, and this is a URL"));
            let help = format!("write it as the url of a [{kind}.NAME]");
            document.wrong(name.place, problem.help(help));
            return None;
        }
        if self.known.contains(name.as_str()) {
            return Some(name.value);
        }
        if self.are_partial {
            return None;
        }
        let known: Vec<&str> = self.known.iter().map(String::as_str).collect();
        let help = match (nearest(&name, known.iter().copied()), &known[..]) {
            (Some(nearest), _) => format!("did you mean {nearest}?"),
            (None, []) => format!("add a [{kind}.{}]", name.value),
            (None, known) => format!("there is {}", known.join(", ")),
        };
        let problem = Problem::error(format!("there is no {kind} {:?}", name.value));
        document.missing(name.place, problem.help(help));
        None
    }
}

// === impl Defined ===

impl Defined<'_> {
    /// A store by its name.
    pub(super) fn store(&self, name: Located<String>) -> Option<String> {
        self.stores.names.find(self.document, "store", name)
    }

    /// The only store, for what names none.
    pub(super) fn only_store(&self, what: &str, place: Place) -> Option<String> {
        let Names { known, are_partial } = &self.stores.names;
        if *are_partial {
            return None;
        }
        let mut names = known.iter();
        let problem = match (names.next(), names.next()) {
            (Some(only), None) => return Some(only.clone()),
            (None, _) => format!("{what} needs a store, and there is no [store.NAME]"),
            (Some(_), Some(_)) => format!("{what} names no store, and there is more than one"),
        };
        self.document.missing(place, Problem::error(problem));
        None
    }

    /// A component by its name.
    pub(super) fn component(&self, name: Located<String>) -> Option<String> {
        self.components.names.find(self.document, "component", name)
    }

    /// The store of a bucket, by a component's name for it.
    pub(super) fn granted(&self, component: &str, bucket: &Located<String>) -> Option<String> {
        let granted = self.find_granted(component, bucket);
        let Components {
            wrong,
            of_manifests,
            ..
        } = &self.components;
        if granted.is_none() && !wrong.contains(component) && !of_manifests.has(component) {
            let own = match bucket.as_str() {
                "" => "default",
                name => name,
            };
            let problem = format!("the component {component} is not granted the bucket {own:?}");
            let help = format!("add a store or buckets to [component.{component}]");
            let problem = Problem::error(problem).help(help);
            self.document.missing(bucket.place, problem);
        }
        granted
    }

    /// As [`granted`](Self::granted), and reports nothing.
    pub(super) fn find_granted(&self, component: &str, bucket: &str) -> Option<String> {
        let plan = self.components.plans.get(component)?;
        plan.link.store_of(bucket).cloned()
    }
}
