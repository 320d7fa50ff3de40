use std::path::Path;
use std::sync::Arc;

use keywell_store::{Store, StoreUrl};

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// No store of this scheme is known, or its feature is off.
    #[error("there is no store {scheme}:; there is {known}")]
    UnknownScheme {
        /// The scheme asked for.
        scheme: String,
        /// The schemes there are.
        known: String,
    },
    /// The store has no such setting, or the value is none of its values. The value is not told,
    /// since it may be secret.
    #[error("the store {url} has no setting {name} of this value; {offered}")]
    Setting {
        /// The store.
        url: String,
        /// The setting's name.
        name: String,
        /// What it offers.
        offered: &'static str,
    },
    /// What is behind the scheme cannot be read.
    #[error("the store {url} cannot be opened as it is written: {problem}")]
    Written {
        /// The store.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The place is not one for this scheme.
    #[error("the store {url} {problem}")]
    Place {
        /// The store.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The store itself refuses.
    #[error("cannot open the store {url}: {}", reason(source))]
    Store {
        /// The store.
        url: String,
        /// Its reason.
        source: keywell_store::Error,
    },
}

/// The schemes that [`open`] knows.
const SCHEMES: &[&str] = &[
    #[cfg(feature = "memory")]
    "memory:",
    #[cfg(feature = "disk")]
    "disk:PATH",
    #[cfg(feature = "redis")]
    "redis://HOST:PORT (rediss, valkey, redis+unix, redis+cluster, redis+sentinel)",
];

/// Opens the store at a URL, from within a tokio runtime.
///
/// | URL | Settings |
/// |---|---|
/// | `memory:` | `max-bytes=SIZE`: how much it may hold, see [`keywell_memory`](https://docs.rs/keywell-memory) |
/// | `disk:PATH` | `history=EVENTS`: how many events are kept for watches, 0 for none; `history-bytes=SIZE`: how large they may be together; `cache=SIZE`: how much of the file is held in memory |
/// | `redis://HOST:PORT` and other forms | see [`keywell_redis`](https://docs.rs/keywell-redis) |
///
/// A `SIZE` is a number of bytes, or has a unit, as in `64MiB`.
///
/// # Errors
///
/// [`OpenError`]; what the store itself says is its source.
pub async fn open(url: &StoreUrl) -> Result<Arc<dyn Store>, OpenError> {
    open_as(url, Making::Allowed).await
}

/// As [`open`], but where opening would make an empty store it is refused instead, for whoever
/// only reads.
///
/// # Errors
///
/// As [`open`].
pub async fn open_existing(url: &StoreUrl) -> Result<Arc<dyn Store>, OpenError> {
    open_as(url, Making::Refused).await
}

/// The URL with its relative paths taken from a folder: that of a `disk:` store, and settings that
/// name files, such as `tls-ca`.
pub fn relative_to(url: StoreUrl, folder: &Path) -> StoreUrl {
    let settings: &[&str] = match url.scheme() {
        #[cfg(feature = "redis")]
        scheme if keywell_redis::Options::SCHEMES.contains(&scheme) => {
            &keywell_redis::Options::PATHS
        }
        _ => &[],
    };
    url.relative_to(folder, settings)
}

/// Whether a store is made where there is none.
#[derive(Clone, Copy)]
enum Making {
    Allowed,
    Refused,
}

#[cfg_attr(
    not(any(feature = "disk", feature = "redis")),
    expect(clippy::unused_async, reason = "other stores wait here")
)]
#[cfg_attr(
    not(feature = "disk"),
    expect(unused_variables, reason = "no other store is made by opening it")
)]
async fn open_as(url: &StoreUrl, making: Making) -> Result<Arc<dyn Store>, OpenError> {
    match url.scheme() {
        #[cfg(feature = "memory")]
        "memory" => memory(url),
        #[cfg(feature = "disk")]
        "disk" => disk(url, making).await,
        #[cfg(feature = "redis")]
        scheme if keywell_redis::Options::SCHEMES.contains(&scheme) => redis(url).await,
        scheme => Err(OpenError::UnknownScheme {
            scheme: scheme.to_owned(),
            known: SCHEMES.join(", "),
        }),
    }
}

#[cfg(feature = "memory")]
fn memory(url: &StoreUrl) -> Result<Arc<dyn Store>, OpenError> {
    if !url.place().is_empty() {
        return Err(misplaced(
            url,
            "has a place, and memory has none; write memory:",
        ));
    }
    let mut max_bytes = None;
    for (name, value) in url.settings() {
        let offered = "it has max-bytes=SIZE, such as 64MiB";
        let read = (name == "max-bytes").then(|| bytes(value)).flatten();
        max_bytes = Some(read.ok_or_else(|| refuse(url, name, offered))?);
    }
    Ok(Arc::new(match max_bytes {
        None => keywell_memory::MemoryStore::new(),
        Some(max_bytes) => {
            let usual = keywell_memory::History::default();
            let history = keywell_memory::History {
                bytes: usual.bytes.min(max_bytes),
                ..usual
            };
            keywell_memory::MemoryStore::bounded(max_bytes, history)
        }
    }))
}

