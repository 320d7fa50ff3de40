use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use keywell_store::Secret;

use crate::{AllowedHost, AllowedPeer, GrantedDir};

/// What the components of an application see of the world besides their buckets. `Debug` has no values
/// of variables and of `config`, and no arguments: any of them may be secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// Environment variables; none of Keywell's own are passed on.
    pub variables: Vec<(String, String)>,
    /// The values that `wasi:config` answers.
    pub config: BTreeMap<Arc<str>, Arc<str>>,
    /// The values that `wasmcloud:secrets` answers. Of two with one key the later counts.
    pub secrets: Vec<(String, Secret)>,
    /// Arguments, the program's name first.
    pub arguments: Vec<String>,
    /// Whether the component reads Keywell's standard input. What it prints goes to
    /// [`Options::output`](crate::Options::output).
    pub stdin: bool,
    /// The hosts that the component may send HTTP requests to.
    pub outgoing: Vec<AllowedHost>,
    /// The hosts that the component may open TCP connections to.
    pub tcp: Vec<AllowedPeer>,
    /// The folders that the component has.
    pub dirs: Vec<GrantedDir>,
}

// === impl Environment ===

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variables: Vec<&String> = self.variables.iter().map(|(name, _)| name).collect();
        let config: Vec<&Arc<str>> = self.config.keys().collect();
        f.debug_struct("Environment")
            .field("variables", &variables)
            .field("config", &config)
            .field("secrets", &self.secrets)
            .field("arguments", &self.arguments.len())
            .field("stdin", &self.stdin)
            .field("outgoing", &self.outgoing)
            .field("tcp", &self.tcp)
            .field("dirs", &self.dirs)
            .finish()
    }
}
