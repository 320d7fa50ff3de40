//! Reads workloads of wasmCloud 2: `WorkloadDeployment` and `Workload` of
//! `runtime.wasmcloud.dev/v1alpha1`, in YAML or JSON, with the `ConfigMap` and `Secret` objects
//! beside them.
//!
//! Everything that is wrong is reported at once, with its place. What Keywell does not offer is an
//! error that names it; other objects of Kubernetes are skipped, with a warning. Fields are those of
//! the operator's types (wasmCloud 2.x); of a value that several layers have, the later layer's is
//! taken: inline, then `configFrom`, then `secretFrom`.

mod component;
mod interface;
mod layer;
mod objects;
mod reading;
mod spec;
mod volume;

use std::path::{Path, PathBuf};

use self::objects::Objects;
use self::reading::Reading;
use crate::part::Part;
use crate::tree::finding::{self, Findings};
use crate::tree::{self, Node, json, yaml};
use crate::{Lookup, Plan, Problem, Source};

/// The keys whose values are no secrets.
const SHOWN: &[&str] = &[
    "allowedHosts",
    "apiVersion",
    "components",
    "configFrom",
    "environment",
    "hostInterfaces",
    "hostPath",
    "image",
    "interfaces",
    "kind",
    "localResources",
    "maxConcurrency",
    "maxInvocations",
    "metadata",
    "mountPath",
    "name",
    "namespace",
    "package",
    "poolSize",
    "readOnly",
    "replicas",
    "secretFrom",
    "service",
    "spec",
    "template",
    "version",
    "volumeMounts",
    "volumes",
];

/// Keys of configuration whose values are no secrets.
const SETTINGS: &[&str] = &["backend", "host", "path", "root", "subscriptions"];

/// Whether a text has an object of wasmCloud 2.
pub(crate) fn is_one(text: &str) -> bool {
    text.match_indices(spec::GROUP).any(|(at, _)| {
        let line = text[..at].rsplit('\n').next().unwrap_or_default();
        let key = line.trim_end_matches([' ', '"', '\'']);
        let key = key.strip_suffix(':').unwrap_or_default();
        key.trim_end_matches([' ', '"', '\''])
            .ends_with("apiVersion")
    })
}

/// Reads a file as far as it can be read.
pub(crate) fn read(file: PathBuf, text: &str, number: u16, lookup: &dyn Lookup) -> Part {
    let mut roots = match roots(text) {
        Ok(roots) => roots,
        Err(problem) => return Part::broken(file, number, text, vec![problem]),
    };
    for root in &mut roots {
        root.set_file(number);
    }
    let mut findings = Findings::default();
    let mut plan = Plan::default();
    for repeated in roots.iter().filter_map(tree::find_repeated_key) {
        findings.push(repeated);
    }
    let objects = Objects::read(&roots, &mut findings);
    let reading = Reading {
        objects: &objects,
        folder: file.parent().unwrap_or(Path::new("")),
        lookup,
    };
    let workloads: Vec<_> = roots
        .iter()
        .filter_map(|root| spec::Workload::read(root, &mut findings))
        .collect();
    spec::add(&workloads, &reading, &mut plan, &mut findings);
    let hidden = tree::hidden(text, &roots, SHOWN, SETTINGS);
    Part::new(file, number, plan, Source::new(text, hidden), findings)
}

fn roots(text: &str) -> Result<Vec<Node<'_>>, Problem> {
    if text.len() as u64 > Plan::MAX_BYTES {
        let message = format!("the file is larger than {} bytes", Plan::MAX_BYTES);
        return Err(finding::error(tree::place(1, 1), message));
    }
    match json::read(text) {
        Some(root) => Ok(vec![root?]),
        None => yaml::read_all(text),
    }
}
