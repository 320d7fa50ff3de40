use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use parking_lot::Mutex;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::error::{Error, Result};
use crate::port::Port;
use crate::process::Process;
use crate::program;
use crate::wait::until;

/// A registry of images: Debian's `docker-registry`, killed when this is dropped.
#[derive(Debug)]
pub struct Registry {
    // Before the folder: the server ends before its folder goes.
    process: Mutex<Option<Process>>,
    port: Port,
    folder: TempDir,
}

/// The password that [`Registry::with_login`] lets in, by its hash.
const HASH: &str = "$2y$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW";

// === impl Registry ===

impl Registry {
    /// The user that [`with_login`](Self::with_login) lets in.
    pub const USER: &str = "keywell";
    /// That user's password.
    pub const PASSWORD: &str = "open sesame";

    /// Starts one that lets in everybody.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] if none is installed, [`Error::NotStarted`] with its log.
    pub async fn start() -> Result<Self> {
        Self::start_as(false).await
    }

    /// Starts one that lets in only [`USER`](Self::USER), by HTTP's basic authentication.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub async fn with_login() -> Result<Self> {
        Self::start_as(true).await
    }

    async fn start_as(has_login: bool) -> Result<Self> {
        let prefix = "keywell-registry-";
        let registry = Self {
            process: Mutex::default(),
            port: Port::claim()?,
            folder: tempfile::Builder::new().prefix(prefix).tempdir()?,
        };
        let files = [
            ("config.yml", registry.configuration(has_login)),
            ("htpasswd", format!("{}:{HASH}\n", Self::USER)),
        ];
        for (name, text) in files {
            let path = registry.folder.path().join(name);
            fs::write(&path, text).map_err(Error::file(&path))?;
        }
        registry.restart().await?;
        Ok(registry)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.port.address()
    }

    /// The file of a blob or a manifest, by the digits of its digest.
    pub fn blob(&self, digits: &str) -> PathBuf {
        let blobs = self.folder.path().join("data/docker/registry/v2/blobs");
        blobs
            .join("sha256")
            .join(&digits[..2])
            .join(digits)
            .join("data")
    }

    /// Kills it, and waits for its end.
    ///
    /// # Errors
    ///
    /// [`Error::NotRunning`].
    pub async fn kill(&self) -> Result<()> {
        let process = self.process.lock().take();
        process.ok_or(Error::NotRunning)?.kill().await
    }

    /// Stops it where it is: it accepts connections, and answers nothing.
    ///
    /// # Errors
    ///
    /// [`Error::NotRunning`].
    pub fn freeze(&self) -> Result<()> {
        let process = self.process.lock();
        let process = process.as_ref().ok_or(Error::NotRunning)?;
        process.signal(Signal::STOP)?;
        process.has_stopped()
    }

    /// Starts it again, at the same address and with what it had.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub async fn restart(&self) -> Result<()> {
        let log = self.log();
        let log = File::create(&log).map_err(Error::file(&log))?;
        let mut command = Command::new(program::registry()?);
        command
            .arg("serve")
            .arg(self.folder.path().join("config.yml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        *self.process.lock() = Some(Process::spawn(&mut command, self.folder.path())?);
        until("the registry to answer", || async { self.ready() }).await?
    }

    /// `Err` is not yet; an error within is never.
    fn ready(&self) -> Result<Result<()>, String> {
        if let Some(process) = self.process.lock().as_mut()
            && process
                .ended()
                .map_err(|error| error.to_string())?
                .is_some()
        {
            let log = fs::read_to_string(self.log()).unwrap_or_default();
            return Ok(Err(Error::NotStarted { log }));
        }
        let answers = answers(self.addr()).map_err(|error| error.to_string())?;
        if answers {
            Ok(Ok(()))
        } else {
            Err("another server answers".to_owned())
        }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    fn configuration(&self, has_login: bool) -> String {
        let folder = self.folder.path().display();
        let addr = self.addr();
        // Without its cache of blobs, so that a file that is changed is what it serves.
        let mut text = format!(
            "version: 0.1\nlog:\n  level: warn\nhttp:\n  addr: {addr}\n  secret: none\n\
             storage:\n  filesystem:\n    rootdirectory: {folder}/data\n"
        );
        if has_login {
            let auth = format_args!(
                "auth:\n  htpasswd:\n    realm: keywell\n    path: {folder}/htpasswd\n"
            );
            text.push_str(&auth.to_string());
        }
        text
    }
}

/// Whether a registry answers there.
fn answers(addr: SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(b"GET /v2/ HTTP/1.0\r\nhost: x\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.contains("Docker-Distribution-Api-Version"))
}
