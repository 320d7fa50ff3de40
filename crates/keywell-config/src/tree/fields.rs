//! A mapping that is taken apart key by key, with everything that is wrong in it.

use super::finding::{self, Findings};
use super::node::{Key, Kind, Node, Value};
use crate::{Located, Place, Problem};

/// The keys of a mapping, and which of them were taken.
pub(crate) struct Fields<'n, 'i> {
    node: &'n Node<'i>,
    /// What messages call it: `the link of counter`.
    pub(crate) what: String,
    taken: Vec<&'static str>,
}

/// How keys that nothing takes are reported.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// They are errors.
    Refused,
    /// They are warnings: the program whose file it is ignores them, silently.
    Ignored,
}

// === impl Fields ===

impl<'n, 'i> Fields<'n, 'i> {
    /// The keys of a node, if it is a mapping.
    pub(crate) fn of(
        node: &'n Node<'i>,
        what: impl Into<String>,
        findings: &mut Findings,
    ) -> Option<Self> {
        let what = what.into();
        if !matches!(node.value, Value::Mapping(_)) {
            findings.push(unlike(node, &what, "a mapping"));
            return None;
        }
        let taken = Vec::new();
        Some(Self { node, what, taken })
    }

    pub(crate) fn place(&self) -> Place {
        self.node.place
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.node.get(key).is_some()
    }

    /// The value of a key, unless it has none.
    pub(crate) fn take(&mut self, key: &'static str) -> Option<&'n Node<'i>> {
        self.taken.push(key);
        self.node.get(key).filter(|value| !value.is_null())
    }

    pub(crate) fn required(
        &mut self,
        key: &'static str,
        findings: &mut Findings,
    ) -> Option<&'n Node<'i>> {
        let value = self.take(key);
        if value.is_none() {
            findings.push(self.misses(key));
        }
        value
    }

    pub(crate) fn misses(&self, key: &str) -> Problem {
        finding::error(self.place(), format!("{} has no {key}", self.what))
    }

    /// Where the key itself stands.
    pub(crate) fn key_place(&self, key: &str) -> Place {
        self.entries()
            .iter()
            .find(|(name, _)| name.value == key)
            .map_or(self.node.place, |(name, _)| name.place)
    }

    /// A text that is required, and not empty.
    pub(crate) fn text(
        &mut self,
        key: &'static str,
        findings: &mut Findings,
    ) -> Option<Located<String>> {
        let value = self.required(key, findings)?;
        text(value, &format!("{key} of {}", self.what), findings)
    }

    pub(crate) fn optional_text(
        &mut self,
        key: &'static str,
        findings: &mut Findings,
    ) -> Option<Located<String>> {
        let value = self.take(key)?;
        text(value, &format!("{key} of {}", self.what), findings)
    }

