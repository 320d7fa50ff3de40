use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use parking_lot::Mutex;
use rustix::process::Signal;
use tokio::time::timeout;

use crate::builder::{Builder, Resources};
use crate::error::{Error, Result};
use crate::port::Port;
use crate::process::Process;
use crate::program;
use crate::resp::{Connection, Reply};
use crate::wait::{PATIENCE, until};

/// A Redis or Valkey server, killed when this is dropped.
#[derive(Debug)]
pub struct Redis {
    program: PathBuf,
    settings: Builder,
    // Before the resources: the server ends before its folder goes.
    process: Mutex<Option<Process>>,
    resources: Resources,
}

// === impl Redis ===

impl Redis {
    /// Starts one without any settings.
    pub async fn start() -> Result<Self> {
        Self::builder().start().await
    }

    /// Settings of one that is to be started.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn new(program: PathBuf, settings: Builder, resources: Resources) -> Self {
        Self {
            program,
            settings,
            process: Mutex::default(),
            resources,
        }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.resources.port.address()
    }

    /// Where it listens for TLS, if it does.
    pub fn tls_addr(&self) -> Option<SocketAddr> {
        let port = self.resources.tls_port.as_ref()?;
        Some(port.address())
    }

    /// Its Unix socket, if it has one.
    pub fn unix_socket(&self) -> Option<&Path> {
        self.resources.socket.as_deref()
    }

    /// Its folder: configuration, data, and `server.log`.
    pub fn folder(&self) -> &Path {
        self.resources.folder.path()
    }

    /// Such as `redis://user:password@127.0.0.1:12345`.
    pub fn url(&self) -> String {
        self.url_at(self.addr())
    }

    /// Its URL by way of another address, such as that of a [`Proxy`](crate::Proxy).
    pub fn url_at(&self, addr: SocketAddr) -> String {
        match &self.settings.user {
            Some((name, password)) => format!("redis://{name}:{password}@{addr}"),
            None => format!("redis://{addr}"),
        }
    }

    /// The number of its process.
    ///
    /// # Errors
    ///
    /// [`Error::NotRunning`].
    pub fn pid(&self) -> Result<u32> {
        self.with_process(|process| Ok(process.id()))
    }

    /// Kills it, as a loss of power would as far as its memory goes, and waits for its end.
    pub async fn kill(&self) -> Result<()> {
        self.take()?.kill().await
    }

    /// Lets it end by itself, without saving, and waits until it has.
    pub async fn stop(&self) -> Result<()> {
        self.shut_down("NOSAVE").await
    }

    /// Stops it where it is: connections stay, and nothing is answered.
    pub fn freeze(&self) -> Result<()> {
        self.with_process(|process| {
            process.signal(Signal::STOP)?;
            process.has_stopped()
        })
    }

    /// Lets a frozen one go on.
    pub fn thaw(&self) -> Result<()> {
        self.with_process(|process| process.signal(Signal::CONT))
    }

    /// Starts it again, at the same address. One that runs saves its data first and loads them; of one
    /// that was killed, those are there that [`append_only`](Builder::append_only) kept.
    pub async fn restart(&self) -> Result<()> {
        if self.is_running() {
            self.shut_down("SAVE").await?;
        }
        self.spawn()?;
        until("the server to answer", || self.ready()).await?
    }

    /// Kills it if it runs, and starts it without data at the same address. What it knows of its
    /// cluster stays.
    pub async fn restart_empty(&self) -> Result<()> {
        if self.is_running() {
            self.kill().await?;
        }
        for data in ["dump.rdb", "appendonly.aof", "appendonlydir"] {
            let path = self.folder().join(data);
            let removed = if path.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            match removed {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                removed => removed.map_err(Error::file(&path))?,
            }
        }
        self.restart().await
    }

    /// Whether it runs, frozen or not.
    pub fn is_running(&self) -> bool {
        let mut process = self.process.lock();
        let process = process.as_mut();
        process.is_some_and(|process| matches!(process.ended(), Ok(None)))
    }

    /// Deletes all that is in it.
    pub async fn flush(&self) -> Result<()> {
        self.command(&["FLUSHALL"]).await.map(drop)
    }

    /// Sends a command on a connection of its own.
    pub async fn command(&self, words: &[&str]) -> Result<Reply> {
        self.connect().await?.command(words).await
    }

    /// A connection, logged in.
    pub async fn connect(&self) -> Result<Connection> {
        let mut connection = Connection::open(self.addr()).await?;
        if let Some((name, password)) = &self.settings.user {
            connection.command(&["AUTH", name, password]).await?;
        }
        Ok(connection)
    }

    /// Runs the server's command line client, and gives what it prints.
    ///
    /// # Errors
    ///
    /// [`Error::Tool`] if it fails, which it does for answers that are errors too.
    pub async fn cli(&self, arguments: &[&str]) -> Result<String> {
        self.tool("cli", &[&["-e"], arguments].concat()).await
    }

    /// Runs the server's benchmark, and gives what it prints.
    pub async fn benchmark(&self, arguments: &[&str]) -> Result<String> {
        self.tool("benchmark", arguments).await
    }

    async fn tool(&self, tool: &str, arguments: &[&str]) -> Result<String> {
        let tool = program::tool(&self.program, tool)?;
        let mut command = tokio::process::Command::new(&tool);
        let port = self.resources.port.number().to_string();
        command.args(["-h", "127.0.0.1", "-p", &port]);
        if let Some((name, password)) = &self.settings.user {
            command
                .args(["--user", name])
                .env("REDISCLI_AUTH", password);
        }
        command
            .args(arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let described = format!("{} {}", tool.display(), arguments.join(" "));
        let output = timeout(4 * PATIENCE, command.output()).await;
        let output = output.map_err(|_| Error::Late {
            what: described.clone(),
            within: 4 * PATIENCE,
        })??;
        let mut printed = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            printed += &String::from_utf8_lossy(&output.stderr);
            return Err(Error::Tool {
                command: described,
                output: printed,
            });
        }
        Ok(printed)
    }

    fn spawn(&self) -> Result<()> {
        let file = self.folder().join("server.conf");
        // A cluster's node and a sentinel write into their configuration.
        if !file.exists() {
            let configuration = self.settings.configuration(&self.resources);
            fs::write(&file, configuration).map_err(Error::file(&file))?;
        }
        let mut command = Command::new(&self.program);
        command.arg(&file);
        if self.settings.is_sentinel {
            command.arg("--sentinel");
        }
        command
            .args(&self.settings.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut process = self.process.lock();
        if let Some(running) = process.as_mut()
            && running.ended()?.is_none()
        {
            return Err(Error::Running);
        }
        *process = None;
        *process = Some(Process::spawn(&mut command, self.folder())?);
        Ok(())
    }

    /// `Err` is not yet; an error within is never.
    async fn ready(&self) -> Result<Result<()>, String> {
        if !self.is_running() {
            let log = fs::read_to_string(self.folder().join("server.log"));
            let log = log.unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let log = lines[lines.len().saturating_sub(20)..].join("\n");
            return Ok(Err(Error::NotStarted { log }));
        }
        let info = self.command(&["INFO", "server"]).await;
        let info = info.map_err(|error| error.to_string())?.text();
        // Otherwise another server took the port first, and ours is about to fail.
        let own = self.pid().map_err(|error| error.to_string())?;
        let own = format!("process_id:{own}");
        if !info.lines().any(|line| line == own) {
            return Err("another server answers".to_owned());
        }
        Ok(Ok(()))
    }

    async fn shut_down(&self, how: &str) -> Result<()> {
        let mut connection = self.connect().await?;
        connection.send(&["SHUTDOWN", how]).await?;
        let ended = self.take()?.wait();
        timeout(PATIENCE, ended).await.map_err(|_| Error::Late {
            what: "the server to shut down".to_owned(),
            within: PATIENCE,
        })?
    }

    fn take(&self) -> Result<Process> {
        self.process.lock().take().ok_or(Error::NotRunning)
    }

    fn with_process<T>(&self, act: impl FnOnce(&Process) -> Result<T>) -> Result<T> {
        let process = self.process.lock();
        act(process.as_ref().ok_or(Error::NotRunning)?)
    }
}

// === impl Builder ===

impl Builder {
    /// Starts it, and waits until it answers.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] if none is installed, [`Error::NotStarted`] with its log.
    pub async fn start(self) -> Result<Redis> {
        let program = match &self.program {
            Some(program) => program.clone(),
            None => program::server()?,
        };
        loop {
            let redis = Redis::new(program.clone(), self.clone(), self.allocate()?);
            match redis.restart().await {
                Ok(()) => return Ok(redis),
                // Another process took the port first.
                Err(Error::NotStarted { log }) if log.contains("Address already in use") => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn allocate(&self) -> Result<Resources> {
        let folder = tempfile::Builder::new()
            .prefix("keywell-redis-")
            .tempdir()?;
        Ok(Resources {
            port: Port::claim()?,
            tls_port: self.tls.is_some().then(Port::claim).transpose()?,
            socket: self.has_socket.then(|| folder.path().join("socket")),
            folder,
        })
    }
}
