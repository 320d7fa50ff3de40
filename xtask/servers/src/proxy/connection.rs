use std::future::pending;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use super::budget::{Pass, spend};
use super::frames::Frames;
use super::shared::{Shared, Towards};

/// How long a server may take to read what it was sent before a cut.
const DRAINING: Duration = Duration::from_secs(5);

/// Carries one connection until one side ends it or a budget is spent.
pub(super) async fn run(client: TcpStream, server: TcpStream, shared: &Shared) {
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let silent = AtomicBool::new(false);
    let commands = Pump {
        from: from_client,
        to: to_server,
        towards: Towards::Server,
        silent: &silent,
    };
    let answers = Pump {
        from: from_server,
        to: to_client,
        towards: Towards::Client,
        silent: &silent,
    };
    // One side's end is the other's: neither Redis nor its clients half-close.
    tokio::select! {
        _ = commands.run(shared) => {}
        _ = answers.run(shared) => {}
    }
    if silent.load(Ordering::Acquire) {
        shared.cut();
    }
}

/// One way of a connection.
struct Pump<'a> {
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    towards: Towards,
    /// The last before a cut is on its way: what comes the other way is lost.
    silent: &'a AtomicBool,
}

// === impl Pump ===

impl Pump<'_> {
    async fn run(mut self, shared: &Shared) -> io::Result<()> {
        let way = shared.way(self.towards);
        let mut stalled = way.stalled.subscribe();
        let mut frames = Frames::default();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = self.from.read(&mut buffer).await?;
            if read == 0 {
                return Ok(());
            }
            let delay = *way.delay.lock();
            if !delay.is_zero() {
                later(delay).await;
            }
            // Its sender is in `way`, which lives longer.
            let _ = stalled.wait_for(|stalled| !stalled).await;
            if self.towards == Towards::Client && self.silent.load(Ordering::Acquire) {
                continue;
            }
            let pass = spend(&mut way.budget.lock(), &mut frames, &buffer[..read]);
            match pass {
                Pass::All => self.to.write_all(&buffer[..read]).await?,
                Pass::Only(bytes) => {
                    self.silent.store(true, Ordering::Release);
                    self.to.write_all(&buffer[..bytes]).await?;
                    self.to.shutdown().await?;
                    if self.towards == Towards::Server {
                        // The server ends the connection in turn when it has read everything, which
                        // the other pump sees and ends this one.
                        let _ = timeout(DRAINING, pending::<()>()).await;
                    }
                    return Ok(());
                }
            }
        }
    }
}

/// A delay is what the caller of the proxy asked for, not a way to wait for something.
#[expect(clippy::disallowed_methods, reason = "the delay itself is wanted")]
async fn later(delay: Duration) {
    tokio::time::sleep(delay).await;
}
