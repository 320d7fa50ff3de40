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

    /// Starts it by this command, and waits until it listens, and answers this request if there is
    /// one.
    pub(crate) async fn start(&self, mut command: Command, asked: Option<&str>) -> Result<()> {
        let log = self.log();
        let log = File::create(&log).map_err(Error::file(&log))?;
        command
            .current_dir(self.folder())
            .env("TMPDIR", self.folder())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        *self.process.lock() = Some(Process::spawn(&mut command, self.folder())?);
        until("an emulator to answer", || async { self.ready(asked) }).await?
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
    fn ready(&self, asked: Option<&str>) -> Result<Result<()>, String> {
        if let Some(process) = self.process.lock().as_mut()
            && process
                .ended()
                .map_err(|error| error.to_string())?
                .is_some()
        {
            let log = fs::read_to_string(self.log()).unwrap_or_default();
            return Ok(Err(Error::NotStarted { log }));
        }
        let answered = self.ask(asked).map_err(|error| error.to_string())?;
        if asked.is_some() && !answered.starts_with("HTTP/1.1 200") {
            return Err(answered);
        }
        Ok(Ok(()))
    }

    /// Connects, and sends a request; the answer.
    fn ask(&self, asked: Option<&str>) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(self.addr())?;
        let mut answer = Vec::new();
        if let Some(request) = asked {
            stream.set_read_timeout(Some(Duration::from_secs(20)))?;
            stream.write_all(request.as_bytes())?;
            stream.read_to_end(&mut answer)?;
        }
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    fn log(&self) -> PathBuf {
        self.folder().join("server.log")
    }
}
