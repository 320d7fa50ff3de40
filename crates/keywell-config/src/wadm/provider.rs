use std::collections::BTreeMap;

use crate::nearest::nearest;

/// A capability provider of wasmCloud that the host does the work of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builtin {
    /// Serves HTTP, and calls components with it.
    HttpServer,
    /// Sends the HTTP requests of components.
    HttpClient,
    /// Keeps keys and values in Redis, and notifies components of changes.
    KeyvalueRedis,
    /// Keeps keys and values in NATS.
    KeyvalueNats,
}

/// What is known of a provider's image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// The host does its work.
    Builtin(Builtin),
    /// It is known, and not offered.
    NotOffered {
        /// Its name.
        name: &'static str,
        /// What could replace it.
        replacement: &'static str,
    },
    /// Nothing is known of it.
    Unknown,
}

/// Which images stand for which built-in providers.
///
/// ```
/// use keywell_config::wadm::{Builtin, Provider, Providers};
///
/// let mut providers = Providers::default();
/// let redis = Provider::Builtin(Builtin::KeyvalueRedis);
/// assert_eq!(providers.find("ghcr.io/wasmcloud/keyvalue-redis:0.25.0"), redis);
/// assert_eq!(providers.find("file://./kv.par.gz"), Provider::Unknown);
///
/// providers.map("file://./kv.par.gz=keyvalue-redis")?;
/// assert_eq!(providers.find("file://./kv.par.gz"), redis);
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Providers {
    mapped: BTreeMap<String, Builtin>,
}

/// The names that images have, in any registry and with any tag.
const NAMES: &[(&str, Builtin)] = &[
    ("http-server", Builtin::HttpServer),
    ("httpserver", Builtin::HttpServer),
    ("http-client", Builtin::HttpClient),
    ("httpclient", Builtin::HttpClient),
    ("keyvalue-redis", Builtin::KeyvalueRedis),
    ("kvredis", Builtin::KeyvalueRedis),
    ("keyvalue-nats", Builtin::KeyvalueNats),
];

/// Those that are known and not offered, and what could replace them.
const NOT_OFFERED: &[(&str, &str)] = &[
    (
        "messaging-nats",
        "call the component by HTTP, or by a watch of a key",
    ),
    (
        "messaging-kafka",
        "call the component by HTTP, or by a watch of a key",
    ),
    (
        "blobstore-fs",
        "keep the data in wasi:keyvalue, with a disk store",
    ),
    ("blobstore-s3", "keep the data in wasi:keyvalue"),
    ("blobstore-azure", "keep the data in wasi:keyvalue"),
    ("blobstore-nats", "keep the data in wasi:keyvalue"),
    (
        "keyvalue-vault",
        "use keyvalue-redis, and secrets for what is secret",
    ),
    (
        "sqldb-postgres",
        "keep the data in wasi:keyvalue, or reach the database by http-client",
    ),
];

// === impl Builtin ===

impl Builtin {
    /// Its name, as images have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::HttpServer => "http-server",
            Self::HttpClient => "http-client",
            Self::KeyvalueRedis => "keyvalue-redis",
            Self::KeyvalueNats => "keyvalue-nats",
        }
    }

    /// Whether components call it with this interface of `wasi`.
    pub fn serves(self, package: &str, interface: &str) -> bool {
        match self {
            Self::HttpServer => false,
            Self::HttpClient => (package, interface) == ("http", "outgoing-handler"),
            Self::KeyvalueRedis | Self::KeyvalueNats => {
                package == "keyvalue" && matches!(interface, "store" | "atomics" | "batch")
            }
        }
    }

    /// Whether it calls components with this interface of `wasi`.
    pub fn calls(self, package: &str, interface: &str) -> bool {
        match self {
            Self::HttpServer => (package, interface) == ("http", "incoming-handler"),
            Self::KeyvalueRedis => (package, interface) == ("keyvalue", "watcher"),
            Self::HttpClient | Self::KeyvalueNats => false,
        }
    }
}

// === impl Providers ===