/// Reads a size in bytes, or with a unit as elsewhere on the command line: KiB, MiB, GiB.
#[cfg(any(feature = "disk", feature = "memory"))]
fn bytes<N: TryFrom<u64>>(text: &str) -> Option<N> {
    let units = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("", 1),
    ];
    let sized = |(unit, size): (&str, u64)| {
        let number: u64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
        number.checked_mul(size)
    };
    units.into_iter().find_map(sized)?.try_into().ok()
}

#[cfg(feature = "disk")]
async fn disk(url: &StoreUrl, making: Making) -> Result<Arc<dyn Store>, OpenError> {
    if let Some(problem) = folder_problem(url) {
        return Err(misplaced(url, problem));
    }
    let mut options = disk_options(url)?;
    if matches!(making, Making::Refused) {
        options = options.existing();
    }
    let path = std::path::PathBuf::from(url.place());
    let refused = |source| OpenError::Store {
        url: url.to_string(),
        source,
    };
    // It waits for the disk, which must not hold a thread that others need.
    let opened = tokio::task::spawn_blocking(move || options.open(path)).await;
    let opened = opened.map_err(|error| {
        let what = "the thread that opens the store ended early";
        let failure = keywell_store::Failure::caused_by(what, error);
        refused(keywell_store::Error::Internal(failure))
    })?;
    let store = opened.map_err(|error| refused(error.into()))?;
    Ok(Arc::new(store))
}

/// What is wrong with the place of a `disk:` store, and how it is written.
#[cfg(feature = "disk")]
fn folder_problem(url: &StoreUrl) -> Option<String> {
    let place = url.place();
    if place.is_empty() {
        return Some("has no place; write disk:PATH, where PATH is a folder".to_owned());
    }
    if let Some(slashed) = place.strip_prefix("//") {
        // As it is shown, for what looks like a login in it may be one.
        let shown = url.to_string();
        let shown = shown.trim_start_matches("disk://");
        let path = shown.trim_start_matches('/');
        return Some(if slashed.starts_with('/') {
            format!("is a path, which takes no // before it; write disk:/{path}")
        } else {
            format!(
                "has a host, and disk has none; write disk:{path}, or disk:/{path} for a path from the root on"
            )
        });
    }
    if place.starts_with('~') {
        let behind = place.trim_start_matches(|character| character != '/');
        return Some(format!(
            "begins with ~, which only a shell replaces; write disk:/HOME{behind} with your home \
             folder as /HOME, or disk:./{place} for a folder of that name"
        ));
    }
    None
}

#[cfg(feature = "disk")]
fn disk_options(url: &StoreUrl) -> Result<keywell_disk::Options, OpenError> {
    let mut options = keywell_disk::DiskStore::builder();
    for (name, value) in url.settings() {
        let offered = "it has history=EVENTS, history-bytes=SIZE and cache=SIZE, such as 64MiB";
        let refused = || refuse(url, name, offered);
        options = match name {
            "history" => options.history_events(value.parse().map_err(|_| refused())?),
            "history-bytes" => options.history_bytes(bytes(value).ok_or_else(refused)?),
            "cache" => options.cache_bytes(bytes(value).ok_or_else(refused)?),
            _ => return Err(refused()),
        };
    }
    Ok(options)
}

#[cfg(feature = "redis")]
async fn redis(url: &StoreUrl) -> Result<Arc<dyn Store>, OpenError> {
    let place = format!("{}:{}", url.scheme(), url.place());
    let settings: Vec<String> = url
        .settings()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let options = keywell_redis::Options::from_url(&format!("{place}?{}", settings.join("&")))
        .map_err(|error| OpenError::Written {
            url: url.to_string(),
            problem: error.to_string(),
        })?;
    let connected = keywell_redis::RedisStore::connect(&options).await;
    let store = connected.map_err(|error| OpenError::Store {
        url: url.to_string(),
        source: error.into(),
    })?;
    Ok(Arc::new(store))
}

#[cfg(any(feature = "disk", feature = "memory"))]
fn misplaced(url: &StoreUrl, problem: impl Into<String>) -> OpenError {
    OpenError::Place {
        url: url.to_string(),
        problem: problem.into(),
    }
}

#[cfg(any(feature = "disk", feature = "memory"))]
fn refuse(url: &StoreUrl, name: &str, offered: &'static str) -> OpenError {
    OpenError::Setting {
        url: url.to_string(),
        name: name.to_owned(),
        offered,
    }
}

