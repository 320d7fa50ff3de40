//! No two components have one name or one identity.

use std::collections::HashMap;

use crate::wadm::finding::{self, Findings};
use crate::wadm::manifest::Manifest;

pub(super) fn check(manifest: &Manifest, findings: &mut Findings) {
    let mut names = HashMap::new();
    let mut identities = HashMap::new();
    for component in &manifest.components {
        let name = &component.name;
        if let Some(first) = names.insert(&name.value, name.place) {
            let message = format!("a component at {first} is named {} too", name.value);
            findings.push(finding::error(name.place, message).help("give it another name"));
            continue;
        }
        let identity = component.identity(&manifest.name.value);
        let place = component.id.as_ref().map_or(name.place, |id| id.place);
        let message = format!("{} has the id {identity}, as", name.value);
        if let Some(first) = identities.insert(identity, &name.value) {
            let help = "give one of the two another id";
            findings.push(finding::error(place, format!("{message} {first} does")).help(help));
        }
    }
    let mut policies = HashMap::new();
    for policy in &manifest.policies {
        let name = &policy.name;
        if let Some(first) = policies.insert(&name.value, name.place) {
            let message = format!("a policy at {first} is named {} too", name.value);
            findings.push(finding::error(name.place, message).help("give it another name"));
        }
    }
}