impl Providers {
    /// Maps an image to a built-in provider, by `IMAGE=BUILTIN`. The image is matched as a whole, or
    /// without its tag and digest.
    ///
    /// # Errors
    ///
    /// What is wrong with the mapping.
    pub fn map(&mut self, mapping: &str) -> Result<(), String> {
        let form = || format!("{mapping:?} should be IMAGE=BUILTIN");
        let (image, name) = mapping.rsplit_once('=').ok_or_else(form)?;
        if image.is_empty() {
            return Err(form());
        }
        let Some(builtin) = builtin(name) else {
            let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
            let help = match nearest(name, names.iter().copied()) {
                Some(meant) => format!("did you mean {meant}?"),
                None => format!("there is {}", names.join(", ")),
            };
            return Err(format!("{name} is no built-in provider; {help}"));
        };
        self.mapped.insert(image.to_owned(), builtin);
        Ok(())
    }

    /// Adds the mappings of another, which win.
    pub fn extend(&mut self, other: Self) {
        self.mapped.extend(other.mapped);
    }

    /// What an image stands for.
    pub fn find(&self, image: &str) -> Provider {
        let untagged = untagged(image);
        let mapped = self.mapped.get(image).or_else(|| self.mapped.get(untagged));
        if let Some(builtin) = mapped {
            return Provider::Builtin(*builtin);
        }
        if image.starts_with("file://") {
            return Provider::Unknown;
        }
        let name = untagged.rsplit('/').next().unwrap_or(untagged);
        if let Some(builtin) = builtin(name) {
            return Provider::Builtin(builtin);
        }
        let mut known = NOT_OFFERED.iter();
        match known.find(|(known, _)| *known == name) {
            Some((name, replacement)) => Provider::NotOffered { name, replacement },
            None => Provider::Unknown,
        }
    }
}

fn builtin(name: &str) -> Option<Builtin> {
    let mut names = NAMES.iter();
    names
        .find(|(known, _)| *known == name)
        .map(|(_, builtin)| *builtin)
}

/// A reference without its tag and digest.
fn untagged(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or(image);
    // A colon before the last slash is that of a port or a scheme.
    let name = image.rfind('/').map_or(0, |slash| slash + 1);
    match image[name..].find(':') {
        Some(colon) => &image[..name + colon],
        None => image,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_name_is_found_in_any_registry_and_with_any_tag() {
        let providers = Providers::default();
        for (image, builtin) in [
            ("ghcr.io/wasmcloud/http-server:0.23.1", Builtin::HttpServer),
            ("oci://localhost:5000/httpserver", Builtin::HttpServer),
            (
                "http://registry:5000/a/b/http-client:canary",
                Builtin::HttpClient,
            ),
            ("wasmcloud+builtin://http-client", Builtin::HttpClient),
            ("kvredis", Builtin::KeyvalueRedis),
            (
                "wasmcloud.azurecr.io/kvredis:0.22.0@sha256:00",
                Builtin::KeyvalueRedis,
            ),
            (
                "ghcr.io/wasmcloud/keyvalue-nats:0.3.1",
                Builtin::KeyvalueNats,
            ),
        ] {
            assert_eq!(providers.find(image), Provider::Builtin(builtin), "{image}");
        }
        for image in [
            "ghcr.io/me/my-http-server:1",
            "file:///x/http-server",
            "http-server/x",
        ] {
            assert_eq!(providers.find(image), Provider::Unknown, "{image}");
        }
        let nats = providers.find("wasmcloud+builtin://messaging-nats");
        assert!(matches!(
            nats,
            Provider::NotOffered {
                name: "messaging-nats",
                ..
            }
        ));
    }

    #[test]
    fn a_mapping_wins_over_a_name() {
        let mut providers = Providers::default();
        providers.map("me/messaging-nats=httpserver").unwrap();
        let found = providers.find("me/messaging-nats:0.1");
        assert_eq!(found, Provider::Builtin(Builtin::HttpServer));
        for (mapping, words) in [
            ("x", "should be IMAGE=BUILTIN"),
            ("=http-server", "should be IMAGE=BUILTIN"),
            ("x=http-sever", "did you mean http-server?"),
            ("x=postgres", "there is http-server, httpserver"),
        ] {
            let error = providers.map(mapping).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
