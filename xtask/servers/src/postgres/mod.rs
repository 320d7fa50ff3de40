mod folder;
mod owner;
mod tool;

use std::fs::{self, File, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use self::folder::{folder, template};
use self::owner::Owner;
use self::tool::tool;
use crate::error::{Error, Result};
use crate::port::Port;
use crate::process::Process;
use crate::program;
use crate::tls::Tls;
use crate::wait::until;

/// A PostgreSQL server, stopped when this is dropped. Its superuser is [`Postgres::USER`].
#[derive(Debug)]
pub struct Postgres {
    // Before the folder: the server ends before its folder goes.
    process: Mutex<Option<Process>>,
    port: Port,
    folder: TempDir,
    settings: PostgresBuilder,
    databases: AtomicUsize,
    is_frozen: AtomicBool,
}

/// Settings of a [`Postgres`] that is to be started.
#[derive(Clone, Debug, Default)]
pub struct PostgresBuilder {
    settings: Vec<String>,
    tls: Option<Arc<Tls>>,
}

/// The server that the tests of this process share.
static SHARED: tokio::sync::Mutex<Weak<Postgres>> = tokio::sync::Mutex::const_new(Weak::new());

// === impl PostgresBuilder ===

impl PostgresBuilder {
    /// Adds a setting, such as `fsync=on`. Without any, the server does not wait for the disk: what it
    /// answered survives its end, and not that of the machine.
    #[must_use]
    pub fn setting(mut self, setting: impl Into<String>) -> Self {
        self.settings.push(setting.into());
        self
    }

    /// Lets in only clients that encrypt their connection.
    #[must_use]
    pub fn tls(mut self, tls: Arc<Tls>) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Starts it, and waits until it answers.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] if none is installed, [`Error::NotStarted`] with its log.
    pub async fn start(self) -> Result<Postgres> {
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
        Postgres::of(folder, self).await
    }
}

// === impl Postgres ===

impl Postgres {
    /// The superuser.
    pub const USER: &str = folder::USER;
    /// Its password.
    pub const PASSWORD: &str = folder::PASSWORD;

    /// Starts one without any settings.
    ///
    /// # Errors
    ///
    /// As [`PostgresBuilder::start`].
    pub async fn start() -> Result<Self> {
        Self::builder().start().await
    }

    /// The one that the tests of this process share. It ends with the last of them.
    ///
    /// # Errors
    ///
    /// As [`PostgresBuilder::start`].
    pub async fn shared() -> Result<Arc<Self>> {
        let mut shared = SHARED.lock().await;
        if let Some(postgres) = shared.upgrade() {
            return Ok(postgres);
        }
        let postgres = Arc::new(Self::start().await?);
        *shared = Arc::downgrade(&postgres);
        Ok(postgres)
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
            .args(["--host=127.0.0.1", "--username", Self::USER])
            .arg(format!("--port={}", self.port.number()))
            .env("PGPASSWORD", Self::PASSWORD)
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

    async fn of(folder: TempDir, settings: PostgresBuilder) -> Result<Self> {
        let postgres = Self {
            process: Mutex::default(),
            port: Port::claim()?,
            folder,
            settings,
            databases: AtomicUsize::new(0),
            is_frozen: AtomicBool::new(false),
        };
        postgres.restart().await?;
        Ok(postgres)
    }

    /// Settings of one that is to be started.
    pub fn builder() -> PostgresBuilder {
        PostgresBuilder::default()
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.port.address()
    }

    /// Creates a database of its own for the caller; its name.
    ///
    /// # Errors
    ///
    /// [`Error::Tool`].
    pub fn database(&self) -> Result<String> {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test{number}");
        self.sql("postgres", &format!("CREATE DATABASE {name}"))?;
        Ok(name)
    }

    /// The URL of a database for the superuser, such as `postgres://keywell:…@127.0.0.1:12345/test0`.
    pub fn url(&self, database: &str) -> String {
        self.url_at(self.addr(), database)
    }

    /// The same behind another address, such as that of a proxy.
    pub fn url_at(&self, addr: SocketAddr, database: &str) -> String {
        let (user, password) = (Self::USER, Self::PASSWORD);
        format!("postgres://{user}:{password}@{addr}/{database}")
    }

    /// Runs a statement as the superuser, and returns what it prints, without headings.
    ///
    /// # Errors
    ///
    /// [`Error::Tool`] with the server's answer.
    pub fn sql(&self, database: &str, statement: &str) -> Result<String> {
        let mut psql = Command::new(program::postgres()?.join("psql"));
        psql.args([
            "--no-psqlrc",
            "--tuples-only",
            "--no-align",
            "--host=127.0.0.1",
        ])
        .arg(format!("--port={}", self.port.number()))
        .args(["--username", Self::USER, "--dbname", database])
        .args(["--set=ON_ERROR_STOP=1", "--command", statement])
        .env("PGPASSWORD", Self::PASSWORD);
        Ok(tool(&mut psql)?.trim().to_owned())
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
            let running = children.iter().any(|(_, state)| !state.starts_with('T'));
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
        let log = self.log();
        let file = File::create(&log).map_err(Error::file(&log))?;
        let mut command = Command::new(program::postgres()?.join("postgres"));
        command
            .arg("-D")
            .arg(self.folder.path().join("data"))
            .args(["-c", "listen_addresses=127.0.0.1"])
            .args(["-c", &format!("port={}", self.port.number())])
            .args(["-c", "unix_socket_directories="])
            .args(["-c", "max_connections=200", "-c", "shared_buffers=32MB"])
            .args(["-c", "fsync=off", "-c", "full_page_writes=off"]);
        if self.settings.tls.is_some() {
            command.args(["-c", "ssl=on"]);
        }
        for setting in &self.settings.settings {
            command.args(["-c", setting]);
        }
        command
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file);
        Owner::find()?.run(&mut command);
        *self.process.lock() = Some(Process::spawn(&mut command)?);
        until("PostgreSQL to accept connections", || async {
            self.ready()
        })
        .await?
    }

    /// `Err` is not yet; an error within is never.
    fn ready(&self) -> Result<Result<()>, String> {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        if let Some(process) = self.process.lock().as_mut()
            && process
                .ended()
                .map_err(|error| error.to_string())?
                .is_some()
        {
            return Ok(Err(Error::NotStarted { log }));
        }
        if log.contains("database system is ready to accept") {
            Ok(Ok(()))
        } else {
            Err(log)
        }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("server.log")
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
