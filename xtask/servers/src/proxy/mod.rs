mod budget;
mod connection;
mod frames;
mod shared;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use crate::error::{Error, Result};
use crate::wait::PATIENCE;
use budget::Budget;
pub use shared::Towards;
use shared::{Shared, Way};

/// A way through TCP to a server, that can be broken. It listens on the loopback device, and all its
/// connections end when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    addr: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

// === impl Proxy ===

impl Proxy {
    /// Listens, and passes on to this server.
    pub async fn to(server: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared {
            target: Mutex::new(server),
            cuts: watch::Sender::new(0),
            refusing: watch::Sender::new(false),
            counts: watch::Sender::new((0, 0)),
            ways: [Way::new(), Way::new()],
        });
        let accepting = tokio::spawn(accept(addr, listener, shared.clone()));
        Ok(Self {
            addr,
            shared,
            accepting,
        })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Passes new connections on to this server from now on.
    pub fn aim(&self, server: SocketAddr) {
        *self.shared.target.lock() = server;
    }

    /// Ends every connection now, in the middle of whatever it carries.
    pub fn cut(&self) {
        self.shared.cut();
    }

    /// Ends every connection once so many bytes more have passed this way, over all of them.
    pub fn cut_after_bytes(&self, towards: Towards, bytes: u64) {
        *self.shared.way(towards).budget.lock() = Some(Budget::Bytes(bytes));
    }

    /// Ends every connection once so many commands or answers more have passed this way, over all
    /// of them; what a server pushes is none. A last command arrives at the server, whose answer to
    /// it, and to some before it perhaps, is lost.
    ///
    /// Commands are counted where TLS does not hide them.
    pub fn cut_after_commands(&self, towards: Towards, commands: u64) {
        *self.shared.way(towards).budget.lock() = Some(Budget::Frames(commands));
    }

    /// Whether a cut that was asked for is still to come.
    pub fn will_cut(&self) -> bool {
        let mut ways = self.shared.ways.iter();
        ways.any(|way| way.budget.lock().is_some())
    }

    /// Passes nothing on this way until [`flow`](Proxy::flow).
    pub fn stall(&self, towards: Towards) {
        self.shared.way(towards).stalled.send_replace(true);
    }

    /// Passes on again what was stalled.
    pub fn flow(&self, towards: Towards) {
        self.shared.way(towards).stalled.send_replace(false);
    }

    /// Passes each piece on so much later, both ways.
    pub fn delay(&self, by: Duration) {
        for way in &self.shared.ways {
            *way.delay.lock() = by;
        }
    }

    /// Refuses new connections, as a port without a listener does, or accepts them again. Open
    /// connections stay.
    pub fn refuse(&self, yes: bool) {
        self.shared.refusing.send_replace(yes);
    }

    /// How many connections it has accepted since it was started.
    pub fn accepted(&self) -> usize {
        self.shared.counts.borrow().0
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.shared.counts.borrow().1
    }

    /// Waits until it has accepted so many connections since it was started.
    ///
    /// # Errors
    ///
    /// [`Error::Late`] after 30 s.
    pub async fn has_accepted(&self, connections: usize) -> Result<()> {
        let mut counts = self.shared.counts.subscribe();
        let enough = counts.wait_for(|(accepted, _)| *accepted >= connections);
        let waited = timeout(PATIENCE, enough).await;
        match waited {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::Late {
                what: format!("{connections} connections; last: {}", self.accepted()),
                within: PATIENCE,
            }),
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // It owns the connections' tasks.
        self.accepting.abort();
    }
}

async fn accept(addr: SocketAddr, first: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    let mut refusing = shared.refusing.subscribe();
    let mut listener = Some(first);
    loop {
        let Some(listening) = &listener else {
            if refusing.wait_for(|refusing| !refusing).await.is_err() {
                return;
            }
            let Ok(again) = TcpListener::bind(addr).await else {
                return; // another process took the port meanwhile
            };
            listener = Some(again);
            continue;
        };
        tokio::select! {
            accepted = listening.accept() => {
                let Ok((client, _)) = accepted else { continue };
                let cuts = shared.cuts.subscribe();
                shared.counts.send_modify(|(accepted, open)| {
                    *accepted += 1;
                    *open += 1;
                });
                connections.spawn(carry(client, cuts, shared.clone()));
            }
            _ = refusing.wait_for(|refusing| *refusing) => listener = None,
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn carry(client: TcpStream, mut cuts: watch::Receiver<u64>, shared: Arc<Shared>) {
    let open = Open(shared.clone());
    let target = *shared.target.lock();
    tokio::select! {
        _ = cuts.changed() => {}
        () = async {
            if let Ok(server) = TcpStream::connect(target).await {
                connection::run(client, server, &shared).await;
            }
        } => {}
    }
    drop(open);
}

/// Counts a connection as open until it is dropped.
struct Open(Arc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.counts.send_modify(|(_, open)| *open -= 1);
    }
}
