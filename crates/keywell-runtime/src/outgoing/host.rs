use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// A host that components may send HTTP requests to.
///
/// | Written | Allows |
/// |---|---|
/// | `example.com` | this host, at port 80 for http and 443 for https |
/// | `example.com:8080` | this host at this port |
/// | `example.com:*` | this host at any port |
/// | `*.example.com` | every host under it, at any depth, not itself; ports as above |
/// | `*` | every host at every port |
///
/// Names are compared as they are written, without regard to case: `localhost` is not `127.0.0.1`.
/// An IPv6 address is written in brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHost {
    host: Host,
    port: Port,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Any,
    /// Whatever ends with this, which begins with a dot.
    Under(String),
    Exactly(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Port {
    Any,
    /// That of the scheme.
    Usual,
    Exactly(u16),
}

/// Why text does not name a host to allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no host to allow: {problem}")]
pub struct HostError {
    text: String,
    problem: &'static str,
}

// === impl HostError ===

impl HostError {
    pub(crate) fn new(text: &str, problem: &'static str) -> Self {
        // What is taken for a host may be a URL with a login, or with a token in its query.
        let host = text.rsplit('@').next().unwrap_or_default();
        let text = host.split('?').next().unwrap_or_default().to_owned();
        Self { text, problem }
    }
}

// === impl AllowedHost ===

impl AllowedHost {
    /// Whether requests to this host are allowed, where `usual` is the port of the scheme.
    pub(crate) fn allows(&self, host: &str, port: Option<u16>, usual: u16) -> bool {
        let host = canonical(host);
        let host_is = match &self.host {
            Host::Any => true,
            Host::Exactly(exact) => host == *exact,
            Host::Under(suffix) => host.len() > suffix.len() && host.ends_with(suffix.as_str()),
        };
        let port = port.unwrap_or(usual);
        host_is
            && match self.port {
                Port::Any => true,
                Port::Usual => port == usual,
                Port::Exactly(exact) => port == exact,
            }
    }
}

impl FromStr for AllowedHost {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        let refuse = |problem| HostError::new(text, problem);
        if text.contains(['/', '@']) {
            return Err(refuse(
                "write HOST or HOST:PORT, without a scheme or a path",
            ));
        }
        // The colons of an IPv6 address are within brackets.
        let end = text.find(']').map_or(0, |bracket| bracket + 1);
        let (host, port) = match text[end..].split_once(':') {
            None => (text, None),
            Some((rest, port)) => (&text[..end + rest.len()], Some(port)),
        };
        if port.is_some_and(|port| port.contains(':')) {
            return Err(refuse("write an IPv6 address in brackets, such as [::1]"));
        }
        let port = match port {
            None if host == "*" => Port::Any,
            None => Port::Usual,
            Some("*") => Port::Any,
            Some(number) => match number.parse() {
                Ok(number @ 1..) => Port::Exactly(number),
                _ => return Err(refuse("a port is a number from 1 to 65535, or *")),
            },
        };
        let host = match host.strip_prefix("*.") {
            Some(domain) => Host::Under(format!(".{}", name(domain).map_err(refuse)?)),
            None if host == "*" => Host::Any,
            None if host.starts_with('[') => {
                let inner = host
                    .strip_prefix('[')
                    .and_then(|host| host.strip_suffix(']'));
                let address = inner.and_then(|inner| inner.parse::<Ipv6Addr>().ok());
                let address = address.ok_or_else(|| refuse("what is in brackets is no address"))?;
                Host::Exactly(format!("[{address}]"))
            }
            None => Host::Exactly(name(host).map_err(refuse)?),
        };
        Ok(Self { host, port })
    }
}

impl fmt::Display for AllowedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Any => f.write_str("*")?,
            Host::Under(suffix) => write!(f, "*{suffix}")?,
            Host::Exactly(host) => f.write_str(host)?,
        }
        match (self.port, &self.host) {
            (Port::Usual, _) | (Port::Any, Host::Any) => Ok(()),
            (Port::Any, _) => f.write_str(":*"),
            (Port::Exactly(port), _) => write!(f, ":{port}"),
        }
    }
}

