use std::path::Path;

use super::component::Components;
use super::trigger;
use super::variables::Variables;
use crate::tree::Node;
use crate::tree::fields::{Fields, Unknown};
use crate::tree::finding::{self, Findings};
use crate::{Lookup, Plan, StorePlan};

/// Where key-value stores are kept: beside the file.
const STORE: &str = "disk:.keywell/spin";

/// Reads a manifest into a plan.
pub(super) fn read(
    root: &Node<'_>,
    folder: &Path,
    lookup: &dyn Lookup,
    plan: &mut Plan,
    findings: &mut Findings,
) {
    let Some(mut fields) = Fields::of(root, "the manifest", findings) else {
        return;
    };
    if !is_version_2(&mut fields, findings) {
        return;
    }
    let (mut name, mut base) = (None, None);
    let application = fields.required("application", findings);
    if let Some(mut fields) = application.and_then(|node| Fields::of(node, "application", findings))
    {
        fields.skip(&["authors", "description", "version"]);
        name = fields.text("name", findings);
        if let Some(node) = fields.take("trigger") {
            base = trigger::base(node, findings);
        }
        fields.finish(Unknown::Refused, findings);
    }
    let variables = Variables::read(fields.take("variables"), lookup, findings);
    // The application's name, so that two applications have two stores.
    let store = name.map_or_else(|| "spin".to_owned(), |name| name.value);
    let mut components = Components {
        folder,
        variables: &variables,
        store: &store,
        plans: &mut plan.components,
    };
    if let Some(node) = fields.required("component", findings) {
        components.read(node, findings);
    }
    let has_store = plan
        .components
        .values()
        .any(|component| component.link.grants().next().is_some());
    if has_store {
        plan.stores.insert(store, StorePlan::new(STORE));
    }
    if let Some(node) = fields.required("trigger", findings) {
        let base = base.as_ref().map_or("", |base| &*base.value);
        plan.triggers = trigger::read(node, base, &plan.components, findings);
    }
    fields.finish(Unknown::Refused, findings);
}

fn is_version_2(fields: &mut Fields<'_, '_>, findings: &mut Findings) -> bool {
    let version = fields.take("spin_manifest_version");
    let (place, is_1) = match version {
        Some(version) if version.text() == Some("2") => return true,
        Some(version) => (version.place, version.text() == Some("1")),
        None if fields.has("spin_version") => (fields.key_place("spin_version"), true),
        None => (fields.place(), false),
    };
    let problem = if is_1 {
        let message = "this is a manifest of version 1, and version 2 is read";
        finding::error(place, message).help("rewrite it, as spin doctor does")
    } else {
        let message = "this is no manifest of version 2";
        finding::error(place, message).help("begin it with spin_manifest_version = 2")
    };
    findings.push(problem);
    false
}