// That it is unavailable is what not opening means.
fn reason(error: &keywell_store::Error) -> String {
    match error {
        keywell_store::Error::Unavailable(failure) => failure.to_string(),
        error => error.to_string(),
    }
}

#[cfg(test)]
#[cfg(all(feature = "disk", feature = "memory"))]
mod tests {
    use keywell_store::{BucketName, Watching};

    use super::*;

    async fn refused(url: &str) -> OpenError {
        match open(&url.parse().unwrap()).await {
            Ok(_) => panic!("{url} opens"),
            Err(error) => error,
        }
    }

    #[tokio::test]
    async fn a_disk_store_without_history_cannot_be_watched() {
        let folder = tempfile::tempdir().unwrap();
        for (settings, watch) in [
            ("?history=0", Watching::None),
            ("?history-bytes=0", Watching::None),
            ("?cache=1048576&history=10", Watching::Resumable),
        ] {
            let url = format!("disk:{}{settings}", folder.path().display());
            let store = open(&url.parse().unwrap()).await.unwrap();
            let bucket = store.open(&BucketName::default()).await.unwrap();
            assert_eq!(bucket.capabilities().watch, watch, "{settings}");
            store.close().await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_setting_that_the_store_does_not_have_is_refused_before_it_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("store");
        for settings in ["x=hunter2", "History=1", "history=", "cache=hunter2"] {
            let url = format!("disk:{}?{settings}", place.display());
            let error = refused(&url).await;
            assert!(matches!(error, OpenError::Setting { .. }), "{error}");
            let told = error.to_string();
            let name = settings.split('=').next().unwrap();
            assert!(told.contains(&format!("no setting {name} ")), "{told}");
            assert!(told.contains("cache=SIZE"), "{told}");
            // It may be a password that belongs to another store.
            assert!(
                !format!("{told} {error:?}").contains("hunter2"),
                "{error:?}"
            );
        }
        assert!(!place.exists());
        let error = refused("memory:?password=hunter2").await;
        assert!(matches!(error, OpenError::Setting { .. }), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[tokio::test]
    async fn a_place_that_is_none_for_the_scheme_is_refused() {
        for (url, form) in [
            ("disk:", "write disk:PATH"),
            ("disk:?history=0", "write disk:PATH"),
            ("memory:x", "write memory:"),
            ("disk:~", "write disk:/HOME with"),
            ("disk:~/x?cache=1", "write disk:/HOME/x with"),
            ("disk:~ann/x", "write disk:/HOME/x with"),
            ("disk://x/y", "write disk:x/y, or disk:/x/y for"),
            ("disk:///x", "write disk:/x"),
            ("disk://u:hunter2@x", "write disk:x, or disk:/x for"),
        ] {
            let error = refused(url).await;
            assert!(matches!(error, OpenError::Place { .. }), "{error}");
            let error = error.to_string();
            assert!(
                error.contains(form) && !error.contains("hunter2"),
                "{error}"
            );
        }
    }

    #[tokio::test]
    async fn a_memory_store_holds_no_more_than_its_setting() {
        let store = open(&"memory:?max-bytes=64KiB".parse().unwrap())
            .await
            .unwrap();
        let bucket = store.open(&BucketName::default()).await.unwrap();
        let set = |bytes| {
            let how = keywell_store::Set::default();
            bucket.set("k", vec![0; bytes].into(), how)
        };
        let refused = set(64 << 10).await.unwrap_err();
        let told = "the store is unavailable: the memory store is full, at 16384 bytes of the 65536 \
                    that max-bytes allows";
        assert_eq!(refused.to_string(), told);
        set(40 << 10).await.unwrap();
        for value in ["", "64MB", "lots", "-1", "99999999999GiB"] {
            let error = self::refused(&format!("memory:?max-bytes={value}")).await;
            assert!(
                error.to_string().contains("it has max-bytes=SIZE"),
                "{error}"
            );
        }
    }

    #[cfg(feature = "redis")]
    #[tokio::test]
    async fn a_redis_that_cannot_be_had_is_told_without_its_password() {
        // Nothing listens at port 1.
        for url in [
            "redis://u:hunter2@127.0.0.1:1",
            "redis://u:hunter2@127.0.0.1:1?password=hunter2&watch=hunter2",
            "redis+cluster://u:hunter2@127.0.0.1:1/3",
        ] {
            let error = refused(url).await.to_string();
            assert!(!error.contains("hunter2"), "{error}");
            assert!(error.contains("127.0.0.1:1"), "{error}");
        }
    }

    #[tokio::test]
    async fn an_unknown_scheme_is_told_the_known_ones() {
        let error = refused("redis-of-old:x").await;
        assert!(error.to_string().contains("memory:, disk:PATH"), "{error}");
    }
}
