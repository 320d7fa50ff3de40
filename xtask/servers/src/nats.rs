use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::error::{Error, Result};
use crate::port::{BUS, Port};
use crate::process::Process;
use crate::program;
use crate::tls::Tls;
use crate::wait::until;

/// A NATS server, killed when this is dropped.
#[derive(Debug)]
pub struct Nats {
    // Before the folder: the server ends before its folder goes.
    process: Mutex<Option<Process>>,
    port: Port,
    folder: TempDir,
    settings: NatsBuilder,
    /// Of its cluster: its name in it, and where all of its servers listen to each other.
    cluster: Option<(String, Vec<u16>)>,
}

/// Settings of a [`Nats`] that is to be started. Without any: plain NATS, without `JetStream` and
/// without authentication.
#[derive(Clone, Debug, Default)]
pub struct NatsBuilder {
    lines: Vec<String>,
    tls: Option<Arc<Tls>>,
    has_jetstream: bool,
    domain: Option<String>,
    /// Whether the server lets in clients that the tests' own check is none of.
    is_closed: bool,
    /// The client's CONNECT options with which the server is asked whether it is ready.
    login: String,
}

/// NATS servers in one cluster.
#[derive(Debug)]
pub struct NatsCluster {
    servers: Vec<Nats>,
}

// === impl NatsBuilder ===

impl NatsBuilder {
    /// Keeps streams, in its folder, over restarts.
    #[must_use]
    pub fn jetstream(mut self) -> Self {
        self.has_jetstream = true;
        self
    }

    /// Keeps streams, in a domain of this name.
    #[must_use]
    pub fn domain(mut self, name: &str) -> Self {
        self.domain = Some(name.to_owned());
        self.jetstream()
    }

    /// Adds lines that say who may log in, such as `operator` and `resolver`. The server counts as
    /// ready when it greets.
    #[must_use]
    pub fn logins(mut self, lines: impl Into<String>) -> Self {
        self.is_closed = true;
        self.config(lines)
    }

    /// Adds a line to the configuration, such as `max_payload: 65536`.
    #[must_use]
    pub fn config(mut self, line: impl Into<String>) -> Self {
        self.lines.push(line.into());
        self
    }

    /// Lets in only this user, who may do everything.
    #[must_use]
    pub fn user(mut self, name: &str, password: &str) -> Self {
        self.lines.push(format!(
            "authorization {{ user: \"{name}\", password: \"{password}\" }}"
        ));
        self.login = format!("\"user\":\"{name}\",\"pass\":\"{password}\",");
        self
    }

    /// Lets in only clients that have this token.
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        self.lines
            .push(format!("authorization {{ token: \"{token}\" }}"));
        self.login = format!("\"auth_token\":\"{token}\",");
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
    pub async fn start(self) -> Result<Nats> {
        let nats = Nats::new(self, Port::claim()?, None)?;
        nats.restart().await?;
        Ok(nats)
    }
}

// === impl Nats ===

impl Nats {
    /// Starts one without any settings.
    ///
    /// # Errors
    ///
    /// As [`NatsBuilder::start`].
    pub async fn start() -> Result<Self> {
        Self::builder().start().await
    }

    /// Settings of one that is to be started.
    pub fn builder() -> NatsBuilder {
        NatsBuilder::default()
    }

    fn new(settings: NatsBuilder, port: Port, cluster: Option<(String, Vec<u16>)>) -> Result<Self> {
        let prefix = "keywell-nats-";
        Ok(Self {
            process: Mutex::default(),
            port,
            folder: tempfile::Builder::new().prefix(prefix).tempdir()?,
            settings,
            cluster,
        })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.port.address()
    }

    /// Such as `nats://127.0.0.1:12345`.
    pub fn url(&self) -> String {
        format!("nats://{}", self.addr())
    }

    /// Its folder: configuration, streams, and `server.log`.
    pub fn folder(&self) -> &Path {
        self.folder.path()
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
        process
            .as_ref()
            .ok_or(Error::NotRunning)?
            .signal(Signal::CONT)
    }

    /// Starts one that was killed, at the same address and with the streams it had.
    ///
    /// # Errors
    ///
    /// As [`NatsBuilder::start`].
    pub async fn restart(&self) -> Result<()> {
        self.spawn()?;
        self.until_ready().await
    }

