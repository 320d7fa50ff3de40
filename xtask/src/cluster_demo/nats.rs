use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::process::{Done, Owned};
use crate::setup;

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A NATS server on a free port of this machine.
pub(super) struct Nats {
    _process: Owned,
    pub(super) address: SocketAddr,
}

// === impl Nats ===

impl Nats {
    pub(super) fn start() -> Done<Self> {
        let program = setup::nats()?;
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let free = free.and_then(|listener| listener.local_addr());
        let address = free.map_err(|error| format!("no port is free: {error}"))?;
        let port = address.port().to_string();
        println!("\n$ nats-server --addr 127.0.0.1 --port {port}");
        let mut command = Command::new(program);
        command.args(["--addr", "127.0.0.1", "--port", &port]);
        let spawned = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut process =
            Owned(spawned.map_err(|error| format!("cannot start nats-server: {error}"))?);
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Ok(Some(status)) = process.0.try_wait() {
                return Err(format!("nats-server ended: {status}"));
            }
            if started.elapsed() > PATIENCE {
                return Err("nats-server does not answer".to_owned());
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        Ok(Self {
            _process: process,
            address,
        })
    }
}
