use keywell_config::{Lookup, Secret};
use keywell_state::Name;

use super::state::StateArguments;
use crate::cli::failed::Failed;

/// Looks up in the state folder what a configuration names. Nothing is opened before.
pub(super) struct StateLookup<'a>(pub(super) &'a StateArguments);

// === impl StateLookup ===

impl Lookup for StateLookup<'_> {
    fn config_set(&self, name: &str) -> Result<Option<Vec<(String, String)>>, String> {
        let name = parsed(name)?;
        let state = self.0.state().map_err(text)?;
        let set = state
            .config_sets()
            .get(&name)
            .map_err(|error| unreadable(&error))?;
        let entries = |set: keywell_state::ConfigSet| {
            let entries = set.iter();
            entries
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect()
        };
        Ok(set.map(entries))
    }

    fn secret(&self, name: &str) -> Result<Option<Secret>, String> {
        let name = parsed(name)?;
        let secrets = self.0.secrets().map_err(text)?;
        secrets.get(&name).map_err(|error| unreadable(&error))
    }
}

fn parsed(name: &str) -> Result<Name, String> {
    name.parse::<Name>()
        .map_err(|error| format!("cannot be: {error}"))
}

fn text(failed: Failed) -> String {
    let (Failed::Failure(text) | Failed::Usage(text)) = failed;
    format!("cannot be read: {text}")
}

fn unreadable(error: &keywell_state::Error) -> String {
    format!("cannot be read: {error}")
}
