mod databases;
mod folder;
mod owner;
mod settings;
mod shared;
mod tool;

use std::ops::Deref;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

pub use self::databases::Databases;
use self::folder::folder;
use self::settings::Settings;
pub use self::shared::SharedPostgres;
use self::tool::tool;
use crate::error::{Error, Result};
use crate::port::Port;
use crate::process::Process;
use crate::program;
use crate::tls::Tls;
use crate::wait::until;

/// A PostgreSQL server of the caller, stopped when this is dropped.
#[derive(Debug)]
pub struct Postgres {
    // Before the folder: the server ends before its folder goes.
    process: Mutex<Option<Process>>,
    port: Port,
    folder: TempDir,
    settings: Settings,
    databases: Databases,
    is_frozen: AtomicBool,
}

/// Settings of a [`Postgres`] that is to be started.
#[derive(Clone, Debug, Default)]
pub struct PostgresBuilder {
    settings: Settings,
}

// === impl PostgresBuilder ===

impl PostgresBuilder {
    /// Adds a setting, such as `fsync=on`. Without any, the server does not wait for the disk: what it
    /// answered survives its end, and not that of the machine.
    #[must_use]
    pub fn setting(mut self, setting: impl Into<String>) -> Self {
        self.settings.settings.push(setting.into());
        self
    }

    /// Lets in only clients that encrypt their connection.
    #[must_use]
    pub fn tls(mut self, tls: Arc<Tls>) -> Self {
        self.settings.tls = Some(tls);
        self
    }

    /// Starts it, and waits until it answers.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] if none is installed, [`Error::NotStarted`] with its log.
    pub async fn start(self) -> Result<Postgres> {
        let folder = self.settings.prepare()?;
        Postgres::of(folder, self.settings).await
    }
}

// === impl Postgres ===

impl Postgres {
    /// Starts one without any settings.
    ///
    /// # Errors
    ///
    /// As [`PostgresBuilder::start`].
    pub async fn start() -> Result<Self> {
        Self::builder().start().await
    }

    /// Starts a replica of this one, which follows it and answers reads.
    ///
    /// # Errors
    ///
    /// As [`PostgresBuilder::start`], and [`Error::Tool`].
    pub async fn replica(&self) -> Result<Self> {
        let (folder, owner) = folder()?;
        let mut copy = Command::new(program::postgres()?.join("pg_basebackup"));
        copy.args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync"])
            .arg("--pgdata")
            .arg(folder.path().join("data"))
            .args(["--host=127.0.0.1", "--username", Databases::USER])
            .arg(format!("--port={}", self.port.number()))
            .env("PGPASSWORD", Databases::PASSWORD)
            .current_dir(folder.path());
        owner.run(&mut copy);
        tool(&mut copy)?;
        Self::of(folder, self.settings.clone()).await
    }

    /// Waits until this replica has what its primary has.
    ///
    /// # Errors
    ///
    /// [`Error::Late`].
    pub async fn follows(&self, primary: &Self) -> Result<()> {
        until("the replica to have everything", || async {
            let asked = |server: &Self, place: &str| {
                let place = format!("SELECT {place}");
                server
                    .sql("postgres", &place)
                    .map_err(|error| error.to_string())
            };
            let there = asked(primary, "pg_current_wal_lsn()")?;
            let here = asked(self, "pg_last_wal_replay_lsn()")?;
            if here == there {
                Ok(())
            } else {
                Err(format!("{here} of {there}"))
            }
        })
        .await
    }

    /// Makes a replica the primary, with what it has.
    ///
    /// # Errors
    ///
    /// [`Error::Tool`].
    pub fn promote(&self) -> Result<()> {
        self.sql("postgres", "SELECT pg_promote()").map(drop)
    }

    async fn of(folder: TempDir, settings: Settings) -> Result<Self> {
        let port = Port::claim()?;
        let postgres = Self {
            process: Mutex::default(),
            databases: Databases::at(port.address()),
            port,
            folder,
            settings,
            is_frozen: AtomicBool::new(false),
        };
        postgres.restart().await?;
        Ok(postgres)
    }

    /// Settings of one that is to be started.
    pub fn builder() -> PostgresBuilder {
        PostgresBuilder::default()
    }

