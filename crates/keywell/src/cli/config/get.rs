use clap::Args;
use keywell_state::{ConfigSets, Name};
use serde_json::{Map, Value};

use crate::cli::kv::{Sink, Stop};

/// Print the values of a set, a line KEY=VALUE each, in the order of the keys.
///
/// Where there is no such set, it says so and ends with exit code 1.
#[derive(Args)]
#[command(after_help = "Example:\n  keywell config get shop --json")]
pub(super) struct Get {
    /// The set.
    #[arg(value_name = "NAME")]
    name: Name,

    /// Print a JSON object: a value may have a line end in it.
    #[arg(long)]
    json: bool,
}

// === impl Get ===

impl Get {
    pub(super) fn run(self, sets: &ConfigSets, out: &mut Sink<'_>) -> Result<(), Stop> {
        let Some(set) = sets.get(&self.name)? else {
            return Err(Stop::failure(format!(
                "there is no configuration set {}",
                self.name
            )));
        };
        if self.json {
            let object: Map<String, Value> = set
                .iter()
                .map(|(key, value)| (key.to_owned(), value.into()))
                .collect();
            return out.json(&object);
        }
        for (key, value) in set.iter() {
            out.name(key)?;
            out.put(b"=")?;
            out.name(value)?;
            out.put(b"\n")?;
        }
        Ok(())
    }
}
