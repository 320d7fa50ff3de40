use clap::Args;
use keywell_config::Lookup as _;

use super::lookup::StateLookup;
use super::state::StateArguments;
use crate::cli::failed::Failed;

/// Configuration sets for a component.
#[derive(Args, Clone)]
pub(super) struct ConfigSetArguments {
    /// A configuration set of the state folder, whose values the component reads by wasi:config;
    /// may be repeated. A later set wins, and --config-file and --config over all sets.
    #[arg(long = "config-set", value_name = "NAME")]
    names: Vec<String>,

    #[command(flatten)]
    state: StateArguments,
}

/// A configuration set, by the name that it was given by.
pub(super) struct NamedSet {
    pub(super) name: String,
    pub(super) values: Vec<(String, String)>,
}

// === impl ConfigSetArguments ===

impl ConfigSetArguments {
    /// Where the sets are.
    pub(super) fn state(&self) -> &StateArguments {
        &self.state
    }

    /// Reads the sets, in the order of their names.
    pub(super) fn read(&self) -> Result<Vec<NamedSet>, Failed> {
        let lookup = StateLookup(&self.state);
        let sets = self.names.iter().map(|name| {
            let what = format!("the configuration set {name:?}");
            let set = lookup.config_set(name);
            let set = set.map_err(|problem| Failed::Usage(format!("{what} {problem}")))?;
            let missing =
                format!("{what} is not there; `keywell config list` prints those that are");
            Ok(NamedSet {
                name: name.clone(),
                values: set.ok_or(Failed::Usage(missing))?,
            })
        });
        sets.collect()
    }
}

// === impl NamedSet ===

impl NamedSet {
    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        let found = self.values.iter().find(|(own, _)| own == key);
        found.map(|(_, value)| value.as_str())
    }
}
