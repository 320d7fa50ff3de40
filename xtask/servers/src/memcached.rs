use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::error::{Error, Result};
use crate::port::Port;
use crate::process::Process;
use crate::program;
use crate::tls::Tls;
use crate::wait::until;

/// A Memcached server, killed when this is dropped.
#[derive(Debug)]
pub struct Memcached {
    // Before the folder: the server ends before its folder goes.
    process: Mutex<Option<Process>>,
    port: Port,
    folder: TempDir,
    arguments: Vec<String>,
}

// === impl Memcached ===

impl Memcached {
    /// Starts one, and waits until it answers.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] if none is installed, [`Error::NotStarted`] with its log.
    pub async fn start() -> Result<Self> {
        Self::start_with(&[], None).await
    }

    /// The same, with further arguments. With certificates, it lets in only clients that encrypt
    /// their connection.
    ///
    /// # Errors
    ///
    /// As [`Memcached::start`].
    pub async fn start_with(arguments: &[&str], tls: Option<Arc<Tls>>) -> Result<Self> {
        let mut arguments: Vec<_> = arguments.iter().map(|&word| word.to_owned()).collect();
        if let Some(tls) = tls {
            let (chain, key) = (tls.server_certificate(), tls.server_key());
            let (chain, key) = (chain.display(), key.display());
            arguments.push("--enable-ssl".to_owned());
            arguments.extend([
                "-o".to_owned(),
                format!("ssl_chain_cert={chain},ssl_key={key}"),
            ]);
        }
        let memcached = Self {
            process: Mutex::default(),
            port: Port::claim()?,
            folder: tempfile::Builder::new()
                .prefix("keywell-memcached-")
                .tempdir()?,
            arguments,
        };
        memcached.restart().await?;
        Ok(memcached)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.port.address()
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

    /// Stops it where it is: connections stay, and nothing is answered.
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

    /// Lets a frozen one go on.
    ///
    /// # Errors
    ///
    /// [`Error::NotRunning`].
    pub fn thaw(&self) -> Result<()> {
        let process = self.process.lock();
        let process = process.as_ref().ok_or(Error::NotRunning)?;
        process.signal(Signal::CONT)
    }

    /// Starts one that was killed, at the same address and without the data it had.
    ///
    /// # Errors
    ///
    /// As [`Memcached::start`].
    pub async fn restart(&self) -> Result<()> {
        let log = self.log();
        let log = File::create(&log).map_err(Error::file(&log))?;
        let mut command = Command::new(program::memcached()?);
        command
            .args(["-l", "127.0.0.1", "-p", &self.port.number().to_string()])
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        if rustix::process::geteuid().is_root() {
            command.args(["-u", "root"]);
        }
        *self.process.lock() = Some(Process::spawn(&mut command, self.folder.path())?);
        until("Memcached to listen", || async { self.ready() }).await?
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
        let connected = TcpStream::connect(self.addr());
        connected.map_err(|error| error.to_string())?;
        Ok(Ok(()))
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }
}
