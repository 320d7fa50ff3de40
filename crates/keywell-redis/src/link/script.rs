use std::sync::OnceLock;

use redis::Cmd;

/// A Lua script that servers know by its digest.
pub(crate) struct Script {
    code: &'static str,
    digest: OnceLock<String>,
}

// === impl Script ===

impl Script {
    pub(crate) const fn new(code: &'static str) -> Self {
        Self {
            code,
            digest: OnceLock::new(),
        }
    }

    /// `EVALSHA`, which a server that does not know the script answers with `NOSCRIPT`.
    pub(super) fn by_digest(&self, keys: &[&[u8]], arguments: &[&[u8]]) -> Cmd {
        let digest = || redis::Script::new(self.code).get_hash().to_owned();
        let digest = self.digest.get_or_init(digest);
        invocation("EVALSHA", digest, keys, arguments)
    }

    /// `EVAL`, which teaches the server the script.
    pub(super) fn by_code(&self, keys: &[&[u8]], arguments: &[&[u8]]) -> Cmd {
        invocation("EVAL", self.code, keys, arguments)
    }
}

fn invocation(command: &str, what: &str, keys: &[&[u8]], arguments: &[&[u8]]) -> Cmd {
    let bytes: usize = keys.iter().chain(arguments).map(|part| part.len()).sum();
    let parts = 3 + keys.len() + arguments.len();
    let mut invocation = Cmd::with_capacity(parts, bytes + what.len() + 16);
    invocation.arg(command).arg(what).arg(keys.len());
    for part in keys.iter().chain(arguments) {
        invocation.arg(part);
    }
    invocation
}
