//! Which values of a file are shown beside what is wrong: those of keys that are known and not secret.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::report::secrets;
use crate::section::{Kind, ROOT, Section};

/// Where the values are that may be secret.
pub(super) fn secrets(text: &str, root: &DeTable<'_>) -> Vec<Range<usize>> {
    let mut hidden = Hidden {
        text,
        secrets: Vec::new(),
    };
    hidden.table(root, &ROOT);
    hidden.secrets
}

/// Where they are in a text that is not TOML.
pub(super) fn secrets_in_broken(text: &str) -> Vec<Range<usize>> {
    secrets::in_broken(text, |key| is_shown(key, &ROOT))
}

/// Whether a section, or one in it, has a key whose values are shown.
fn is_shown(name: &str, section: &'static Section) -> bool {
    section.keys.iter().any(|key| {
        let is_it = key.name == name && !key.kind.is_secret();
        is_it || inner(&key.kind).is_some_and(|inner| is_shown(name, inner))
    })
}

/// The section in a value of a kind, but for that of a secret.
fn inner(kind: &'static Kind) -> Option<&'static Section> {
    match kind {
        Kind::Secret(_) | Kind::Setting(_) => None,
        Kind::Map(kind) => inner(kind),
        kind => kind.section(),
    }
}

struct Hidden<'t> {
    text: &'t str,
    secrets: Vec<Range<usize>>,
}

// === impl Hidden ===

impl Hidden<'_> {
    fn table(&mut self, entries: &DeTable<'_>, section: &'static Section) {
        for (name, value) in entries {
            match section.key(name.get_ref()) {
                Some(key) => self.value(value, &key.kind),
                None => self.hide(value),
            }
        }
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, kind: &'static Kind) {
        match value.get_ref() {
            DeValue::Table(entries) => match (kind, kind.section()) {
                (Kind::Map(kind), _) => {
                    for (_, value) in entries {
                        self.value(value, kind);
                    }
                }
                (_, Some(section)) => self.table(entries, section),
                (_, None) => self.hide(value),
            },
            DeValue::Array(items) => {
                for item in items {
                    self.value(item, kind);
                }
            }
            DeValue::String(_) if matches!(kind, Kind::Secret(_)) => self.hide_url(value.span()),
            _ if kind.is_secret() => self.hide(value),
            _ => {}
        }
    }

    /// Hides every value of it.
    fn hide(&mut self, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Table(entries) => entries.values().for_each(|value| self.hide(value)),
            DeValue::Array(items) => items.iter().for_each(|item| self.hide(item)),
            _ => self.secrets.push(value.span()),
        }
    }

    /// Hides what is secret of a URL.
    fn hide_url(&mut self, span: Range<usize>) {
        let raw = self.text.get(span.clone()).unwrap_or_default();
        let inner = raw.trim_matches(['"', '\'']);
        // Escaped, what is secret may look like something else.
        if inner.contains('\\') {
            self.secrets.push(span);
            return;
        }
        let begin = span.start + (raw.len() - raw.trim_start_matches(['"', '\'']).len());
        let secrets = secrets::of_url(inner).into_iter();
        self.secrets
            .extend(secrets.map(|secret| begin + secret.start..begin + secret.end));
    }
}
