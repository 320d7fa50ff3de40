use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::tool::tool;
use crate::error::Result;
use crate::program;

/// The databases of a server, and how its superuser reaches them.
#[derive(Debug)]
pub struct Databases {
    addr: SocketAddr,
    /// How many this has created.
    made: AtomicUsize,
}

// === impl Databases ===

impl Databases {
    /// The superuser.
    pub const USER: &str = "keywell";
    /// Its password.
    pub const PASSWORD: &str = "hunter2";

    pub(super) fn at(addr: SocketAddr) -> Self {
        Self {
            addr,
            made: AtomicUsize::new(0),
        }
    }

    /// A name that no other caller has on this server, for a database, a schema or a role.
    pub fn name(&self) -> String {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        format!("test_{}_{number}", std::process::id())
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Creates a database of its own for the caller; its name.
    ///
    /// # Errors
    ///
    /// [`Error::Tool`].
    pub fn database(&self) -> Result<String> {
        let name = self.name();
        self.sql("postgres", &format!("CREATE DATABASE {name}"))?;
        Ok(name)
    }

    /// The URL of a database for the superuser, such as `postgres://keywell:…@127.0.0.1:12345/app`.
    pub fn url(&self, database: &str) -> String {
        self.url_at(self.addr(), database)
    }

    /// The same behind another address, such as that of a proxy.
    pub fn url_at(&self, addr: SocketAddr, database: &str) -> String {
        let (user, password) = (Self::USER, Self::PASSWORD);
        format!("postgres://{user}:{password}@{addr}/{database}")
    }

    /// Runs a statement as the superuser, and returns what it prints, without headings.
    ///
    /// # Errors
    ///
    /// [`Error::Tool`] with the server's answer.
    pub fn sql(&self, database: &str, statement: &str) -> Result<String> {
        let mut psql = Command::new(program::postgres()?.join("psql"));
        psql.args([
            "--no-psqlrc",
            "--tuples-only",
            "--no-align",
            "--host=127.0.0.1",
        ])
        .arg(format!("--port={}", self.addr.port()))
        .args(["--username", Self::USER, "--dbname", database])
        .args(["--set=ON_ERROR_STOP=1", "--command", statement])
        .env("PGPASSWORD", Self::PASSWORD);
        Ok(tool(&mut psql)?.trim().to_owned())
    }
}
