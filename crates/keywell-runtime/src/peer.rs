//! TCP connections of components: denied, unless the host and port are allowed.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use tokio::net::lookup_host;
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::sockets::SocketAddrUse;

use crate::HostError;

/// A host and port that a component may open TCP connections to: `db.example.com:5432`,
/// `10.0.0.7:6379`, `[::1]:6379`.
///
/// A name stands for the addresses that the machine finds for it when the component connects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedPeer {
    host: Host,
    port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Address(IpAddr),
    Name(String),
}

// === impl AllowedPeer ===

impl AllowedPeer {
    /// Lets a component connect to these, and to nothing else.
    ///
    /// Where one of them has a name, the component may look up names, which the resolver of the
    /// machine sees.
    pub(crate) fn allow(peers: &[Self], wasi: &mut WasiCtxBuilder) {
        // Without an allowance, not even a socket can be made.
        if peers.is_empty() {
            return;
        }
        wasi.allow_tcp(true);
        let has_name = |peer: &Self| matches!(peer.host, Host::Name(_));
        wasi.allow_ip_name_lookup(peers.iter().any(has_name));
        let peers: Arc<[Self]> = peers.into();
        wasi.socket_addr_check(move |address, reason| {
            let peers = peers.clone();
            Box::pin(async move {
                match reason {
                    SocketAddrUse::TcpConnect => {}
                    // To any free port, which precedes each connection; listening is refused.
                    SocketAddrUse::TcpBind => {
                        return address.ip().is_unspecified() && address.port() == 0;
                    }
                    _ => return false,
                }
                for peer in &*peers {
                    if peer.is(address).await {
                        return true;
                    }
                }
                false
            })
        });
    }

    async fn is(&self, address: SocketAddr) -> bool {
        if address.port() != self.port {
            return false;
        }
        let ip = address.ip().to_canonical();
        match &self.host {
            Host::Address(own) => own.to_canonical() == ip,
            Host::Name(name) => match lookup_host((name.as_str(), self.port)).await {
                Ok(mut found) => found.any(|found| found.ip().to_canonical() == ip),
                Err(error) => {
                    tracing::warn!("cannot look up {name}, which a component may reach: {error}");
                    false
                }
            },
        }
    }
}

impl FromStr for AllowedPeer {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        let refuse = |problem| HostError::new(text, problem);
        let Some((host, port)) = text.rsplit_once(':') else {
            return Err(refuse("write HOST:PORT"));
        };
        let Ok(port @ 1..) = port.parse() else {
            return Err(refuse("a port is a number from 1 to 65535"));
        };
        let bracketed = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let host = if let Some(inner) = bracketed {
            let address = inner.parse::<Ipv6Addr>();
            let address = address.map_err(|_| refuse("what is in brackets is no address"))?;
            Host::Address(address.into())
        } else if host.contains(':') {
            return Err(refuse("write an IPv6 address in brackets, such as [::1]"));
        } else if let Ok(address) = host.parse() {
            Host::Address(address)
        } else if is_name(host) {
            Host::Name(host.to_owned())
        } else {
            return Err(refuse("write HOST:PORT, without a scheme, a path or a *"));
        };
        Ok(Self { host, port })
    }
}

impl fmt::Display for AllowedPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Address(address) => SocketAddr::new(*address, self.port).fmt(f),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

fn is_name(host: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    host.chars().all(plain) && !host.split('.').any(str::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> AllowedPeer {
        text.parse().unwrap()
    }

    #[test]
    fn a_peer_is_written_as_it_was_read() {
        for text in ["db.example.com:5432", "10.0.0.7:6379", "[::1]:6379"] {
            assert_eq!(peer(text).to_string(), text);
        }
    }

    #[test]
    fn what_names_no_peer_is_refused() {
        for text in [
            "",
            "host",
            "host:",
            "host:0",
            "host:65536",
            ":80",
            "::1:80",
            "[x]:80",
            "*:80",
            "a..b:80",
            "http://a:80",
            "a/b:80",
        ] {
            assert!(text.parse::<AllowedPeer>().is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn an_address_is_allowed_at_its_port_in_both_its_forms() {
        let allows = async |peer: &str, address: &str| {
            let peer: AllowedPeer = peer.parse().unwrap();
            peer.is(address.parse().unwrap()).await
        };
        assert!(allows("127.0.0.1:80", "127.0.0.1:80").await);
        assert!(allows("127.0.0.1:80", "[::ffff:127.0.0.1]:80").await);
        assert!(allows("localhost:80", "127.0.0.1:80").await);
        assert!(!allows("127.0.0.1:80", "127.0.0.1:81").await);
        assert!(!allows("127.0.0.1:80", "127.0.0.2:80").await);
        assert!(!allows("localhost:80", "127.0.0.2:80").await);
    }
}
