//! A mapping that is taken apart key by key, with everything that is wrong in it.

use super::finding::{self, Findings};
use crate::tree::{Key, Kind, Node, Value};
use crate::{Located, Place, Problem};

/// The keys of a mapping, and which of them were taken.
pub(super) struct Fields<'n, 'i> {
    node: &'n Node<'i>,
    /// What messages call it: `the link of counter`.
    pub(super) what: String,
    taken: Vec<&'static str>,
}

/// How keys that nothing takes are reported.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    /// wadm refuses them.
    Refused,
    /// wadm ignores them, silently.
    Ignored,
}

// === impl Fields ===

impl<'n, 'i> Fields<'n, 'i> {
    /// The keys of a node, if it is a mapping.
    pub(super) fn of(
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

    pub(super) fn place(&self) -> Place {
        self.node.place
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.node.get(key).is_some()
    }

    /// The value of a key, unless it has none.
    pub(super) fn take(&mut self, key: &'static str) -> Option<&'n Node<'i>> {
        self.taken.push(key);
        self.node.get(key).filter(|value| !value.is_null())
    }

    pub(super) fn required(
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

    pub(super) fn misses(&self, key: &str) -> Problem {
        finding::error(self.place(), format!("{} has no {key}", self.what))
    }

    /// Where the key itself stands.
    pub(super) fn key_place(&self, key: &str) -> Place {
        self.entries()
            .iter()
            .find(|(name, _)| name.value == key)
            .map_or(self.node.place, |(name, _)| name.place)
    }

    /// A text that is required, and not empty.
    pub(super) fn text(
        &mut self,
        key: &'static str,
        findings: &mut Findings,
    ) -> Option<Located<String>> {
        let value = self.required(key, findings)?;
        text(value, &format!("{key} of {}", self.what), findings)
    }

    pub(super) fn optional_text(
        &mut self,
        key: &'static str,
        findings: &mut Findings,
    ) -> Option<Located<String>> {
        let value = self.take(key)?;
        text(value, &format!("{key} of {}", self.what), findings)
    }

    /// A list, which may be left out.
    pub(super) fn list(&mut self, key: &'static str, findings: &mut Findings) -> &'n [Node<'i>] {
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

    /// Reports the keys that were not taken.
    pub(super) fn finish(self, unknown: Unknown, findings: &mut Findings) {
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

    pub(super) fn entries(&self) -> &'n [(Key<'i>, Node<'i>)] {
        match &self.node.value {
            Value::Mapping(entries) => entries,
            _ => &[],
        }
    }
}

/// A text that is not empty. A number or a truth without quotes is none.
pub(super) fn text(
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

/// Any scalar but nothing, as text: what wadm reads where it does not look at quotes.
pub(super) fn loose_text(
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

pub(super) fn unlike(node: &Node<'_>, what: &str, expected: &str) -> Problem {
    let message = format!("{what} should be {expected}, and is {}", node.what());
    finding::error(node.place, message)
}

pub(super) fn quoted(text: &str) -> String {
    format!("write {text:?}, in quotes")
}
