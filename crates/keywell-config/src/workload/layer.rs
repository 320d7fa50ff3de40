use std::collections::BTreeSet;

use super::objects::Set;
use super::reading::Reading;
use crate::report::secrets::is_secret;
use crate::tree::fields::{Fields, Unknown};
use crate::tree::finding::{self, Findings};
use crate::{Located, Place, Secret};

/// Values of `config`, `configFrom` and `secretFrom`; of two with one key the later counts.
#[derive(Default)]
pub(super) struct Layer {
    pub(super) values: Vec<(String, Located<String>)>,
    /// The keys whose values are not shown.
    pub(super) concealed: BTreeSet<String>,
}

// === impl Layer ===

impl Layer {
    /// Takes the three keys of a mapping.
    pub(super) fn read(
        fields: &mut Fields<'_, '_>,
        reading: &Reading<'_>,
        findings: &mut Findings,
    ) -> Self {
        let mut layer = Self::default();
        layer.add_inline(fields, findings);
        for name in references(fields, "configFrom", findings) {
            let place = name.place;
            match config_map(reading, &name) {
                Ok(set) => layer.add(located(set, place), false),
                Err(problem) => {
                    let message = format!("the ConfigMap {} {problem}", name.value);
                    let help = format!(
                        "add it to the file, or make the set by keywell config put {} KEY=VALUE",
                        name.value
                    );
                    findings.push(finding::error(place, message).help(help));
                }
            }
        }
        for name in references(fields, "secretFrom", findings) {
            let place = name.place;
            match secret(reading, &name) {
                Ok(set) => layer.add(located(set, place), true),
                Err(problem) => {
                    let message = format!("the Secret {} {problem}", name.value);
                    let help = format!(
                        "add it to the file, or put a JSON object of its keys by \
                         keywell secret put {}",
                        name.value
                    );
                    findings.push(finding::error(place, message).help(help));
                }
            }
        }
        layer
    }

    /// Takes `config` alone.
    pub(super) fn add_inline(&mut self, fields: &mut Fields<'_, '_>, findings: &mut Findings) {
        let values = fields.values("config", findings).into_iter();
        let values = values.map(|(name, value)| (name.value, value));
        self.add(values.collect(), false);
    }

    fn add(&mut self, values: Vec<(String, Located<String>)>, is_concealed: bool) {
        for (key, value) in values {
            self.values.retain(|(known, _)| *known != key);
            if is_concealed || is_secret(&key, &value) {
                self.concealed.insert(key.clone());
            }
            self.values.push((key, value));
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Located<String>> {
        let found = self.values.iter().find(|(known, _)| known == key);
        found.map(|(_, value)| value)
    }

    /// A value that may be secret.
    pub(super) fn secret(&self, key: &str) -> Option<Located<Secret>> {
        self.get(key).map(|value| Located {
            value: Secret::from(value.value.clone()),
            place: value.place,
        })
    }
}

fn located(set: Set, place: Place) -> Vec<(String, Located<String>)> {
    let set = set.into_iter();
    set.map(|(key, value)| (key, Located { value, place }))
        .collect()
}

/// The names of a list of references.
fn references(
    fields: &mut Fields<'_, '_>,
    key: &'static str,
    findings: &mut Findings,
) -> Vec<Located<String>> {
    let what = format!("an item of {key} of {}", fields.what);
    let mut names = Vec::new();
    for node in fields.list(key, findings) {
        let Some(mut reference) = Fields::of(node, &*what, findings) else {
            continue;
        };
        names.extend(reference.text("name", findings));
        reference.finish(Unknown::Refused, findings);
    }
    names
}

fn config_map(reading: &Reading<'_>, name: &str) -> Result<Set, String> {
    if let Some(set) = reading.objects.config_maps.get(name) {
        return Ok(set.clone());
    }
    let set = reading.lookup.config_set(name)?;
    set.ok_or_else(|| "is not there".to_owned())
}

fn secret(reading: &Reading<'_>, name: &str) -> Result<Set, String> {
    if let Some(set) = reading.objects.secrets.get(name) {
        return Ok(set.clone());
    }
    let text = reading.lookup.secret(name)?.ok_or("is not there")?;
    let object: Option<serde_json::Map<String, serde_json::Value>> =
        serde_json::from_str(text.expose()).ok();
    let object = object.ok_or("is no JSON object of keys and values")?;
    let values = object.into_iter().map(|(key, value)| match value {
        serde_json::Value::String(text) => (key, text),
        value => (key, value.to_string()),
    });
    Ok(values.collect())
}
