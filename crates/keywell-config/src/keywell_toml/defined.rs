use std::collections::BTreeMap;

use super::table::{Document, Table};
use crate::error::Result;
use crate::nearest::nearest;
use crate::{ComponentPlan, Located, Place, StorePlan};

/// What is defined already, to look up what is named.
pub(super) struct Defined<'a> {
    pub(super) document: Document<'a>,
    pub(super) stores: &'a BTreeMap<String, StorePlan>,
    pub(super) components: Option<&'a BTreeMap<String, ComponentPlan>>,
}

// === impl Defined ===

impl Defined<'_> {
    /// A store that is named, or the only one where none is.
    pub(super) fn store(
        &self,
        named: Option<Located<String>>,
        table: &Table<'_>,
    ) -> Result<String> {
        match named {
            Some(name) => self.known("store", name, self.stores.keys()),
            None => self.only_store(&table.what, table.place),
        }
    }

    /// The only store, for what names none.
    pub(super) fn only_store(&self, what: &str, place: Place) -> Result<String> {
        let mut stores = self.stores.keys();
        match (stores.next(), stores.next()) {
            (Some(only), None) => Ok(only.clone()),
            (None, _) => {
                let problem = format!("{what} needs a store, and there is no [store.NAME]");
                Err(self.document.error(place, problem))
            }
            (Some(_), Some(_)) => {
                let problem = format!("{what} names no store, and there is more than one");
                Err(self.document.error(place, problem))
            }
        }
    }

    pub(super) fn component(&self, name: Located<String>) -> Result<String> {
        let components = self.components.into_iter();
        self.known("component", name, components.flat_map(|known| known.keys()))
    }

    /// The store of a bucket, by a component's name for it.
    pub(super) fn granted(&self, component: &str, bucket: &Located<String>) -> Result<String> {
        let plan = self.components.and_then(|known| known.get(component));
        let own = match bucket.as_str() {
            "" => "default",
            name => name,
        };
        let granted = plan.and_then(|plan| {
            let named = plan.buckets.get(own).map(|grant| &grant.store);
            named.or(plan.store.as_ref())
        });
        granted.cloned().ok_or_else(|| {
            let problem = format!(
                "the component {component} is not granted the bucket {own:?}; add a store or \
                 buckets to [component.{component}]"
            );
            self.document.error(bucket.place, problem)
        })
    }

    pub(super) fn known<'n>(
        &self,
        kind: &str,
        name: Located<String>,
        known: impl Iterator<Item = &'n String>,
    ) -> Result<String> {
        // It may have a password.
        if name.contains("://") {
            let problem = format!(
                "a {kind} is named here, and this is a URL; write it as the url of a [{kind}.NAME]"
            );
            return Err(self.document.error(name.place, problem));
        }
        let known: Vec<&str> = known.map(String::as_str).collect();
        if known.contains(&name.as_str()) {
            return Ok(name.value);
        }
        let hint = match (nearest(&name, known.iter().copied()), &known[..]) {
            (Some(nearest), _) => format!("did you mean {nearest}?"),
            (None, []) => format!("add a [{kind}.{}]", name.value),
            (None, known) => format!("there is {}", known.join(", ")),
        };
        let problem = format!("there is no {kind} {:?}; {hint}", name.value);
        Err(self.document.error(name.place, problem))
    }
}