    fn spawn(&self) -> Result<()> {
        let file = self.folder.path().join("nats.conf");
        fs::write(&file, self.configuration()).map_err(Error::file(&file))?;
        let log = self.log();
        let log = File::create(&log).map_err(Error::file(&log))?;
        let mut command = Command::new(program::nats()?);
        command
            .arg("--config")
            .arg(file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        *self.process.lock() = Some(Process::spawn(&mut command, self.folder.path())?);
        Ok(())
    }

    async fn until_ready(&self) -> Result<()> {
        until("the NATS server to answer", || async { self.ready() }).await?
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
        self.greet().map_err(|error| error.to_string())?;
        Ok(Ok(()))
    }

    /// Fails until it greets and, with `JetStream`, has a leader that answers for it.
    fn greet(&self) -> std::io::Result<()> {
        let stream = TcpStream::connect(self.addr())?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        let mut lines = BufReader::new(&stream).lines();
        let mut next = || lines.next().unwrap_or_else(|| Ok(String::new()));
        let other = |line: String| Err(std::io::Error::other(line));
        let info = next()?;
        if !info.starts_with("INFO ") {
            return other(info);
        }
        // Behind TLS only the greeting is plain.
        let is_open = self.settings.tls.is_none() && !self.settings.is_closed;
        if !self.settings.has_jetstream || !is_open {
            return Ok(());
        }
        let login = &self.settings.login;
        let request = format!(
            "CONNECT {{{login}\"verbose\":false,\"pedantic\":false}}\r\nSUB here 1\r\nPUB \
             $JS.API.INFO here 0\r\n\r\n"
        );
        (&stream).write_all(request.as_bytes())?;
        loop {
            let line = next()?;
            if line.starts_with('{') && line.contains("account_info") {
                return if line.contains("\"error\"") {
                    other(line)
                } else {
                    Ok(())
                };
            }
            if line.is_empty() || line.starts_with("-ERR") {
                return other(line);
            }
        }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    fn configuration(&self) -> String {
        let folder = self.folder.path().display();
        let port = self.port.number();
        let mut lines = vec!["host: 127.0.0.1".to_owned(), format!("port: {port}")];
        if self.settings.has_jetstream {
            let domain = self.settings.domain.as_ref();
            let domain = domain.map_or_else(String::new, |name| format!(", domain: {name}"));
            lines.push(format!(
                "jetstream {{ store_dir: \"{folder}/streams\"{domain} }}"
            ));
        }
        if let Some((name, members)) = &self.cluster {
            let routes: Vec<_> = members
                .iter()
                .map(|port| format!("nats://127.0.0.1:{port}"))
                .collect();
            let routes = routes.join(", ");
            let port = port + BUS;
            lines.push(format!("server_name: {name}"));
            lines.push(format!(
                "cluster {{ name: tests, host: 127.0.0.1, port: {port}, routes: [{routes}] }}"
            ));
        }
        if let Some(tls) = &self.settings.tls {
            let (certificate, key) = (tls.server_certificate(), tls.server_key());
            let (certificate, key) = (certificate.display(), key.display());
            lines.push(format!(
                "tls {{ cert_file: \"{certificate}\", key_file: \"{key}\" }}"
            ));
        }
        lines.extend(self.settings.lines.iter().cloned());
        lines.join("\n") + "\n"
    }
}

// === impl NatsCluster ===

impl NatsCluster {
    /// Starts servers that know each other, with `JetStream`, and waits until each answers for it.
    ///
    /// # Errors
    ///
    /// As [`NatsBuilder::start`].
    pub async fn start(servers: usize) -> Result<Self> {
        Self::start_with(servers, Nats::builder().jetstream()).await
    }

    /// The same, with settings.
    ///
    /// # Errors
    ///
    /// As [`NatsBuilder::start`].
    pub async fn start_with(servers: usize, settings: NatsBuilder) -> Result<Self> {
        let ports: Result<Vec<_>> = (0..servers).map(|_| Port::claim()).collect();
        let ports = ports?;
        let members: Vec<_> = ports.iter().map(|port| port.number() + BUS).collect();
        let servers = ports.into_iter().enumerate().map(|(n, port)| {
            let cluster = Some((format!("n{n}"), members.clone()));
            Nats::new(settings.clone(), port, cluster)
        });
        let cluster = Self {
            servers: servers.collect::<Result<_>>()?,
        };
        for server in &cluster.servers {
            server.spawn()?;
        }
        for server in &cluster.servers {
            server.until_ready().await?;
        }
        Ok(cluster)
    }

    /// Its servers.
    pub fn servers(&self) -> &[Nats] {
        &self.servers
    }
}
