use std::fmt;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Address {
    Tcp { host: String, port: u16 },
    Unix(PathBuf),
}

// === impl Address ===

impl Address {
    pub(crate) const PORT: u16 = 6379;
    pub(crate) const SENTINEL_PORT: u16 = 26379;

    /// `host`, `host:port`, `[v6]:port`; an IPv6 address may have a zone, as in `[fe80::1%25eth0]` (RFC
    /// 6874), or with its percent sign as it is.
    pub(crate) fn parse(text: &str, default_port: u16) -> Option<Self> {
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (host, rest) = rest.split_once(']')?;
            let port = rest.strip_prefix(':');
            let port = port.or_else(|| rest.is_empty().then_some(""))?;
            (zoned(host)?, port)
        } else {
            let (host, port) = text.split_once(':').unwrap_or((text, ""));
            (host.to_owned(), port)
        };
        let port = if port.is_empty() {
            default_port
        } else {
            port.parse().ok()?
        };
        if host.is_empty() || host.contains([' ', '/', '@', ',']) || port == 0 {
            return None;
        }
        Some(Self::Tcp { host, port })
    }
}

/// What is within the brackets of an IPv6 address, with its zone as the system reads it.
fn zoned(host: &str) -> Option<String> {
    let Some((address, zone)) = host.split_once('%') else {
        return Some(host.to_owned());
    };
    let zone = match zone.strip_prefix("25") {
        Some(encoded) => percent_decode_str(encoded).decode_utf8().ok()?,
        None => zone.into(),
    };
    (!zone.is_empty()).then(|| format!("{address}%{zone}"))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}
