use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use parking_lot::Mutex;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::error::{Error, Result};
use crate::port::Port;
use crate::process::Process;
use crate::wait::until;

/// An emulator of a service, killed when its handle is dropped.
#[derive(Debug)]
pub(crate) struct Emulator {
    // Before the folder: the server ends before its folder goes.
    process: Mutex<Option<Process>>,
    port: Port,
    folder: TempDir,
}

// === impl Emulator ===

impl Emulator {
    /// Claims a port and a folder for one.
    pub(crate) fn new(prefix: &str) -> Result<Self> {
        Ok(Self {
            process: Mutex::default(),
            port: Port::claim()?,
            folder: tempfile::Builder::new().prefix(prefix).tempdir()?,
        })
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.port.address()
    }

    /// The folder for its files.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Starts it by this command, and waits until it listens.
    pub(crate) async fn start(&self, mut command: Command) -> Result<()> {
        let log = self.log();
        let log = File::create(&log).map_err(Error::file(&log))?;
        command
            .current_dir(self.folder())
            .env("TMPDIR", self.folder())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        *self.process.lock() = Some(Process::spawn(&mut command, self.folder())?);
        until("an emulator to listen", || async { self.ready() }).await?
    }

    pub(crate) async fn kill(&self) -> Result<()> {
        let process = self.process.lock().take();
        process.ok_or(Error::NotRunning)?.kill().await
    }

    pub(crate) fn freeze(&self) -> Result<()> {
        let process = self.process.lock();
        let process = process.as_ref().ok_or(Error::NotRunning)?;
        process.signal(Signal::STOP)?;
        process.has_stopped()
    }

    pub(crate) fn thaw(&self) -> Result<()> {
        let process = self.process.lock();
        let process = process.as_ref().ok_or(Error::NotRunning)?;
        process.signal(Signal::CONT)
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
        self.folder().join("server.log")
    }
}
