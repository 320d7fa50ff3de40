use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use keywell_store::Secret;

use crate::AllowedHost;

/// What the components of an application see of the world besides their buckets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// Environment variables; none of Keywell's own are passed on.
    pub variables: Vec<(String, String)>,
    /// The values that `wasi:config` answers.
    pub config: BTreeMap<Arc<str>, Arc<str>>,
    /// The values that `wasmcloud:secrets` answers. Of two with one key the later counts.
    pub secrets: Vec<(String, Secret)>,
    /// The names of links for interfaces other than those of `wasi:keyvalue`, whose links the grants
    /// have: by the interface, without a version.
    pub links: BTreeMap<String, BTreeSet<String>>,
    /// Arguments, the program's name first.
    pub arguments: Vec<String>,
    /// Whether the component reads Keywell's standard input. What it prints goes to
    /// [`Options::output`](crate::Options::output).
    pub stdin: bool,
    /// The hosts that the component may send HTTP requests to.
    pub outgoing: Vec<AllowedHost>,
}
