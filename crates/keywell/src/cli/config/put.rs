use std::collections::BTreeSet;

use clap::Args;
use keywell_state::{ConfigSets, Name};

use crate::cli::component::setting;
use crate::cli::failed::Failed;
use crate::cli::kv::Stop;
use crate::cli::usage::Unshown;

/// Put values in the place of what a set had.
///
/// The set is replaced as a whole: what is not given is gone.
#[derive(Args)]
#[command(after_help = "Example:\n  keywell config put shop currency=EUR page-size=20")]
pub(super) struct Put {
    /// The set.
    #[arg(value_name = "NAME")]
    name: Name,

    /// Its values.
    #[arg(value_name = "KEY=VALUE", required = true, value_parser = Unshown::new(setting))]
    values: Vec<(String, String)>,
}

// === impl Put ===

impl Put {
    pub(super) fn run(self, sets: &ConfigSets) -> Result<(), Stop> {
        let mut keys = BTreeSet::new();
        if let Some((key, _)) = self.values.iter().find(|(key, _)| !keys.insert(key)) {
            return Err(Failed::Usage(format!("{key} is given twice")).into());
        }
        Ok(sets.put(&self.name, &self.values.into_iter().collect())?)
    }
}
