use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// A way to a server through TCP, which can be cut. Its threads end with the program.
pub(super) struct Relay {
    pub(super) address: SocketAddr,
    turns: Arc<Turns>,
}

/// How often it was cut and healed: it is cut while the number is odd. A connection ends with the
/// turn in which it began.
#[derive(Default)]
struct Turns(AtomicU64);

/// How long a connection without traffic outlives a cut.
const LATE: Duration = Duration::from_millis(20);

// === impl Relay ===

impl Relay {
    /// Listens, and passes on to this server.
    pub(super) fn to(server: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let turns = Arc::<Turns>::default();
        let current = turns.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A connection that fails is closed, and its client connects again.
                drop(carry(&current, &client, server));
            }
        });
        Ok(Self { address, turns })
    }

    /// Ends every connection, and each new one at once.
    pub(super) fn cut(&self) {
        self.turns.0.fetch_add(1, Ordering::SeqCst);
    }

    /// Passes new connections on again.
    pub(super) fn heal(&self) {
        self.turns.0.fetch_add(1, Ordering::SeqCst);
    }
}

// === impl Turns ===

impl Turns {
    fn current(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

fn carry(turns: &Arc<Turns>, client: &TcpStream, server: SocketAddr) -> std::io::Result<()> {
    let turn = turns.current();
    if !turn.is_multiple_of(2) {
        return Ok(());
    }
    let server = TcpStream::connect(server)?;
    for (from, to) in [(client, &server), (&server, client)] {
        from.set_nodelay(true)?;
        from.set_read_timeout(Some(LATE))?;
        let (from, to, turns) = (from.try_clone()?, to.try_clone()?, turns.clone());
        thread::spawn(move || pass(from, to, || turns.current() == turn));
    }
    Ok(())
}

/// Passes bytes on until one end closes or the way is cut, and then closes both.
fn pass(mut from: TcpStream, mut to: TcpStream, is_whole: impl Fn() -> bool) {
    let mut bytes = vec![0; 64 << 10];
    loop {
        let read = from.read(&mut bytes);
        if !is_whole() {
            break;
        }
        match read {
            Ok(read @ 1..) if to.write_all(&bytes[..read]).is_ok() => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            _ => break,
        }
    }
    drop(from.shutdown(Shutdown::Both));
    drop(to.shutdown(Shutdown::Both));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers each byte with the same byte.
    fn echo() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let again = client.try_clone().unwrap();
                thread::spawn(move || pass(client, again, || true));
            }
        });
        address
    }

    fn asked(relay: SocketAddr) -> std::io::Result<TcpStream> {
        let mut client = TcpStream::connect(relay)?;
        client.write_all(b"a")?;
        client.read_exact(&mut [0])?;
        Ok(client)
    }

    #[test]
    fn a_cut_ends_connections_until_it_heals() {
        let relay = Relay::to(echo()).unwrap();
        let mut before = asked(relay.address).unwrap();
        relay.cut();
        assert!(before.read_exact(&mut [0]).is_err());
        assert!(asked(relay.address).is_err());
        relay.heal();
        asked(relay.address).unwrap();
    }
}
