//! Reads `keywell.toml`; a file for each section.
//!
//! - An unknown key is an error that names the nearest known one.
//! - `"false"` and `false` mean the same, as do other settings with and without quotes.
//! - Every value has the line and column at which it was read.
//! - What is wrong is reported and stands as absent, and reading goes on. What follows from it is not
//!   reported again: a store whose URL is wrong is a store all the same.
//!
//! It walks the parsed tables itself, since a derived reader has no places.

mod component;
mod defined;
mod document;
mod limits;
mod link;
mod read;
mod secret;
mod shown;
mod store;
mod table;
mod trigger;
mod value;

use std::path::Path;

use toml::de::DeTable;

use self::defined::{Components, Defined};
use self::document::Document;
use self::table::Table;
use crate::plan::chain;
use crate::section::ROOT;
use crate::{ConfigError, Draft, Place, Plan};

// === impl Draft ===

impl Draft {
    /// Reads the file of a plan as far as it can be read: `keywell.toml`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Read`].
    pub fn read(file: &Path) -> Result<Self, ConfigError> {
        let cannot = |problem: String| ConfigError::read(file, problem);
        let metadata = std::fs::metadata(file).map_err(|error| cannot(error.to_string()))?;
        if metadata.len() > Plan::MAX_BYTES {
            let problem = format!("it is larger than {} bytes", Plan::MAX_BYTES);
            return Err(cannot(problem));
        }
        let text = std::fs::read(file).map_err(|error| cannot(error.to_string()))?;
        let text = String::from_utf8(text).map_err(|_| cannot("it is not UTF-8".to_owned()))?;
        Ok(Self::from_toml(file, &text))
    }

    /// Reads the text of a `keywell.toml` as far as it can be read. `file` is for messages, and paths
    /// in the text are taken from its folder.
    pub fn from_toml(file: &Path, text: &str) -> Self {
        // The byte order mark that some editors begin a file with.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let (root, errors) = DeTable::parse_recoverable(text);
        let root = root.into_inner();
        let mut secrets = shown::secrets(text, &root);
        if !errors.is_empty() {
            secrets.extend(shown::secrets_in_broken(text));
        }
        let mut document = Document::new(file, text, secrets);
        for error in errors {
            let span = error.span().unwrap_or_default();
            let place = document.place(&span);
            document.broken(place, error.message().replace('\n', ", "));
        }
        let plan = plan(&document, root);
        Self {
            plan,
            report: document.into_report(),
        }
    }
}

// === impl Plan ===

impl Plan {
    /// The largest file that is read, in bytes: far more than a file written by hand.
    pub const MAX_BYTES: u64 = 4 << 20;

    /// Reads the file of a plan: `keywell.toml`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], with everything that is wrong.
    pub fn read(file: &Path) -> Result<Self, ConfigError> {
        Draft::read(file)?.finish()
    }

    /// Reads a plan from the text of a `keywell.toml`. `file` is for messages, and paths in the
    /// text are taken from its folder.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], with everything that is wrong.
    pub fn from_toml(file: &Path, text: &str) -> Result<Self, ConfigError> {
        Draft::from_toml(file, text).finish()
    }
}

fn plan(document: &Document<'_>, root: DeTable<'_>) -> Plan {
    let start = Place {
        line: 1,
        column: 1,
        length: 0,
    };
    let mut root = Table::new(document, &ROOT, String::new(), start, root);
    let limits = limits::limits(&mut root);
    let build = root.text("build").ok();
    let mut defined = Defined {
        document,
        stores: store::stores(document, &mut root),
        components: Components::default(),
    };
    defined.components = component::components(&mut root, &defined, &limits);
    let triggers = trigger::triggers(&mut root, &defined);
    let chains = chain::problems(&defined.components.plans);
    for (place, problem) in crate::clash::clashes(&triggers).into_iter().chain(chains) {
        document.wrong(place, problem);
    }
    Plan {
        file: Some(document.file.to_owned()),
        source: Some(document.source().clone()),
        limits,
        stores: defined.stores.plans,
        components: defined.components.plans,
        triggers,
        build: build.map(|build| build.value),
        health: None,
        is_metered: false,
    }
}
