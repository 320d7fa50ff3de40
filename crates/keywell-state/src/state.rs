use std::path::{Path, PathBuf};

use crate::config_sets::ConfigSets;
use crate::files::Files;
use crate::home::Home;
use crate::key::Key;
use crate::secrets::Secrets;

/// A state folder, which need not be there yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State(Home);

// === impl State ===

impl State {
    /// The state folder at this path. Nothing is opened or made.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(Home::new(folder.into()))
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    /// The configuration sets in it.
    pub fn config_sets(&self) -> ConfigSets {
        ConfigSets::new(Files::new(self.0.clone(), "config", ".toml"))
    }

    /// The secrets in it, with this key or that in the folder.
    pub fn secrets(&self, key: Option<Key>) -> Secrets {
        Secrets::new(Files::new(self.0.clone(), "secrets", ".age"), key)
    }
}
