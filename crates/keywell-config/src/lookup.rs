use std::env::VarError;

use crate::Secret;

/// Where the values are that a file names: variables, configuration sets, secrets.
///
/// An error is a sentence without its subject, as in "is not UTF-8", and shows no value.
pub trait Lookup {
    /// An environment variable; none where it is not set. By itself, one of this process.
    ///
    /// # Errors
    ///
    /// Why it cannot be used.
    fn variable(&self, name: &str) -> Result<Option<Secret>, String> {
        match std::env::var(name) {
            Ok(value) => Ok(Some(value.into())),
            Err(VarError::NotPresent) => Ok(None),
            Err(VarError::NotUnicode(_)) => Err("is not UTF-8".to_owned()),
        }
    }

    /// The values of a configuration set, by their keys; none where there is no such set.
    ///
    /// # Errors
    ///
    /// Why it cannot be read.
    fn config_set(&self, name: &str) -> Result<Option<Vec<(String, String)>>, String>;

    /// A secret; none where there is none of this name.
    ///
    /// # Errors
    ///
    /// Why it cannot be read.
    fn secret(&self, name: &str) -> Result<Option<Secret>, String>;
}

/// The environment of this process, without a state folder: it has no sets and no secrets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Process;

const NO_STATE: &str = "cannot be read: this program has no state folder";

// === impl Process ===

impl Lookup for Process {
    fn config_set(&self, _name: &str) -> Result<Option<Vec<(String, String)>>, String> {
        Err(NO_STATE.to_owned())
    }

    fn secret(&self, _name: &str) -> Result<Option<Secret>, String> {
        Err(NO_STATE.to_owned())
    }
}
