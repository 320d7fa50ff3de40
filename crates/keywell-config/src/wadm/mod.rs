//! Reads the manifests of wadm, the deployment manager of wasmCloud 1.x: applications of
//! `core.oam.dev/v1beta1`, in YAML or JSON.
//!
//! ```
//! use keywell_config::wadm;
//!
//! let text = "
//! apiVersion: core.oam.dev/v1beta1
//! kind: Application
//! metadata:
//!   name: hello
//!   annotations: {}
//! spec:
//!   components:
//!     - name: hello
//!       type: component
//!       properties:
//!         image: ghcr.io/wasmcloud/components/http-hello-world-rust:0.1.0
//!       traits:
//!         - type: spreadscalar
//!           properties: { instances: 1 }
//! ";
//! let (manifest, report) = wadm::read("wadm.yaml".as_ref(), text);
//! assert!(manifest.is_none());
//! assert_eq!(
//!     report.to_string(),
//!     "wadm.yaml:14:17: spreadscalar of hello is no trait; did you mean spreadscaler?"
//! );
//! ```
//!
//! # What it guarantees
//!
//! - It reports everything that is wrong at once, each with its place, by the names in the file.
//!   What is no YAML, or no wadm manifest at all, is one error.
//! - Where wadm is silent and the application would not work (an unknown trait, a link in the wrong
//!   direction, configuration that nothing reads), it is an error or a warning here.
//! - A [`Manifest`] that is returned has no error: every name that is used is defined in it, apart
//!   from named configuration made elsewhere and components of other applications.
//! - No message has a value that may be secret.
//! - A file of any content is read in bounded time and memory: at most 4 MiB, 64 levels, and
//!   200,000 values with aliases written out.
//!
//! # Where the rules are from
//!
//! The fields, and which of them may be left out, are those of wadm's own types (`wadm-types` 0.8);
//! the checks are those of its server's validation and of the host's links (wasmCloud 1.9); what a
//! provider reads is taken from the providers' sources. Two rules differ: `:latest` is accepted, as
//! many manifests have it, and the older spelling of a link's configuration (`source_config`,
//! `target_config`) draws no warning.
//!
//! # What it does not do
//!
//! It opens no other file: a `file://` in a value is returned as it is written, as is an image. A
//! manifest is checked by itself: what other files have is found when all of them become a [`Plan`],
//! by [`Draft::read_all`](crate::Draft::read_all).

mod check;
mod component;
mod link;
mod manifest;
pub(crate) mod plan;
mod provider;
mod recognition;
mod scaler;
mod settings;
mod shown;
mod traits;

use std::path::Path;

use crate::tree::finding::{self, Findings};
use crate::tree::{self, Node, fields, json, yaml};
use crate::{Plan, Problem, Report, Source};

pub use component::{Component, ComponentKind, ComponentSource};
pub use link::{Link, LinkSide};
pub use manifest::{Manifest, Policy};
pub use provider::{Builtin, Provider, Providers};
pub use scaler::Scaler;
pub use settings::{ConfigItem, Property, SecretItem};

/// Reads a manifest. `file` decides by its name whether a text that is neither is wrong JSON or wrong
/// YAML; it is not opened.
///
/// The report is in the order of the file. There is a manifest if it has no error.
pub fn read(file: &Path, text: &str) -> (Option<Manifest>, Report) {
    read_with(file, text, &Providers::default())
}

/// Reads a manifest with these providers known.
pub fn read_with(file: &Path, text: &str, providers: &Providers) -> (Option<Manifest>, Report) {
    let (manifest, report, _) = read_shown(file, text, providers);
    (manifest, report)
}

/// As [`read_with`], with the text to show lines of.
pub(crate) fn read_shown(
    file: &Path,
    text: &str,
    providers: &Providers,
) -> (Option<Manifest>, Report, Source) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut findings = Findings::default();
    let (manifest, secrets) = match root(file, text) {
        Ok(root) => {
            let manifest = manifest::read(&root, &mut findings);
            (manifest, shown::secrets(text, &root))
        }
        Err(finding) => {
            findings.push(finding);
            (None, shown::secrets_in_broken(text))
        }
    };
    if let Some(manifest) = &manifest {
        check::check(manifest, providers, &mut findings);
    }
    let manifest = manifest.filter(|_| !findings.has_error());
    let source = Source::new(text, secrets);
    let report = findings.into_report(file, &source);
    (manifest, report, source)
}

/// The root of a file that is a wadm application.
fn root<'i>(file: &Path, text: &'i str) -> Result<Node<'i>, Problem> {
    let start = tree::place(1, 1);
    if text.len() as u64 > Plan::MAX_BYTES {
        let message = format!("the file is larger than {} bytes", Plan::MAX_BYTES);
        return Err(finding::error(start, message));
    }
    let is_json = file
        .extension()
        .is_some_and(|extension| extension == "json");
    let (root, second) = match json::read(text) {
        Some(root) => (Some(root?), None),
        None if is_json && !text.trim().is_empty() => {
            json::check(text)?;
            (yaml::read(text)?.root, None)
        }
        None => {
            let yaml = yaml::read(text);
            let yaml = yaml.map_err(|error| recognition::refuse_template(text).unwrap_or(error))?;
            (yaml.root, yaml.second)
        }
    };
    let Some(root) = root.filter(|root| !root.is_null()) else {
        let help = "write a manifest of one application into it";
        return Err(finding::error(start, "the file is empty").help(help));
    };
    if let Some(repeated) = tree::find_repeated_key(&root) {
        return Err(repeated);
    }
    if let Some(refused) = recognition::refuse(&root) {
        return Err(refused);
    }
    if let Some(second) = second {
        let message = "a second document begins here, and a manifest is one";
        let help = "put each application into a file of its own, and give all files";
        return Err(finding::error(second, message).help(help));
    }
    Ok(root)
}
