use std::fs::{self, File};
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tokio::task::spawn_blocking;

use crate::error::{Error, Result};
use crate::port::Port;
use crate::program;

/// A server that tests of several processes use at the same time, since each would take a second or
/// more to start its own. The first starts it, and it ends with the last.
#[derive(Debug)]
pub(crate) struct Shared {
    addr: SocketAddr,
    /// Locked, together with other users, for as long as the server is in use.
    _users: File,
}

/// A server that was just started, in a process group of its own.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) process: Child,
    pub(crate) folder: TempDir,
    pub(crate) port: Port,
    /// What ends it, as `kill` names it.
    pub(crate) signal: &'static str,
}

// === impl Shared ===

impl Shared {
    /// The server of this name, started if it is not running. `ready` waits until it answers.
    pub(crate) async fn join<R: Future<Output = Result<()>>>(
        name: &str,
        start: impl FnOnce() -> Result<Started>,
        ready: impl FnOnce(SocketAddr, PathBuf) -> R,
    ) -> Result<Self> {
        let kept = kept()?;
        let file = |end| kept.join(format!("{name}.{end}"));
        // One process at a time sees whether it runs.
        let turn = lock(file("starting"), File::lock).await?;
        let users = lock(file("users"), File::lock_shared).await?;
        let note = file("address");
        let running = fs::read_to_string(&note).ok();
        let running = running.and_then(|addr| addr.parse::<SocketAddr>().ok());
        let addr = match running.filter(|addr| TcpStream::connect(addr).is_ok()) {
            Some(addr) => addr,
            None => launch(start()?, &file("users"), &note, ready).await?,
        };
        drop(turn);
        Ok(Self {
            addr,
            _users: users,
        })
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }
}

/// Where test runs keep what they share.
pub(crate) fn kept() -> Result<PathBuf> {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/servers");
    fs::create_dir_all(&kept).map_err(Error::file(&kept))?;
    Ok(kept)
}

/// Waits for a lock of a file.
async fn lock(path: PathBuf, lock: fn(&File) -> io::Result<()>) -> Result<File> {
    let file = File::create(&path).map_err(Error::file(&path))?;
    let locked = spawn_blocking(move || lock(&file).map(|()| file)).await;
    Ok(locked.map_err(io::Error::from)??)
}

/// Starts what ends the server once no process holds the lock of its users, and waits until it
/// answers.
async fn launch<R: Future<Output = Result<()>>>(
    started: Started,
    users: &Path,
    note: &Path,
    ready: impl FnOnce(SocketAddr, PathBuf) -> R,
) -> Result<SocketAddr> {
    let flock = program::flock()?;
    let addr = started.port.address();
    // The port stays taken by the server, when this process has ended.
    let folder = started.folder.keep();
    let end =
        "kill -$1 $0; while kill -0 $0 2> /dev/null; do sleep 0.05; done; shift; rm -rf \"$@\"";
    let keeper = Command::new(flock)
        .arg(users)
        .args(["/bin/sh", "-c", end, &started.process.id().to_string()])
        .arg(started.signal)
        .args([&folder, note])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    // Their ends are seen, also by the keeper.
    for mut child in [started.process, keeper] {
        std::thread::spawn(move || child.wait());
    }
    ready(addr, folder).await?;
    fs::write(note, addr.to_string()).map_err(Error::file(note))?;
    Ok(addr)
}
