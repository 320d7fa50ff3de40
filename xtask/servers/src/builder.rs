use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;

use crate::port::Port;
use crate::tls::Tls;

/// Settings of a [`Redis`](crate::Redis) that is to be started. Without any: a server of one database in memory,
/// without authentication, which keeps nothing when it ends.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    pub(crate) program: Option<PathBuf>,
    pub(crate) arguments: Vec<String>,
    pub(crate) lines: Vec<String>,
    pub(crate) user: Option<(String, String)>,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) is_sentinel: bool,
    append_only: bool,
    pub(crate) has_socket: bool,
}

/// A server's resources: its port, its folder, and what is in its configuration.
#[derive(Debug)]
pub(crate) struct Resources {
    pub(crate) port: Port,
    pub(crate) tls_port: Option<Port>,
    pub(crate) folder: TempDir,
    pub(crate) socket: Option<PathBuf>,
}

// === impl Builder ===

impl Builder {
    /// Runs this program instead of [`program::server`](crate::program::server).
    #[must_use]
    pub fn program(mut self, program: impl Into<PathBuf>) -> Self {
        self.program = Some(program.into());
        self
    }

    /// Adds arguments to the command line, such as `--maxclients`, `10`.
    #[must_use]
    pub fn args<I: IntoIterator<Item: Into<String>>>(mut self, arguments: I) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Adds a line to the configuration, such as `notify-keyspace-events KEA`. A later one overrides
    /// an earlier one.
    #[must_use]
    pub fn config(mut self, line: impl Into<String>) -> Self {
        self.lines.push(line.into());
        self
    }

    /// Whether every write is on disk before it is answered, so that it survives
    /// [`kill`](crate::Redis::kill) and [`restart`](crate::Redis::restart).
    #[must_use]
    pub fn append_only(mut self, yes: bool) -> Self {
        self.append_only = yes;
        self
    }

    /// Lets in only this user, who may do everything; `default` is the one that a password alone
    /// stands for. Neither may have spaces.
    #[must_use]
    pub fn user(mut self, name: &str, password: &str) -> Self {
        self.user = Some((name.to_owned(), password.to_owned()));
        self
    }

    /// Listens on a Unix socket too.
    #[must_use]
    pub fn unix_socket(mut self) -> Self {
        self.has_socket = true;
        self
    }

    /// Listens with TLS too, on a port of its own, and lets in only who has a certificate of the
    /// same authority.
    #[must_use]
    pub fn tls(mut self, tls: Arc<Tls>) -> Self {
        self.tls = Some(tls);
        self
    }

    /// The whole configuration of a server there.
    pub(crate) fn configuration(&self, resources: &Resources) -> String {
        let folder = resources.folder.path().display();
        let mut lines = vec![
            format!("port {}", resources.port.number()),
            "bind 127.0.0.1".to_owned(),
            "daemonize no".to_owned(),
            format!("dir {folder}"),
            "logfile server.log".to_owned(),
        ];
        if !self.is_sentinel {
            let append_only = if self.append_only { "yes" } else { "no" };
            lines.extend([
                "save \"\"".to_owned(),
                format!("appendonly {append_only}"),
                "appendfsync always".to_owned(),
                "repl-diskless-sync-delay 0".to_owned(),
            ]);
        }
        if let Some(socket) = &resources.socket {
            lines.push(format!("unixsocket {}", socket.display()));
        }
        if let (Some(port), Some(tls)) = (&resources.tls_port, &self.tls) {
            lines.push(format!("tls-port {}", port.number()));
            lines.push(format!("tls-ca-cert-file {}", tls.authority().display()));
            lines.push(format!(
                "tls-cert-file {}",
                tls.server_certificate().display()
            ));
            lines.push(format!("tls-key-file {}", tls.server_key().display()));
        }
        if let Some((name, password)) = &self.user {
            if name != "default" {
                lines.push("user default off".to_owned());
            }
            lines.push(format!("user {name} on >{password} ~* &* +@all"));
        }
        lines.extend(self.lines.iter().cloned());
        lines.join("\n") + "\n"
    }
}
