use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::tree::Node;
use crate::tree::fields::Fields;
use crate::tree::finding::{self, Findings};

/// A set of values, by their keys.
pub(super) type Set = Vec<(String, String)>;

/// The `ConfigMap` and `Secret` objects of a file, by their names.
#[derive(Default)]
pub(super) struct Objects {
    pub(super) config_maps: BTreeMap<String, Set>,
    pub(super) secrets: BTreeMap<String, Set>,
}

// === impl Objects ===

impl Objects {
    pub(super) fn read(roots: &[Node<'_>], findings: &mut Findings) -> Self {
        let mut objects = Self::default();
        for root in roots {
            let text = |key: &str| root.get(key).and_then(Node::text).unwrap_or_default();
            let ("v1", kind @ ("ConfigMap" | "Secret")) = (text("apiVersion"), text("kind")) else {
                continue;
            };
            let name = root
                .get("metadata")
                .and_then(|metadata| metadata.get("name"));
            let Some(name) = name.and_then(Node::text) else {
                let message = format!("metadata of this {kind} has no name");
                findings.push(finding::error(root.place, message));
                continue;
            };
            let Some(mut fields) = Fields::of(root, format!("the {kind} {name}"), findings) else {
                continue;
            };
            let set = if kind == "Secret" {
                secret(&mut fields, findings)
            } else {
                values(&mut fields, "data", findings)
            };
            let sets = if kind == "Secret" {
                &mut objects.secrets
            } else {
                &mut objects.config_maps
            };
            sets.insert(name.to_owned(), set);
        }
        objects
    }
}

fn values(fields: &mut Fields<'_, '_>, key: &'static str, findings: &mut Findings) -> Set {
    let values = fields.values(key, findings).into_iter();
    values
        .map(|(name, value)| (name.value, value.value))
        .collect()
}

/// `data`, which is Base64, and `stringData`, which wins.
fn secret(fields: &mut Fields<'_, '_>, findings: &mut Findings) -> Set {
    let mut set = Set::new();
    for (name, value) in fields.values("data", findings) {
        let bytes = BASE64_STANDARD.decode(value.trim()).ok();
        if let Some(text) = bytes.and_then(|bytes| String::from_utf8(bytes).ok()) {
            set.push((name.value, text));
        } else {
            let message = format!("{} of {} is no Base64 of a text", name.value, fields.what);
            let help = "put plain text into stringData";
            findings.push(finding::error(value.place, message).help(help));
        }
    }
    set.extend(values(fields, "stringData", findings));
    set
}
