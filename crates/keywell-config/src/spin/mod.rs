//! Reads manifests of Spin: `spin.toml` of manifest version 2.
//!
//! Everything that is wrong is reported at once, with its place. What Keywell does not offer
//! (`SQLite`, models, other triggers than HTTP, routes with parameters, dependencies) is an error that
//! names it. Values of variables are those of the environment, `SPIN_VARIABLE_NAME`, or else their
//! defaults.

mod component;
mod files;
mod hosts;
mod manifest;
mod source;
mod trigger;
mod variables;

use std::path::{Path, PathBuf};

use crate::part::Part;
use crate::tree::finding::Findings;
use crate::tree::{self, toml};
use crate::{Lookup, Plan, Source};

/// The name of its file.
const FILE: &str = "spin.toml";

/// The keys whose values are no secrets.
const SHOWN: &[&str] = &[
    "allowed_outbound_hosts",
    "application",
    "authors",
    "base",
    "build",
    "command",
    "component",
    "description",
    "destination",
    "digest",
    "exclude_files",
    "executor",
    "files",
    "http",
    "key_value_stores",
    "name",
    "package",
    "registry",
    "required",
    "route",
    "secret",
    "source",
    "spin_manifest_version",
    "sqlite_databases",
    "trigger",
    "type",
    "version",
    "watch",
    "workdir",
];

/// Whether a file is one, by its name or by the key that begins it.
pub(crate) fn is_one(file: &Path, text: &str) -> bool {
    let keys = ["spin_manifest_version", "spin_version"];
    let mut lines = text.lines().map(str::trim_start);
    file.file_name().is_some_and(|name| name == FILE)
        || lines.any(|line| keys.iter().any(|key| line.starts_with(key)))
}

/// Reads a file as far as it can be read.
pub(crate) fn read(file: PathBuf, text: &str, number: u16, lookup: &dyn Lookup) -> Part {
    let mut root = match toml::read(text) {
        Ok(root) => root,
        Err(problems) => return Part::broken(file, number, text, problems),
    };
    root.set_file(number);
    let mut findings = Findings::default();
    let mut plan = Plan::default();
    let folder = file.parent().unwrap_or(Path::new(""));
    manifest::read(&root, folder, lookup, &mut plan, &mut findings);
    let hidden = tree::hidden(text, std::slice::from_ref(&root), SHOWN, &[]);
    Part::new(file, number, plan, Source::new(text, hidden), findings)
}