    /// A list, which may be left out.
    pub(crate) fn list(&mut self, key: &'static str, findings: &mut Findings) -> &'n [Node<'i>] {
        let Some(value) = self.take(key) else {
            return &[];
        };
        if !matches!(value.value, Value::List(_)) {
            let what = format!("{key} of {}", self.what);
            findings.push(unlike(
                value,
                &what,
                "a list, whose items begin with a dash",
            ));
        }
        value.items()
    }

    /// A list of texts, which may be left out.
    pub(crate) fn texts(
        &mut self,
        key: &'static str,
        findings: &mut Findings,
    ) -> Vec<Located<String>> {
        let Some(value) = self.take(key) else {
            return Vec::new();
        };
        let what = format!("{key} of {}", self.what);
        if !matches!(value.value, Value::List(_)) {
            findings.push(unlike(value, &what, "a list of texts"));
        }
        let items = value.items().iter();
        items
            .filter_map(|item| text(item, &format!("an item of {what}"), findings))
            .collect()
    }

    /// The texts of a mapping whose keys are names, which may be left out.
    pub(crate) fn values(
        &mut self,
        key: &'static str,
        findings: &mut Findings,
    ) -> Vec<(Located<String>, Located<String>)> {
        let Some(node) = self.take(key) else {
            return Vec::new();
        };
        let what = format!("{key} of {}", self.what);
        let Some(fields) = Fields::of(node, what, findings) else {
            return Vec::new();
        };
        let mut values = Vec::new();
        for (name, node) in fields.entries() {
            let what = format!("{} in {}", name.value, fields.what);
            match &node.value {
                Value::Scalar(scalar) if scalar.kind() == Kind::Text => {
                    let name = Located {
                        value: name.value.clone().into_owned(),
                        place: name.place,
                    };
                    let value = Located {
                        value: scalar.text.clone().into_owned(),
                        place: node.place,
                    };
                    values.push((name, value));
                }
                _ => findings.push(unlike(node, &what, "a text")),
            }
        }
        values
    }

    /// True or false, which may be left out.
    pub(crate) fn boolean(&mut self, key: &'static str, findings: &mut Findings) -> Option<bool> {
        let value = self.take(key)?;
        match &value.value {
            Value::Scalar(scalar) if scalar.kind() == Kind::Boolean => {
                Some(scalar.text.eq_ignore_ascii_case("true"))
            }
            _ => {
                let what = format!("{key} of {}", self.what);
                findings.push(unlike(value, &what, "true or false"));
                None
            }
        }
    }

    /// A whole number that is not negative, which may be left out.
    pub(crate) fn number(
        &mut self,
        key: &'static str,
        findings: &mut Findings,
    ) -> Option<Located<u32>> {
        let value = self.take(key)?;
        let number: Option<u32> = match &value.value {
            Value::Scalar(scalar) if scalar.kind() == Kind::Number => scalar.text.parse().ok(),
            _ => None,
        };
        if number.is_none() {
            let what = format!("{key} of {}", self.what);
            let message = format!("{what} should be a whole number, 0 or more");
            findings.push(finding::error(value.place, message));
        }
        number.map(|number| Located {
            value: number,
            place: value.place,
        })
    }

    /// Takes a key that says nothing here.
    pub(crate) fn skip(&mut self, keys: &[&'static str]) {
        self.taken.extend(keys);
    }

    /// Reports the keys that were not taken.
    pub(crate) fn finish(self, unknown: Unknown, findings: &mut Findings) {
        for (key, _) in self.entries() {
            if self.taken.contains(&&*key.value) {
                continue;
            }
            let finding = match unknown {
                Unknown::Refused => {
                    let message = format!("{} has no key {}", self.what, key.value);
                    let help = format!("there is {}", self.taken.join(", "));
                    finding::error(key.place, message).help(help)
                }
                Unknown::Ignored => {
                    let message = format!("{} of {} has no effect", key.value, self.what);
                    finding::warning(key.place, message)
                }
            };
            findings.push(finding.did_you_mean(&key.value, self.taken.iter().copied()));
        }
    }

    pub(crate) fn entries(&self) -> &'n [(Key<'i>, Node<'i>)] {
        match &self.node.value {
            Value::Mapping(entries) => entries,
            _ => &[],
        }
    }
}

/// A text that is not empty. A number or a truth without quotes is none.
pub(crate) fn text(
    node: &Node<'_>,
    what: &str,
    findings: &mut Findings,
) -> Option<Located<String>> {
    let value = match &node.value {
        Value::Scalar(scalar) if scalar.kind() == Kind::Text => &*scalar.text,
        Value::Scalar(scalar) if scalar.kind() != Kind::Null => {
            let message = format!("{what} should be a text, and is {}", node.what());
            findings.push(finding::error(node.place, message).help(quoted(&scalar.text)));
            return None;
        }
        _ => {
            findings.push(unlike(node, what, "a text"));
            return None;
        }
    };
    if value.trim().is_empty() {
        findings.push(finding::error(node.place, format!("{what} is empty")));
        return None;
    }
    Some(Located {
        value: value.to_owned(),
        place: node.place,
    })
}

/// Any scalar but nothing, as text: quotes or not.
pub(crate) fn loose_text(
    node: &Node<'_>,
    what: &str,
    findings: &mut Findings,
) -> Option<Located<String>> {
    match node.text() {
        Some(value) if !node.is_null() => Some(Located {
            value: value.to_owned(),
            place: node.place,
        }),
        _ => {
            findings.push(unlike(node, what, "a text"));
            None
        }
    }
}

pub(crate) fn unlike(node: &Node<'_>, what: &str, expected: &str) -> Problem {
    let message = format!("{what} should be {expected}, and is {}", node.what());
    finding::error(node.place, message)
}

pub(crate) fn quoted(text: &str) -> String {
    format!("write {text:?}, in quotes")
}
