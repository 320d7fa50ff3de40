use std::collections::HashSet;

use crate::Secret;

/// The environment variables that stand for what may be secret.
#[derive(Default)]
pub(super) struct Variables {
    values: Vec<(String, String, Secret)>,
    names: HashSet<String>,
}

// === impl Variables ===

impl Variables {
    /// Keeps a value in a variable whose name is made of these words, and gives what stands for it.
    pub(super) fn add(&mut self, words: &[&str], what: String, value: &str) -> String {
        let clean = |word: &&str| -> String {
            let chars = word.chars();
            let clean = chars.map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
            clean.collect::<String>().to_ascii_uppercase()
        };
        let words: Vec<String> = words.iter().map(clean).collect();
        let mut base = words.join("_");
        if base.starts_with(|c: char| c.is_ascii_digit()) {
            base.insert(0, '_');
        }
        let numbered = (2..).map(|number| format!("{base}_{number}"));
        let mut names = std::iter::once(base.clone()).chain(numbered);
        let name = names
            .find(|name| !self.names.contains(name))
            .unwrap_or_default();
        self.names.insert(name.clone());
        let reference = format!("{{ env = \"{name}\" }}");
        self.values
            .push((name, what, Secret::from(value.to_owned())));
        reference
    }

    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The names, and what each is.
    pub(super) fn described(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(name, what, _)| (&**name, &**what))
    }

    pub(super) fn into_values(self) -> Vec<(String, Secret)> {
        let values = self.values.into_iter();
        values.map(|(name, _, value)| (name, value)).collect()
    }
}
