use std::net::{Ipv6Addr, SocketAddr};

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Request, Uri, Version, header};

use super::refusal::Refusal;

/// Where requests come in.
#[derive(Clone, Copy)]
pub(super) struct Local {
    /// The address that is listened on.
    pub(super) addr: SocketAddr,
    pub(super) is_encrypted: bool,
}

/// Checks where a request is to go: it names one host, in its target or in one `Host` line, and is no
/// `CONNECT`. HTTP/1.0 needs no host; then it is the address of the listener.
pub(super) fn check<B>(request: &mut Request<B>, local: Local) -> Result<(), Refusal> {
    if request.method() == Method::CONNECT {
        return Err(Refusal::Connect);
    }
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (host, another) = (hosts.next(), hosts.next());
    let host = host.map(http::HeaderValue::as_bytes);
    let target = request
        .uri()
        .authority()
        .map(|name| name.as_str().as_bytes());
    if another.is_some() || ![host, target].into_iter().flatten().all(is_host) {
        return Err(Refusal::InvalidHost);
    }
    match (request.version(), target, host) {
        // Over HTTP/2 either will do, and both have to agree.
        (Version::HTTP_2, Some(target), Some(host)) if !target.eq_ignore_ascii_case(host) => {
            Err(Refusal::InvalidHost)
        }
        (Version::HTTP_2, None, None) | (Version::HTTP_11, _, None) => Err(Refusal::NoHost),
        (_, None, None) => {
            let uri = named(request.uri(), local).ok_or(Refusal::NoHost)?;
            *request.uri_mut() = uri;
            Ok(())
        }
        _ => Ok(()),
    }
}

fn named(uri: &Uri, local: Local) -> Option<Uri> {
    let mut parts = uri.clone().into_parts();
    parts.scheme = Some(if local.is_encrypted {
        Scheme::HTTPS
    } else {
        Scheme::HTTP
    });
    parts.authority = Some(Authority::try_from(local.addr.to_string()).ok()?);
    parts.path_and_query = parts
        .path_and_query
        .or_else(|| Some(PathAndQuery::from_static("/")));
    Uri::from_parts(parts).ok()
}

/// Whether this is a host, and maybe a port, as RFC 3986 writes them; with a name, as `http` wants it.
fn is_host(text: &[u8]) -> bool {
    if let [b'[', rest @ ..] = text {
        let Some(end) = rest.iter().position(|byte| *byte == b']') else {
            return false;
        };
        let (address, port) = (&rest[..end], &rest[end + 1..]);
        let address = std::str::from_utf8(address).ok();
        return address.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()) && is_port(port);
    }
    let end = text.iter().position(|byte| *byte == b':');
    let (name, port) = text.split_at(end.unwrap_or(text.len()));
    is_name(name) && is_port(port)
}

fn is_name(mut name: &[u8]) -> bool {
    if name.is_empty() {
        return false;
    }
    while let [byte, rest @ ..] = name {
        name = match (byte, rest) {
            (b'%', [one, two, rest @ ..]) if one.is_ascii_hexdigit() && two.is_ascii_hexdigit() => {
                rest
            }
            (b'.' | b'-' | b'_' | b'~', _) => rest,
            (b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=', _) => {
                rest
            }
            _ if byte.is_ascii_alphanumeric() => rest,
            _ => return false,
        };
    }
    true
}

/// Nothing, or a colon and maybe a number behind it.
fn is_port(port: &[u8]) -> bool {
    match port {
        [] | [b':'] => true,
        [b':', digits @ ..] if digits.iter().all(u8::is_ascii_digit) => {
            let digits = std::str::from_utf8(digits).ok();
            digits.is_some_and(|digits| digits.parse::<u16>().is_ok())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(is_encrypted: bool) -> Local {
        Local {
            addr: "127.0.0.1:8080".parse().unwrap(),
            is_encrypted,
        }
    }

    fn checked(version: Version, target: &str, hosts: &[&str]) -> Result<String, Refusal> {
        let mut request = Request::builder().version(version).uri(target);
        for host in hosts {
            request = request.header(header::HOST, *host);
        }
        let mut request = request.body(()).unwrap();
        check(&mut request, local(false))?;
        Ok(request.uri().to_string())
    }

    #[test]
    fn a_request_names_one_valid_host() {
        use Refusal::{InvalidHost, NoHost};
        use Version as V;

        let cases = [
            (V::HTTP_11, "/", &["a"][..], None),
            (V::HTTP_11, "*", &["a:80"], None),
            (V::HTTP_11, "/", &[], Some(NoHost)),
            (V::HTTP_11, "/", &["a", "a"], Some(InvalidHost)),
            (V::HTTP_11, "/", &["a", "b"], Some(InvalidHost)),
            (V::HTTP_11, "/", &["a b"], Some(InvalidHost)),
            (V::HTTP_11, "/", &[""], Some(InvalidHost)),
            // The target counts, and does not make up for the line that HTTP/1.1 demands.
            (V::HTTP_11, "http://a/", &["b"], None),
            (V::HTTP_11, "http://a/", &[], Some(NoHost)),
            (V::HTTP_11, "http://u@a/", &["a"], Some(InvalidHost)),
            (V::HTTP_10, "/", &["a", "b"], Some(InvalidHost)),
            (V::HTTP_2, "http://a/", &[], None),
            (V::HTTP_2, "http://a/", &["A"], None),
            (V::HTTP_2, "http://a/", &["b"], Some(InvalidHost)),
            (V::HTTP_2, "/", &["a"], None),
            (V::HTTP_2, "/", &[], Some(NoHost)),
        ];
        for (version, target, hosts, refusal) in cases {
            let checked = checked(version, target, hosts).err();
            assert_eq!(checked, refusal, "{version:?} {target} {hosts:?}");
        }
    }

    #[test]
    fn http_1_0_needs_no_host() {
        let checked = |target| checked(Version::HTTP_10, target, &[]);
        assert_eq!(checked("/x?y").unwrap(), "http://127.0.0.1:8080/x?y");
        assert_eq!(checked("http://a/x").unwrap(), "http://a/x");
        let request = Request::builder().version(Version::HTTP_10).uri("/x");
        let mut request = request.body(()).unwrap();
        check(&mut request, local(true)).unwrap();
        assert_eq!(request.uri(), "https://127.0.0.1:8080/x");
    }

    #[test]
    fn connect_is_refused() {
        let mut request = Request::connect("a:443").body(()).unwrap();
        let checked = check(&mut request, local(false));
        assert_eq!(checked, Err(Refusal::Connect));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for host in [
            "a",
            "a.b-c_d",
            "a:80",
            "a:",
            "127.0.0.1:65535",
            "[::1]",
            "[::1]:8080",
            "%41b",
        ] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for other in [
            "",
            ":80",
            "a:b",
            "a:65536",
            "a:99999999999",
            "u@a",
            "a/b",
            "a?b",
            "a#b",
            "a b",
            "a\\b",
            "[::1",
            "[::1]x",
            "[a]",
            "::1",
            "%4",
            "%zz",
            "\u{e9}",
            "a\tb",
        ] {
            assert!(!is_host(other.as_bytes()), "{other}");
        }
    }
}
