use std::collections::BTreeSet;

use crate::{Located, Secret};

/// A store to open once, for all that use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorePlan {
    /// Its URL, which may have a password in it.
    pub url: Located<Secret>,
    /// Its settings besides those in the URL, as text whatever they were written as.
    pub settings: Vec<(String, Located<Secret>)>,
    /// The keys, `url` among them, whose values were taken from elsewhere: an environment variable, a
    /// file, or a secret. They are not printed.
    pub concealed: BTreeSet<String>,
}

// === impl StorePlan ===

impl StorePlan {
    /// A store at a URL, with the settings that are in it.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: Secret::from(url.into()).into(),
            settings: Vec::new(),
            concealed: BTreeSet::new(),
        }
    }

    /// The same store, as if its values had not been read from anywhere.
    pub(super) fn without_places(&self) -> Self {
        let settings = self.settings.iter();
        let settings = settings.map(|(key, value)| (key.clone(), value.value.clone().into()));
        Self {
            url: self.url.value.clone().into(),
            settings: settings.collect(),
            concealed: BTreeSet::new(),
        }
    }
}
