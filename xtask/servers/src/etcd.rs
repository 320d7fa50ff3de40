use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
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

/// An etcd server, killed when this is dropped.
#[derive(Debug)]
pub struct Etcd {
    // Before the folder: the server ends before its folder goes.
    process: Mutex<Option<Process>>,
    port: Port,
    /// Where it says whether it is healthy, without TLS.
    metrics: Port,
    folder: TempDir,
    arguments: Vec<String>,
    tls: Option<Arc<Tls>>,
    name: String,
    /// The members of its cluster.
    members: String,
}

/// etcd servers in one cluster.
#[derive(Debug)]
pub struct EtcdCluster {
    servers: Vec<Etcd>,
}

// === impl Etcd ===

impl Etcd {
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
    /// As [`Etcd::start`].
    pub async fn start_with(arguments: &[&str], tls: Option<Arc<Tls>>) -> Result<Self> {
        let port = Port::claim()?;
        let members = member(0, &port);
        let arguments = arguments.iter().map(|&argument| argument.to_owned());
        let etcd = Self::new(port, 0, members, arguments.collect(), tls)?;
        etcd.restart().await?;
        Ok(etcd)
    }

    fn new(
        port: Port,
        number: usize,
        members: String,
        arguments: Vec<String>,
        tls: Option<Arc<Tls>>,
    ) -> Result<Self> {
        let prefix = "keywell-etcd-";
        Ok(Self {
            process: Mutex::default(),
            port,
            metrics: Port::claim()?,
            folder: tempfile::Builder::new().prefix(prefix).tempdir()?,
            arguments,
            tls,
            name: format!("n{number}"),
            members,
        })
    }

    /// Where it listens to clients.
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

    /// Starts one that was killed, at the same address and with the data it had.
    ///
    /// # Errors
    ///
    /// As [`Etcd::start`].
    pub async fn restart(&self) -> Result<()> {
        self.spawn()?;
        self.until_ready().await
    }

    /// Runs `etcdctl`, and gives what it prints.
    ///
    /// # Errors
    ///
    /// [`Error::Tool`] if it fails, [`Error::Missing`] if it is not installed.
    pub async fn ctl(&self, arguments: &[&str]) -> Result<String> {
        let mut command = tokio::process::Command::new(program::etcdctl()?);
        command
            .env("ETCDCTL_API", "3")
            .arg(format!("--endpoints={}", self.addr()))
            .args(arguments);
        let output = command.output().await?;
        let mut printed = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            printed += &String::from_utf8_lossy(&output.stderr);
            let command = format!("etcdctl {}", arguments.join(" "));
            let output = printed;
            return Err(Error::Tool { command, output });
        }
        Ok(printed)
    }

    fn spawn(&self) -> Result<()> {
        let log = self.log();
        let log = File::create(&log).map_err(Error::file(&log))?;
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let clients = format!("{scheme}://{}", self.addr());
        let peers = peers(&self.port);
        let mut command = Command::new(program::etcd()?);
        command
            .args(["--name", &self.name, "--data-dir"])
            .arg(self.folder.path().join("data"))
            .args(["--listen-client-urls", &clients])
            .args(["--advertise-client-urls", &clients])
            .args(["--listen-peer-urls", &peers])
            .args(["--initial-advertise-peer-urls", &peers])
            .args(["--initial-cluster", &self.members])
            .arg("--listen-metrics-urls")
            .arg(format!("http://{}", self.metrics.address()))
            .args(&self.arguments)
            .env("ETCD_UNSUPPORTED_ARCH", std::env::consts::ARCH)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        if let Some(tls) = &self.tls {
            command.arg("--cert-file").arg(tls.server_certificate());
            command.arg("--key-file").arg(tls.server_key());
        }
        *self.process.lock() = Some(Process::spawn(&mut command, self.folder.path())?);
        Ok(())
    }

    async fn until_ready(&self) -> Result<()> {
        until("etcd to be healthy", || async { self.ready() }).await?
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
        let health = self.health().map_err(|error| error.to_string())?;
        if health.contains("\"health\":\"true\"") {
            return Ok(Ok(()));
        }
        Err(health)
    }

    fn health(&self) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(self.metrics.address())?;
        stream.set_read_timeout(Some(Duration::from_secs(3)))?;
        stream.write_all(b"GET /health HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }
}

/// Where a server listens to the others.
fn peers(port: &Port) -> String {
    format!("http://127.0.0.1:{}", port.number() + BUS)
}

fn member(number: usize, port: &Port) -> String {
    format!("n{number}={}", peers(port))
}

// === impl EtcdCluster ===

impl EtcdCluster {
    /// Starts servers that know each other, and waits until each of them answers.
    ///
    /// # Errors
    ///
    /// As [`Etcd::start`].
    pub async fn start(servers: usize) -> Result<Self> {
        let ports: Result<Vec<_>> = (0..servers).map(|_| Port::claim()).collect();
        let ports = ports?;
        let members = ports.iter().enumerate();
        let members: Vec<_> = members.map(|(number, port)| member(number, port)).collect();
        let members = members.join(",");
        let ports = ports.into_iter().enumerate();
        let servers =
            ports.map(|(number, port)| Etcd::new(port, number, members.clone(), Vec::new(), None));
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
    pub fn servers(&self) -> &[Etcd] {
        &self.servers
    }

    /// Which of its servers leads it.
    ///
    /// # Errors
    ///
    /// [`Error::Tool`], [`Error::Protocol`] if none of the servers that answer leads.
    pub async fn leader(&self) -> Result<usize> {
        for (number, server) in self.servers.iter().enumerate() {
            if server.process.lock().is_none() {
                continue;
            }
            let status = server.ctl(&["endpoint", "status", "-w", "fields"]).await?;
            let field = |name: &str| {
                let mut lines = status.lines();
                let line = lines.find_map(|line| line.strip_prefix(&format!("\"{name}\" :")));
                line.map(|value| value.trim().to_owned())
            };
            if field("Leader").is_some() && field("Leader") == field("MemberID") {
                return Ok(number);
            }
        }
        Err(Error::Protocol("no server says that it leads".to_owned()))
    }
}