/// A host's name or IPv4 address, in lower case.
fn name(host: &str) -> Result<String, &'static str> {
    if host.contains('*') {
        return Err("a * stands alone, or before the first dot: *.example.com");
    }
    if !host.is_ascii() {
        return Err("write the name in its ASCII form, which begins with xn--");
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !host.chars().all(plain) || host.split('.').any(str::is_empty) {
        return Err("write HOST or HOST:PORT");
    }
    Ok(host.to_ascii_lowercase())
}

/// One spelling for each host that a request can name.
fn canonical(host: &str) -> String {
    let inner = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    if let Some(address) = inner.and_then(|inner| inner.parse::<Ipv6Addr>().ok()) {
        return format!("[{address}]");
    }
    // With a dot at its end a name is the same, only certainly complete.
    let host = host.strip_suffix('.').unwrap_or(host);
    host.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(rule: &str, request: &str) -> bool {
        let uri: http::Uri = request.parse().unwrap();
        let usual = if request.starts_with("https") {
            443
        } else {
            80
        };
        let rule: AllowedHost = rule.parse().unwrap();
        rule.allows(uri.host().unwrap(), uri.port_u16(), usual)
    }

    #[test]
    fn a_rule_allows_its_host_at_its_port_and_nothing_else() {
        for (rule, request, allowed) in [
            ("example.com", "http://example.com/", true),
            ("example.com", "https://example.com/", true),
            ("example.com", "http://example.com:80/", true),
            ("example.com", "http://EXAMPLE.com./", true),
            ("Example.COM", "http://example.com/", true),
            ("example.com", "http://example.com:443/", false),
            ("example.com", "http://example.com:8080/", false),
            ("example.com", "http://www.example.com/", false),
            ("example.com", "http://example.com.evil.org/", false),
            ("example.com", "http://notexample.com/", false),
            ("example.com:8080", "http://example.com:8080/", true),
            ("example.com:8080", "http://example.com/", false),
            ("example.com:443", "https://example.com/", true),
            ("example.com:443", "http://example.com/", false),
            ("example.com:*", "http://example.com:1/", true),
            ("*.example.com", "http://a.b.example.com/", true),
            ("*.example.com", "http://example.com/", false),
            ("*.example.com", "http://notexample.com/", false),
            ("*.example.com", "http://a.example.com:81/", false),
            ("*.example.com:81", "http://a.example.com:81/", true),
            ("*", "http://anything:1234/", true),
            ("*", "http://[::1]/", true),
            ("*:443", "https://anything/", true),
            ("*:443", "http://anything/", false),
            ("localhost:3001", "http://localhost:3001/", true),
            ("localhost:3001", "http://127.0.0.1:3001/", false),
            ("127.0.0.1", "http://127.0.0.1/", true),
            ("[::1]:9", "http://[0:0:0:0:0:0:0:1]:9/", true),
            ("[0::1]", "http://[::1]/", true),
            ("[::1]", "http://[::2]/", false),
        ] {
            assert_eq!(allows(rule, request), allowed, "{rule} and {request}");
        }
    }

    #[test]
    fn what_names_no_host_is_refused_with_what_to_write() {
        for (text, problem) in [
            ("", "write HOST or HOST:PORT"),
            ("http://example.com", "without a scheme"),
            ("example.com/path", "without a scheme or a path"),
            ("user@example.com", "without a scheme"),
            ("example.com:", "a port is a number"),
            ("example.com:0", "a port is a number"),
            ("example.com:65536", "a port is a number"),
            ("example.com:x", "a port is a number"),
            ("::1", "in brackets"),
            ("[::1", "in brackets"),
            ("[x]", "no address"),
            ("a*", "a * stands alone"),
            ("*.*.com", "a * stands alone"),
            ("*.", "write HOST"),
            ("a..b", "write HOST"),
            (".com", "write HOST"),
            ("a b", "write HOST"),
            ("café.fr", "xn--"),
        ] {
            let error = text.parse::<AllowedHost>().unwrap_err().to_string();
            assert!(error.contains(problem), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_rule_reads_as_it_was_written() {
        for text in ["a.b", "a:1", "a:*", "*.a", "*.a:2", "*", "*:443", "[::1]:8"] {
            assert_eq!(text.parse::<AllowedHost>().unwrap().to_string(), text);
        }
    }
}
