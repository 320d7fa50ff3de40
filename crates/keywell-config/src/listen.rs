use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

/// Where to listen: `127.0.0.1:8080`, `[fe80::1%eth0]:8080`, `localhost:8080`.
///
/// A name is not looked up here; it stands for all its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    host: String,
    port: u16,
}

// === impl ListenAddress ===

impl ListenAddress {
    /// The address, without brackets and with its zone if it has one, or the name.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; 0 stands for a free one.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for ListenAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        const FORM: &str = "write an address or a name, and a port, such as 127.0.0.1:8080";
        let (host, port) = text.rsplit_once(':').ok_or(FORM)?;
        let port = port.parse().map_err(|_| FORM)?;
        let host = match host.strip_prefix('[') {
            Some(bracketed) => bracketed.strip_suffix(']').ok_or(FORM)?,
            None if host.contains(':') => {
                return Err("write an IPv6 address in brackets, such as [::1]:8080");
            }
            None => host,
        };
        let is_odd = |c: char| c.is_whitespace() || c.is_control() || "[]/@?".contains(c);
        if host.is_empty() || host.contains(is_odd) {
            return Err(FORM);
        }
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

impl From<SocketAddr> for ListenAddress {
    fn from(address: SocketAddr) -> Self {
        Self {
            host: address.ip().to_string(),
            port: address.port(),
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_a_name_or_have_a_zone() {
        for (text, host, port) in [
            ("127.0.0.1:8080", "127.0.0.1", 8080),
            ("[::1]:0", "::1", 0),
            ("[fe80::1%eth0]:8080", "fe80::1%eth0", 8080),
            ("localhost:80", "localhost", 80),
        ] {
            let address: ListenAddress = text.parse().unwrap();
            assert_eq!((address.host(), address.port()), (host, port));
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "8080",
            ":8080",
            "localhost",
            "localhost:http",
            "localhost:99999",
            "::1:8080",
            "[::1]",
            "[::1:8080",
            "http://localhost:8080",
            "a b:1",
        ] {
            assert!(text.parse::<ListenAddress>().is_err(), "{text:?}");
        }
    }
}
