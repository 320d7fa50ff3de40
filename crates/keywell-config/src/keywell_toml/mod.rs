//! Reads `keywell.toml`; a file for each section.
//!
//! - An unknown key is an error that names the nearest known one.
//! - `"false"` and `false` mean the same, as do other settings with and without quotes.
//! - Every value has the line and column at which it was read.
//!
//! It walks the parsed tables itself, since a derived reader has no places.

mod component;
mod defined;
mod store;
mod table;
mod trigger;

use std::path::Path;

use self::defined::Defined;
use self::table::{Document, Table};
use crate::error::Result;
use crate::{ConfigError, LimitsPlan, Plan};

// === impl Plan ===

impl Plan {
    /// The largest file that is read, in bytes: far more than a file written by hand.
    pub const MAX_BYTES: u64 = 4 << 20;

    /// Reads the file of a plan: `keywell.toml`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`].
    pub fn read(file: &Path) -> Result<Self, ConfigError> {
        let cannot = |problem: String| ConfigError::Read {
            file: file.to_owned(),
            problem,
        };
        let metadata = std::fs::metadata(file).map_err(|error| cannot(error.to_string()))?;
        if metadata.len() > Self::MAX_BYTES {
            let problem = format!("it is larger than {} bytes", Self::MAX_BYTES);
            return Err(cannot(problem));
        }
        let text = std::fs::read(file).map_err(|error| cannot(error.to_string()))?;
        let text = String::from_utf8(text).map_err(|_| cannot("it is not UTF-8".to_owned()))?;
        Self::from_toml(file, &text)
    }

    /// Reads a plan from the text of a `keywell.toml`. `file` is for messages, and paths in the
    /// text are taken from its folder.
    ///
    /// # Errors
    ///
    /// [`ConfigError`].
    pub fn from_toml(file: &Path, text: &str) -> Result<Self, ConfigError> {
        parse(file, text)
    }
}

fn parse(file: &Path, text: &str) -> Result<Plan> {
    // The byte order mark that some editors begin a file with.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let document = Document { file, text };
    let mut root = Table::root(document)?;
    root.only(&["store", "component", "trigger", "limits"])?;
    let limits = limits(&mut root)?;
    let stores = store::stores(&mut root)?;
    let mut defined = Defined {
        document,
        stores: &stores,
        components: None,
    };
    let components = component::components(&mut root, &defined, &limits)?;
    defined.components = Some(&components);
    let triggers = trigger::triggers(&mut root, &defined)?;
    if triggers.is_empty() {
        return Err(ConfigError::Whole {
            file: file.to_owned(),
            problem: "nothing calls a component; add a [[trigger.http]] or a [[trigger.watch]]"
                .to_owned(),
        });
    }
    Ok(Plan {
        file: Some(file.to_owned()),
        limits,
        stores,
        components,
        triggers,
        is_metered: false,
    })
}

fn limits(root: &mut Table<'_>) -> Result<LimitsPlan> {
    let Some(limits) = root.take("limits") else {
        return Ok(LimitsPlan::default());
    };
    let mut limits = limits.table()?;
    limits.only(&[
        "memory",
        "timeout",
        "instances",
        "connections",
        "write-timeout",
        "total-memory",
    ])?;
    Ok(LimitsPlan {
        memory: limits.size("memory")?,
        timeout: limits.duration("timeout")?,
        instances: limits.number("instances", 1..10_001)?,
        connections: limits.number("connections", 1..1_000_001)?,
        write_timeout: limits.duration("write-timeout")?,
        total_memory: limits.size("total-memory")?,
    })
}
