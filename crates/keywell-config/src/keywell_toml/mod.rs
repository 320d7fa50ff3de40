//! Reads `keywell.toml`; a file for each section.
//!
//! - An unknown key is an error that names the nearest known one.
//! - `"false"` and `false` mean the same, as do other settings with and without quotes.
//! - Every value has the line and column at which it was read.
//! - What is wrong is reported and stands as absent, and reading goes on. What follows from it is
//!   not reported again: a store whose URL is wrong is a store all the same.
//!
//! It walks the parsed tables itself, since a derived reader has no places.

mod component;
mod config_sets;
mod defined;
mod document;
mod limits;
mod link;
mod outside;
mod policy;
mod read;
pub(crate) mod secret;
mod shown;
mod store;
mod table;
mod trigger;
mod value;
mod worker;

use std::path::Path;

use toml::de::DeTable;

use self::defined::{Components, Defined};
use self::document::Document;
pub(crate) use self::outside::Outside;
use self::table::Table;
use crate::plan::chain;
use crate::policies::Policies;
use crate::section::ROOT;
use crate::wadm::Providers;
use crate::{
    BuildPlan, ConfigError, Draft, ListenAddress, Located, Lookup, Place, Plan, Process,
    TriggerPlan,
};

// === impl Draft ===

impl Draft {
    /// Reads the text of a `keywell.toml` as far as it can be read. `file` is for messages, and
    /// paths in the text are taken from its folder.
    pub fn from_toml(file: &Path, text: &str) -> Self {
        Self::from_toml_with(file, text, &Process)
    }

    /// As [`Draft::from_toml`], with the place of what the text names.
    pub fn from_toml_with(file: &Path, text: &str, lookup: &dyn Lookup) -> Self {
        from_toml_beside(file, text, lookup, None)
    }
}

/// The sections that are for manifests beside it.
#[derive(Default)]
pub(crate) struct ForManifests {
    pub(crate) providers: Providers,
    pub(crate) policies: Policies,
}

// === impl ForManifests ===

impl ForManifests {
    /// Reads these sections alone, and reports nothing: [`from_toml_beside`] does.
    pub(crate) fn read(file: &Path, text: &str, lookup: &dyn Lookup) -> Self {
        let (document, root) = parse(file, text, lookup);
        let mut root = self::root(&document, root);
        Self {
            providers: policy::providers(&mut root, &document),
            policies: policy::policies(&mut root, &document),
        }
    }
}

/// Reads the text of a `keywell.toml` as far as it can be read. Beside manifests, whose components
/// it may call, others may call its components, too.
pub(crate) fn from_toml_beside(
    file: &Path,
    text: &str,
    lookup: &dyn Lookup,
    manifests: Option<Outside>,
) -> Draft {
    let (document, root) = parse(file, text, lookup);
    let plan = plan(&document, root, manifests);
    let report = document.into_report();
    Draft { plan, report }
}

fn parse<'i>(file: &'i Path, text: &'i str, lookup: &'i dyn Lookup) -> (Document<'i>, DeTable<'i>) {
    // The byte order mark that some editors begin a file with.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (root, errors) = DeTable::parse_recoverable(text);
    let root = root.into_inner();
    let mut secrets = shown::secrets(text, &root);
    if !errors.is_empty() {
        secrets.extend(shown::secrets_in_broken(text));
    }
    let mut document = Document::new(file, text, secrets, lookup);
    for error in errors {
        let span = error.span().unwrap_or_default();
        let place = document.place(&span);
        document.broken(place, error.message().replace('\n', ", "));
    }
    (document, root)
}

fn root<'i>(document: &'i Document<'i>, root: DeTable<'i>) -> Table<'i> {
    let start = Place {
        line: 1,
        column: 1,
        ..Place::default()
    };
    Table::new(document, &ROOT, String::new(), start, root)
}

// === impl Plan ===

impl Plan {
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

fn plan<'i>(document: &'i Document<'i>, root: DeTable<'i>, manifests: Option<Outside>) -> Plan {
    let mut root = self::root(document, root);
    let is_part = manifests.is_some();
    let limits = limits::limits(&mut root);
    let build = root.text("build").ok();
    let mut defined = Defined {
        document,
        stores: store::stores(document, &mut root),
        components: Components::default(),
    };
    let manifests = manifests.unwrap_or_default();
    defined.components = component::components(&mut root, &defined, &limits, manifests);
    let workers = worker::workers(&mut root, &defined);
    for worker in workers.plans.values() {
        if let Some(component) = defined.components.plans.get_mut(&worker.component) {
            component.is_worker = true;
        }
    }
    let triggers = trigger::triggers(&mut root, &defined, &workers, is_part);
    let called = triggers.iter().filter_map(|trigger| match trigger {
        TriggerPlan::Invoke(invoke) => Some(invoke.workers.as_ref()?.names.as_str()),
        TriggerPlan::Http(_) | TriggerPlan::Watch(_) | TriggerPlan::Command(_) => None,
    });
    if document.errors() == 0 {
        workers.report_unused(&called.collect::<Vec<_>>(), document);
    }
    let health = health(&mut root);
    let mut problems = crate::clash::clashes(&triggers);
    problems.extend(chain::problems(&defined.components.plans));
    problems.extend(crate::clash::of_health(health.as_ref(), &triggers));
    for (place, problem) in problems {
        document.wrong(place, problem);
    }
    // For the manifests they were read before; what is wrong with them is reported here.
    policy::providers(&mut root, document);
    policy::policies(&mut root, document);
    Plan {
        file: Some(document.file.to_owned()),
        source: Some(document.source().clone()),
        more_files: Vec::new(),
        limits,
        stores: defined.stores.plans,
        components: defined.components.plans,
        triggers,
        build: build.map(|build| build.value),
        build_with: BuildPlan::default(),
        health,
        is_metered: false,
    }
}

fn health(root: &mut Table<'_>) -> Option<Located<ListenAddress>> {
    let health = root.take("health").and_then(|value| {
        let place = value.place;
        let value = value.parsed(str::parse)?;
        Some(Located { value, place })
    });
    health.ok()
}