    /// The folder of its Unix socket.
    pub fn socket(&self) -> &Path {
        self.folder.path()
    }

    /// Ends it and its processes at once, as a crash does, and waits for its end.
    ///
    /// # Errors
    ///
    /// [`Error::NotRunning`].
    pub async fn kill(&self) -> Result<()> {
        let process = self.process.lock().take().ok_or(Error::NotRunning)?;
        process.signal(Signal::QUIT)?;
        process.wait().await
    }

    /// Stops it and its processes where they are: connections stay, and nothing is answered.
    ///
    /// # Errors
    ///
    /// [`Error::NotRunning`].
    pub async fn freeze(&self) -> Result<()> {
        self.is_frozen.store(true, Ordering::Relaxed);
        {
            let process = self.process.lock();
            let process = process.as_ref().ok_or(Error::NotRunning)?;
            process.signal(Signal::STOP)?;
            // From now on it starts no more.
            process.has_stopped()?;
        }
        self.signal_children(Signal::STOP)?;
        until("the processes of PostgreSQL to stop", || async {
            let children = self.children().map_err(|error| error.to_string())?;
            // One that has ended is not waited for, as the stopped parent takes no notice of it.
            let running = children
                .iter()
                .any(|(_, state)| !state.starts_with(['T', 'Z']));
            if running {
                return Err("they run".to_owned());
            }
            Ok(())
        })
        .await
    }

    /// Lets a frozen one go on.
    ///
    /// # Errors
    ///
    /// [`Error::NotRunning`].
    pub fn thaw(&self) -> Result<()> {
        self.is_frozen.store(false, Ordering::Relaxed);
        self.signal_children(Signal::CONT)?;
        let process = self.process.lock();
        process
            .as_ref()
            .ok_or(Error::NotRunning)?
            .signal(Signal::CONT)
    }

    /// Starts one that was killed, at the same address and with the data it had.
    ///
    /// # Errors
    ///
    /// As [`PostgresBuilder::start`].
    pub async fn restart(&self) -> Result<()> {
        let port = self.port.number();
        let mut command = self.settings.command(self.folder.path(), port)?;
        *self.process.lock() = Some(Process::spawn(&mut command, self.folder.path())?);
        until("PostgreSQL to accept connections", || async {
            self.ready()
        })
        .await?
    }

    /// `Err` is not yet; an error within is never.
    fn ready(&self) -> Result<Result<()>, String> {
        let ready = Settings::ready(self.folder.path());
        if let Some(process) = self.process.lock().as_mut()
            && process
                .ended()
                .map_err(|error| error.to_string())?
                .is_some()
        {
            let log = ready.err().unwrap_or_default();
            return Ok(Err(Error::NotStarted { log }));
        }
        ready.map(Ok)
    }

    fn signal_children(&self, signal: Signal) -> Result<()> {
        for (child, _) in self.children()? {
            // One that ended meanwhile is of no interest.
            let _ = kill_process(child, signal);
        }
        Ok(())
    }

    /// Its processes, each with its state. They are in groups of their own.
    fn children(&self) -> Result<Vec<(Pid, String)>> {
        let own = self.process.lock().as_ref().map(Process::id);
        let own = own.ok_or(Error::NotRunning)?.to_string();
        let listed = tool(Command::new("ps").args(["-A", "-o", "pid=,ppid=,stat="]))?;
        let children = listed.lines().filter_map(|line| {
            let mut words = line.split_whitespace();
            let (pid, parent, state) = (words.next()?, words.next()?, words.next()?);
            let pid = Pid::from_raw(pid.parse().ok()?)?;
            (parent == own).then(|| (pid, state.to_owned()))
        });
        Ok(children.collect())
    }
}

/// What the tests of a shared server have, too.
impl Deref for Postgres {
    type Target = Databases;

    fn deref(&self) -> &Databases {
        &self.databases
    }
}

impl Drop for Postgres {
    /// Killed, it would leave its processes and a segment of shared memory for a while.
    fn drop(&mut self) {
        if self.is_frozen.load(Ordering::Relaxed) {
            let _ = self.thaw();
        }
        if let Some(process) = self.process.get_mut() {
            let _ = process
                .signal(Signal::QUIT)
                .and_then(|()| process.has_stopped());
        }
    }
}
