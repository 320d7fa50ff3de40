use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::guests::guest;
use crate::{Done, native, resident};

/// A server that ends with this value.
pub(crate) struct Server {
    process: Child,
    pub(crate) address: String,
}

// === impl Server ===

impl Server {
    /// `keywell serve`, of a guest, on a memory store.
    pub(crate) fn keywell(
        component: &str,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Done<Self> {
        let mut command = Command::new(keywell()?);
        command.arg("serve").arg(guest(component));
        command
            .args(["--addr", "127.0.0.1:0", "--store", "memory:"])
            .args(arguments);
        Self::announced(command.stdout(Stdio::piped()))
    }

    /// `keywell up`, of a file with one trigger.
    pub(crate) fn application(file: &Path) -> Done<Self> {
        let mut command = Command::new(keywell()?);
        command.arg("up").arg(file);
        Self::announced(command.stdout(Stdio::piped()))
    }

    pub(crate) fn native() -> Done<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        Self::announced(
            command
                .args([native::ARGUMENT, "127.0.0.1:0"])
                .stdout(Stdio::piped()),
        )
    }

    /// `wasmtime serve` 48 of the counter; none where it is not on the PATH.
    pub(crate) fn wasmtime(arguments: &[&str]) -> Done<Option<Self>> {
        let version = Command::new("wasmtime").arg("--version").output();
        if !version.is_ok_and(|output| output.stdout.starts_with(b"wasmtime 48.")) {
            return Ok(None);
        }
        let mut command = Command::new("wasmtime");
        command
            .args(["serve", "-Scli,keyvalue", "--addr", "127.0.0.1:0"])
            .args(arguments);
        let command = command.arg(guest("counter_draft")).stderr(Stdio::piped());
        Self::announced(command).map(Some)
    }

    /// Starts a server that says its address in a line on the stream that is piped.
    fn announced(command: &mut Command) -> Done<Self> {
        let mut process = command.spawn()?;
        let mut line = String::new();
        match (process.stdout.take(), process.stderr.take()) {
            (Some(stdout), _) => BufReader::new(stdout).read_line(&mut line)?,
            (None, Some(stderr)) => BufReader::new(stderr).read_line(&mut line)?,
            (None, None) => return Err("no stream is piped".into()),
        };
        let address = line.split("http://").nth(1);
        let address = address.and_then(|rest| rest.split([' ', '/', '\n']).next());
        let address = address
            .ok_or_else(|| format!("a server said {line:?}"))?
            .to_owned();
        Ok(Self { process, address })
    }

    /// What it has in memory now, in bytes.
    pub(crate) fn resident(&self) -> Done<f64> {
        resident::of_process(&self.process.id().to_string())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// The program, as built beside this one.
pub(crate) fn keywell() -> Done<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("keywell"))
}
