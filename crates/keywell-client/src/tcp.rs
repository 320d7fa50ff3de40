//! Connections by TCP.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, lookup_host};

use crate::stagger;

/// Resolves a host to its addresses, in the order of the system's resolver: one address for an IP
/// address as text, without asking the resolver. An IPv6 address has no brackets here, and may have
/// a zone (`fe80::1%eth0`).
///
/// # Errors
///
/// The resolver's; [`io::ErrorKind::NotFound`] where the name has no address.
pub async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let addresses: Vec<SocketAddr> = lookup_host((host, port)).await?.collect();
    if addresses.is_empty() {
        let problem = "the name has no address";
        return Err(io::Error::new(io::ErrorKind::NotFound, problem));
    }
    Ok(addresses)
}

/// Connects to the first of these addresses that accepts, [staggered](stagger::first): IPv6 and IPv4
/// in turn (RFC 8305, section 4), starting with the family of the first. Nagle's algorithm is off.
///
/// It takes as long as the system tries, about two minutes for a silent address on Linux: bound it
/// by a [`Deadline`](crate::Deadline).
///
/// # Errors
///
/// The last failure, where every address failed; [`io::ErrorKind::InvalidInput`] without addresses.
pub async fn connect(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let attempts = alternating(addresses).into_iter().map(TcpStream::connect);
    let stream = stagger::first(attempts).await.map_err(|mut failures| {
        let none = || io::Error::new(io::ErrorKind::InvalidInput, "there is no address");
        failures.pop().unwrap_or_else(none)
    })?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Probes a connection after 15 s of silence, and every 5 s from then on, so that a client which
/// only listens notices that its server is gone.
///
/// # Errors
///
/// The system's.
pub fn keep_alive(stream: &TcpStream) -> io::Result<()> {
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(15))
        .with_interval(Duration::from_secs(5));
    SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

/// The same addresses, the two families in turn for as long as both last.
fn alternating(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let is_ipv6_first = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == is_ipv6_first);
    let mut second = second.into_iter();
    let mut alternating = Vec::new();
    for address in first {
        alternating.push(address);
        alternating.extend(second.next());
    }
    alternating.extend(second);
    alternating
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn families_alternate_and_keep_their_order() {
        let parsed = |texts: &[&str]| -> Vec<SocketAddr> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        for (given, expected) in [
            (
                &["[::1]:1", "[::2]:1", "[::3]:1", "1.0.0.1:1"][..],
                &["[::1]:1", "1.0.0.1:1", "[::2]:1", "[::3]:1"][..],
            ),
            (
                &["1.0.0.1:1", "[::1]:1", "[::2]:1"],
                &["1.0.0.1:1", "[::1]:1", "[::2]:1"],
            ),
            (&[], &[]),
        ] {
            assert_eq!(alternating(parsed(given)), parsed(expected));
        }
    }

    #[tokio::test]
    async fn an_address_that_refuses_makes_way_for_the_next() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let there = listener.local_addr().unwrap();
        // Nothing listens on the port of tcpmux, and no test is given it.
        let refusing = SocketAddr::from(([127, 0, 0, 1], 1));
        let stream = connect(vec![refusing, there]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), there);
        assert!(stream.nodelay().unwrap());
        keep_alive(&stream).unwrap();
        let refused = connect(vec![refusing]).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        assert!(connect(Vec::new()).await.is_err());
    }

    #[tokio::test]
    async fn addresses_resolve_as_text_and_unknown_names_do_not() {
        for text in ["127.0.0.1", "::1"] {
            let addresses = resolve(text, 80).await.unwrap();
            assert_eq!(addresses, [SocketAddr::new(text.parse().unwrap(), 80)]);
        }
        assert!(resolve("unknown.invalid", 80).await.is_err());
    }
}
