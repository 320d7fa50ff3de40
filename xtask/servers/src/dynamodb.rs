use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::Arc;

use crate::emulator::{self, Emulator};
use crate::error::Result;
use crate::port::Port;
use crate::program;
use crate::shared::{Shared, Started};
use crate::tls::Tls;
use crate::wait::until;

const LIST_TABLES: &str = "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
    X-Amz-Target: DynamoDB_20120810.ListTables\r\nContent-Type: application/x-amz-json-1.0\r\n\
    Content-Length: 2\r\n\r\n{}";

/// MiniStack, an emulator of DynamoDB and its streams, killed when this is dropped. It keeps its
/// tables in memory.
#[derive(Debug)]
pub struct Ministack {
    emulator: Emulator,
    tls: Option<Arc<Tls>>,
}

/// A MiniStack that tests of several processes use at the same time. What a test creates has a name
/// that no other test knows.
#[derive(Debug)]
pub struct SharedMinistack {
    server: Shared,
}

/// Dynalite, an emulator of DynamoDB without transactions, streams and times to live, killed when
/// this is dropped. It keeps its tables in memory.
#[derive(Debug)]
pub struct Dynalite {
    emulator: Emulator,
}

// === impl Ministack ===

impl Ministack {
    /// Starts one, and waits until it listens.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`](crate::Error::Missing) if it is not installed,
    /// [`Error::NotStarted`](crate::Error::NotStarted) with its log.
    pub async fn start() -> Result<Self> {
        Self::start_with(None).await
    }

    /// The same. With certificates, it lets in only clients that encrypt their connection.
    ///
    /// # Errors
    ///
    /// As [`Ministack::start`].
    pub async fn start_with(tls: Option<Arc<Tls>>) -> Result<Self> {
        let emulator = Emulator::new("keywell-ministack-")?;
        let ministack = Self { emulator, tls };
        ministack.restart().await?;
        Ok(ministack)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.emulator.addr()
    }

    /// Its URL.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.addr())
    }

    /// Kills it, and waits for its end.
    ///
    /// # Errors
    ///
    /// [`Error::NotRunning`](crate::Error::NotRunning).
    pub async fn kill(&self) -> Result<()> {
        self.emulator.kill().await
    }

    /// Stops it where it is: connections stay, and nothing is answered.
    ///
    /// # Errors
    ///
    /// [`Error::NotRunning`](crate::Error::NotRunning).
    pub fn freeze(&self) -> Result<()> {
        self.emulator.freeze()
    }

    /// Lets a frozen one go on.
    ///
    /// # Errors
    ///
    /// [`Error::NotRunning`](crate::Error::NotRunning).
    pub fn thaw(&self) -> Result<()> {
        self.emulator.thaw()
    }

    /// Starts one that was killed, at the same address and without its tables.
    ///
    /// # Errors
    ///
    /// As [`Ministack::start`].
    pub async fn restart(&self) -> Result<()> {
        let mut command = ministack(self.addr())?;
        if let Some(tls) = &self.tls {
            command
                .env("USE_SSL", "1")
                .env("MINISTACK_SSL_CERT", tls.server_certificate())
                .env("MINISTACK_SSL_KEY", tls.server_key());
        }
        // It loads what emulates DynamoDB at the first request.
        let asked = self.tls.is_none().then_some(LIST_TABLES);
        self.emulator.start(command, asked).await
    }
}

// === impl SharedMinistack ===

impl SharedMinistack {
    /// The server, started if it is not running.
    ///
    /// # Errors
    ///
    /// As [`Ministack::start`].
    pub async fn get() -> Result<Self> {
        let server = Shared::join("ministack", start, |addr, _| {
            until("MiniStack to answer", move || async move {
                emulator::answers(addr, Some(LIST_TABLES))
            })
        });
        Ok(Self {
            server: server.await?,
        })
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.server.addr())
    }
}

fn start() -> Result<Started> {
    let folder = tempfile::Builder::new()
        .prefix("keywell-ministack-")
        .tempdir()?;
    let port = Port::claim()?;
    let mut command = ministack(port.address())?;
    emulator::prepare(&mut command, folder.path())?;
    Ok(Started {
        process: command.process_group(0).spawn()?,
        folder,
        port,
        signal: "KILL",
    })
}

/// What starts MiniStack at an address.
fn ministack(addr: SocketAddr) -> Result<Command> {
    let mut command = program::ministack()?;
    command
        .env("GATEWAY_PORT", addr.port().to_string())
        .env("BIND_HOST", addr.ip().to_string())
        .env("SERVICES", "dynamodb,dynamodbstreams")
        .env("LOG_LEVEL", "WARNING");
    Ok(command)
}

// === impl Dynalite ===

impl Dynalite {
    /// Starts one, and waits until it listens.
    ///
    /// # Errors
    ///
    /// As [`Ministack::start`].
    pub async fn start() -> Result<Self> {
        let emulator = Emulator::new("keywell-dynalite-")?;
        let mut command: Command = program::dynalite()?;
        command
            .args(["--host", "127.0.0.1", "--port"])
            .arg(emulator.addr().port().to_string())
            .args(["--createTableMs", "0", "--deleteTableMs", "0"]);
        emulator.start(command, None).await?;
        Ok(Self { emulator })
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.emulator.addr())
    }
}
