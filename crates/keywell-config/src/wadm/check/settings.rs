//! Sets of configuration are defined once, and secrets have a policy.

use std::collections::{HashMap, HashSet};

use crate::wadm::finding::{self, Findings};
use crate::wadm::manifest::{Manifest, Policy};
use crate::wadm::settings::{ConfigItem, SecretItem};

pub(super) fn check(manifest: &Manifest, findings: &mut Findings) {
    check_config(manifest, findings);
    check_secrets(manifest, findings);
    for policy in &manifest.policies {
        let name = &policy.name.value;
        let is_known = policy.kind.is_empty() || policy.kind.value == Policy::SECRET;
        if !is_known && !is_used(manifest, name) {
            let message = format!("the policy {name} has no effect: its type is not known");
            let help = format!("the type for secrets is {}", Policy::SECRET);
            findings.push(finding::warning(policy.kind.place, message).help(help));
        }
    }
}

/// Every set, and whether it is of a link.
fn sets(manifest: &Manifest) -> Vec<(&ConfigItem, bool)> {
    let mut sets = Vec::new();
    for component in &manifest.components {
        sets.extend(component.config.iter().map(|item| (item, false)));
        for link in &component.links {
            let sides = link
                .source_side
                .config
                .iter()
                .chain(&link.target_side.config);
            sets.extend(sides.map(|item| (item, true)));
        }
    }
    sets.sort_by_key(|(item, _)| (item.name.place.line, item.name.place.column));
    sets
}

fn check_config(manifest: &Manifest, findings: &mut Findings) {
    let mut defined: HashMap<&str, (&ConfigItem, bool)> = HashMap::new();
    for (item, is_link) in sets(manifest) {
        if item.properties.is_none() {
            continue;
        }
        let Some((first, is_first_link)) = defined.insert(&item.name.value, (item, is_link)) else {
            continue;
        };
        // wadm refuses two of links even if they are equal, and otherwise keeps the last one.
        if is_link && is_first_link || !is_equal(first, item) {
            let name = &item.name;
            let message = format!(
                "the configuration {} is defined at {} too",
                name.value, first.name.place
            );
            let help = "give it another name; what it belongs to can have any";
            findings.push(finding::error(name.place, message).help(help));
        }
    }
    for (item, _) in sets(manifest) {
        let name = &item.name;
        if item.properties.is_none()
            && let Some((first, _)) = defined.get(&*name.value)
        {
            let message = format!(
                "{} is a set made elsewhere, since it has no properties; the one at {} is used only if there is none",
                name.value, first.name.place
            );
            findings
                .push(finding::warning(name.place, message).help("repeat it under another name"));
        }
    }
}

/// Whether two sets have the same in them, wherever it stands.
fn is_equal(a: &ConfigItem, b: &ConfigItem) -> bool {
    let values = |item: &ConfigItem| -> HashSet<(String, String)> {
        let properties = item.properties.iter().flatten();
        let values = properties.map(|property| {
            let value = property.value.expose().to_owned();
            (property.name.value.clone(), value)
        });
        values.collect()
    };
    values(a) == values(b)
}

fn secrets(manifest: &Manifest) -> impl Iterator<Item = &SecretItem> {
    let components = manifest.components.iter();
    components.flat_map(|component| {
        let links = component.links.iter();
        let of_links = links.flat_map(|link| {
            let target = &link.target_side.secrets;
            link.source_side.secrets.iter().chain(target)
        });
        component.secrets.iter().chain(of_links)
    })
}

fn is_used(manifest: &Manifest, policy: &str) -> bool {
    secrets(manifest).any(|secret| secret.policy.value == policy)
}

fn check_secrets(manifest: &Manifest, findings: &mut Findings) {
    let mut named: HashMap<&str, &SecretItem> = HashMap::new();
    let mut reported: HashSet<&str> = HashSet::new();
    for secret in secrets(manifest) {
        let (name, policy) = (&secret.name.value, &secret.policy);
        match manifest
            .policies
            .iter()
            .find(|known| known.name.value == policy.value)
        {
            None => {
                let message = format!("there is no policy {} for the secret {name}", policy.value);
                let known = manifest.policies.iter().map(|policy| &*policy.name.value);
                let finding = finding::error(policy.place, message);
                let finding = finding.help("add it to spec.policies");
                findings.push(finding.did_you_mean(&policy.value, known));
            }
            Some(known) if known.kind.value != Policy::SECRET && !known.kind.is_empty() => {
                if reported.insert(&known.name.value) {
                    let message = format!(
                        "the policy {} is for a secret, and its type is another",
                        policy.value
                    );
                    let help = format!("write type: {}", Policy::SECRET);
                    findings.push(finding::error(known.kind.place, message).help(help));
                }
            }
            Some(_) => {}
        }
        if let Some(first) = named.insert(name, secret)
            && !is_same_secret(first, secret)
        {
            let message = format!(
                "the secret {name} at {} is another one; wadm mixes the two up",
                first.name.place
            );
            let help = "give one of the two another name";
            findings.push(finding::warning(secret.name.place, message).help(help));
        }
    }
}

fn is_same_secret(a: &SecretItem, b: &SecretItem) -> bool {
    let parts = |secret: &SecretItem| {
        let place_free =
            |part: &Option<crate::Located<String>>| part.as_ref().map(|part| part.value.clone());
        let (field, version) = (place_free(&secret.field), place_free(&secret.version));
        (
            secret.policy.value.clone(),
            secret.key.value.clone(),
            field,
            version,
        )
    };
    parts(a) == parts(b)
}
