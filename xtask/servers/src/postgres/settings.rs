use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use tempfile::TempDir;

use super::folder::{folder, template};
use super::owner::Owner;
use super::tool::tool;
use crate::error::{Error, Result};
use crate::program;
use crate::tls::Tls;

/// How a server is run.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    pub(super) settings: Vec<String>,
    pub(super) tls: Option<Arc<Tls>>,
}

// === impl Settings ===

impl Settings {
    /// Makes the folder of a server without any database of ours.
    pub(super) fn prepare(&self) -> Result<TempDir> {
        let programs = program::postgres()?;
        let (folder, owner) = folder()?;
        let template = template(&programs, owner)?;
        let data = folder.path().join("data");
        tool(Command::new("cp").arg("-a").arg(&template).arg(&data))?;
        if let Some(tls) = &self.tls {
            for (from, name) in [
                (tls.server_certificate(), "server.crt"),
                (tls.server_key(), "server.key"),
            ] {
                let to = data.join(name);
                fs::copy(&from, &to).map_err(Error::file(&from))?;
                fs::set_permissions(&to, Permissions::from_mode(0o600))?;
                owner.own(&to)?;
            }
            let rules = "hostssl all all all scram-sha-256\n";
            let file = data.join("pg_hba.conf");
            fs::write(&file, rules).map_err(Error::file(&file))?;
        }
        Ok(folder)
    }

    /// Runs a server on its folder.
    pub(super) fn command(&self, folder: &Path, port: u16) -> Result<Command> {
        let mut command = Command::new(program::postgres()?.join("postgres"));
        command
            .arg("-D")
            .arg(folder.join("data"))
            .args(["-c", "listen_addresses=127.0.0.1"])
            .args(["-c", &format!("port={port}")])
            .arg("-c")
            .arg(format!("unix_socket_directories={}", folder.display()))
            .args(["-c", "max_connections=200", "-c", "shared_buffers=32MB"])
            .args(["-c", "fsync=off", "-c", "full_page_writes=off"]);
        if self.tls.is_some() {
            command.args(["-c", "ssl=on"]);
        }
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        let log = Self::log(folder);
        let file = File::create(&log).map_err(Error::file(&log))?;
        command
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file);
        Owner::find()?.run(&mut command);
        Ok(command)
    }

    /// Whether the server of a folder accepts connections; else its log.
    pub(super) fn ready(folder: &Path) -> Result<(), String> {
        let log = fs::read_to_string(Self::log(folder)).unwrap_or_default();
        if log.contains("database system is ready to accept") {
            Ok(())
        } else {
            Err(log)
        }
    }

    fn log(folder: &Path) -> PathBuf {
        folder.join("server.log")
    }
}
