use std::net::IpAddr;
use std::time::Duration;

/// How registries are reached.
#[derive(Clone, Debug)]
pub struct ImageOptions {
    /// Registries, `HOST` or `HOST:PORT` as in a reference, that are spoken to without TLS. Those
    /// of this machine (`localhost`, `127.0.0.1`, `[::1]`) always are.
    pub insecure: Vec<String>,
    /// How long a registry may send nothing, and a credential helper may take.
    pub patience: Duration,
}

// === impl ImageOptions ===

impl ImageOptions {
    /// Whether a registry is spoken to without TLS.
    pub(crate) fn is_plain(&self, registry: &str) -> bool {
        is_loopback(registry) || self.insecure.iter().any(|host| host == registry)
    }
}

impl Default for ImageOptions {
    fn default() -> Self {
        Self {
            insecure: Vec::new(),
            patience: Duration::from_secs(30),
        }
    }
}

fn is_loopback(registry: &str) -> bool {
    let host = match registry.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => registry,
    };
    // An IPv6 address is in brackets.
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let address = bare.unwrap_or(host).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_registries_of_this_machine_and_those_named_go_without_tls() {
        let options = ImageOptions {
            insecure: vec!["registry.lan:5000".to_owned()],
            ..ImageOptions::default()
        };
        for (registry, is_plain) in [
            ("localhost", true),
            ("localhost:5000", true),
            ("127.0.0.1:5000", true),
            ("127.9.9.9", true),
            ("[::1]:5000", true),
            ("[::1]", true),
            ("[fd00::1]:5000", false),
            ("registry.lan:5000", true),
            ("registry.lan", false),
            ("localhost.example.com", false),
            ("127.0.0.1.example.com:80", false),
            ("10.0.0.1:5000", false),
            ("ghcr.io", false),
        ] {
            assert_eq!(options.is_plain(registry), is_plain, "{registry}");
        }
    }
}
