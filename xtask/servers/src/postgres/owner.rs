use std::fs;
use std::io;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use crate::error::{Error, Result};

/// The user and group of the server, which refuses root; none where we are not root.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner(Option<(u32, u32)>);

// === impl Owner ===

impl Owner {
    /// The user that Debian's package has, or nobody.
    pub(super) fn find() -> Result<Self> {
        if !rustix::process::getuid().is_root() {
            return Ok(Self(None));
        }
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let of = |name: &str| {
            let line = users
                .lines()
                .find(|line| line.split(':').next() == Some(name));
            let mut fields = line?.split(':').skip(2).map(str::parse);
            Some((fields.next()?.ok()?, fields.next()?.ok()?))
        };
        let found = of("postgres").or_else(|| of("nobody"));
        found.map(|found| Self(Some(found))).ok_or_else(|| {
            let problem =
                "there is no user postgres or nobody, and PostgreSQL does not run as root";
            Error::Missing(problem.to_owned())
        })
    }

    /// The number of the user who owns the files.
    pub(super) fn number(self) -> u32 {
        self.0
            .map_or_else(|| rustix::process::getuid().as_raw(), |(user, _)| user)
    }

    pub(super) fn own(self, path: &Path) -> Result<()> {
        let Some((user, group)) = self.0 else {
            return Ok(());
        };
        let owned: io::Result<()> = chown(path, Some(user), Some(group));
        owned.map_err(Error::file(path))
    }

    pub(super) fn run(self, command: &mut Command) {
        if let Some((user, group)) = self.0 {
            command.uid(user).gid(group);
        }
    }
}
