use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
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
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts it by this command, and waits until it listens, and answers this request if there is
    /// one.
    pub(crate) async fn start(&self, mut command: Command, asked: Option<&str>) -> Result<()> {
        prepare(&mut command, self.folder())?;
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
            let log = fs::read_to_string(log(self.folder())).unwrap_or_default();
            return Ok(Err(Error::NotStarted { log }));
        }
        answers(self.addr(), asked).map(Ok)
    }
}

/// Has an emulator keep its files and its log in a folder.
pub(crate) fn prepare(command: &mut Command, folder: &Path) -> Result<()> {
    let log = log(folder);
    let log = File::create(&log).map_err(Error::file(&log))?;
    command
        .current_dir(folder)
        .env("TMPDIR", folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    Ok(())
}

/// Whether an emulator listens, and answers this request with success if there is one; else why not.
pub(crate) fn answers(addr: SocketAddr, asked: Option<&str>) -> Result<(), String> {
    let answered = ask(addr, asked).map_err(|error| error.to_string())?;
    if asked.is_some() && !answered.starts_with("HTTP/1.1 200") {
        return Err(answered);
    }
    Ok(())
}

/// Connects, and sends a request; the answer.
fn ask(addr: SocketAddr, asked: Option<&str>) -> io::Result<String> {
    let mut stream = TcpStream::connect(addr)?;
    let mut answer = Vec::new();
    if let Some(request) = asked {
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.write_all(request.as_bytes())?;
        stream.read_to_end(&mut answer)?;
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn log(folder: &Path) -> PathBuf {
    folder.join("server.log")
}
