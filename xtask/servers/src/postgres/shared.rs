use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::ops::Deref;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Weak};

use tokio::task::spawn_blocking;

use super::databases::Databases;
use super::folder::kept;
use super::settings::Settings;
use crate::error::{Error, Result};
use crate::port::Port;
use crate::program;
use crate::wait::until;

/// A PostgreSQL server that tests of several processes use at the same time, since each would take a
/// second to start its own. The first starts it, and it ends with the last. What a test creates has a
/// [`name`](Databases::name) of its own.
#[derive(Debug)]
pub struct SharedPostgres {
    databases: Databases,
    /// Locked, together with other users, for as long as the server is in use.
    _users: File,
}

/// That of this process.
static SHARED: tokio::sync::Mutex<Weak<SharedPostgres>> =
    tokio::sync::Mutex::const_new(Weak::new());

// === impl SharedPostgres ===

impl SharedPostgres {
    /// The server, started if it is not running.
    ///
    /// # Errors
    ///
    /// As [`Postgres::start`](crate::Postgres::start).
    pub async fn get() -> Result<Arc<Self>> {
        let mut shared = SHARED.lock().await;
        if let Some(postgres) = shared.upgrade() {
            return Ok(postgres);
        }
        program::postgres()?;
        let kept = kept()?;
        let [starting, users] = ["postgres.starting", "postgres.users"];
        // One process at a time sees whether it runs.
        let (turn, _) = lock(&kept.join(starting), File::lock).await?;
        let (users, path) = lock(&kept.join(users), File::lock_shared).await?;
        let note = kept.join("postgres.address");
        let running = fs::read_to_string(&note).ok();
        let running = running.and_then(|addr| addr.parse::<SocketAddr>().ok());
        let addr = match running.filter(|addr| TcpStream::connect(addr).is_ok()) {
            Some(addr) => addr,
            None => start(&path, &note).await?,
        };
        drop(turn);
        let postgres = Arc::new(Self {
            databases: Databases::at(addr),
            _users: users,
        });
        *shared = Arc::downgrade(&postgres);
        Ok(postgres)
    }
}

impl Deref for SharedPostgres {
    type Target = Databases;

    fn deref(&self) -> &Databases {
        &self.databases
    }
}

/// Waits for a lock of a file.
async fn lock(
    path: &Path,
    lock: fn(&File) -> io::Result<()>,
) -> Result<(File, std::path::PathBuf)> {
    let path = path.to_owned();
    let file = File::create(&path).map_err(Error::file(&path))?;
    let locked = spawn_blocking(move || lock(&file).map(|()| file)).await;
    Ok((locked.map_err(io::Error::from)??, path))
}

/// Starts the server, and what ends it once no process holds the lock of its users.
async fn start(users: &Path, note: &Path) -> Result<SocketAddr> {
    let settings = Settings::default();
    let folder = settings.prepare()?;
    let port = Port::claim()?;
    let flock = program::flock()?;
    let server = settings
        .command(folder.path(), port.number())?
        .process_group(0)
        .spawn()?;
    // The port stays taken by the server, when this process has ended.
    let folder = folder.keep();
    let end = "kill -QUIT $0; while kill -0 $0 2> /dev/null; do sleep 0.05; done; rm -rf \"$@\"";
    let keeper = Command::new(flock)
        .arg(users)
        .args(["/bin/sh", "-c", end, &server.id().to_string()])
        .arg(&folder)
        .arg(note)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    // Their ends are seen, also by the keeper.
    for mut child in [server, keeper] {
        std::thread::spawn(move || child.wait());
    }
    until("PostgreSQL to accept connections", || async {
        Settings::ready(&folder)
    })
    .await?;
    let addr = port.address();
    fs::write(note, addr.to_string()).map_err(Error::file(note))?;
    Ok(addr)
}
