use std::path::Path;
use std::sync::Arc;

use keywell_config::nearest;
use keywell_store::{Making, OpenError, Provider, Store, StoreUrl};

/// The kinds of stores of this build: a line each.
pub const PROVIDERS: &[&dyn Provider] = &[
    #[cfg(feature = "memory")]
    &keywell_memory::MemoryProvider,
    #[cfg(feature = "disk")]
    &keywell_disk::DiskProvider,
    #[cfg(feature = "sqlite")]
    &keywell_sqlite::SqliteProvider,
    #[cfg(feature = "redis")]
    &keywell_redis::RedisProvider,
    #[cfg(feature = "nats")]
    &keywell_nats::CacheProvider,
    #[cfg(feature = "nats")]
    &keywell_nats::JetStreamProvider,
    #[cfg(feature = "etcd")]
    &keywell_etcd::EtcdProvider,
    #[cfg(feature = "memcached")]
    &keywell_memcached::MemcachedProvider,
    #[cfg(feature = "postgres")]
    &keywell_postgres::PostgresProvider,
    #[cfg(feature = "dynamodb")]
    &keywell_dynamodb::DynamoDbProvider,
    #[cfg(feature = "cosmos")]
    &keywell_cosmos::CosmosProvider,
    #[cfg(feature = "firestore")]
    &keywell_firestore::FirestoreProvider,
];

/// The features that have stores, with the schemes of their URLs up to a plus sign: a line each.
/// The error of a build without the feature names it.
const FEATURES: &[(&str, &[&str])] = &[
    ("memory", &["memory"]),
    ("disk", &["disk"]),
    ("sqlite", &["sqlite"]),
    ("redis", &["redis", "rediss", "valkey", "valkeys"]),
    ("nats", &["nats", "nats-cache"]),
    ("etcd", &["etcd"]),
    ("memcached", &["memcached"]),
    ("postgres", &["postgres", "postgresql"]),
    ("dynamodb", &["dynamodb"]),
    ("cosmos", &["cosmos"]),
    ("firestore", &["firestore"]),
];

/// The kind of store that a scheme belongs to.
pub fn provider(scheme: &str) -> Option<&'static dyn Provider> {
    let mut providers = PROVIDERS.iter().copied();
    providers.find(|provider| provider.schemes().contains(&scheme))
}

/// The features whose stores this build does not have.
pub fn not_built() -> impl Iterator<Item = &'static str> {
    let is_absent = |schemes: &[&str]| schemes.iter().all(|scheme| provider(scheme).is_none());
    let absent = FEATURES
        .iter()
        .filter(move |(_, schemes)| is_absent(schemes));
    absent.map(|(feature, _)| *feature)
}

/// Opens the store at a URL, from within a tokio runtime. Its settings are those of its
/// [`Provider`].
///
/// # Errors
///
/// [`OpenError`]; what the store itself reports is its source.
pub async fn open(url: &StoreUrl) -> Result<Arc<dyn Store>, OpenError> {
    known(url)?.open(url, Making::Allowed).await
}

/// As [`open`], but fails where opening would create an empty store, for callers that only read.
///
/// # Errors
///
/// As [`open`].
pub async fn open_existing(url: &StoreUrl) -> Result<Arc<dyn Store>, OpenError> {
    known(url)?.open(url, Making::Refused).await
}

/// Checks a URL as far as that is possible without opening anything.
///
/// # Errors
///
/// As [`open`], but for what the store itself reports.
pub(crate) fn check(url: &StoreUrl) -> Result<(), OpenError> {
    known(url)?.check(url)
}

/// The URL with its relative paths taken from a folder: its place, where that is a path, and
/// settings that name files, such as `tls-ca`.
pub fn relative_to(url: StoreUrl, folder: &Path) -> StoreUrl {
    match provider(url.scheme()) {
        Some(provider) => provider.resolved(url, folder),
        None => url,
    }
}

/// Names the data that a URL leads to, the same in every process and without secrets: its place,
/// and the settings that decide which keys there are.
pub fn identity(url: &StoreUrl) -> String {
    let Some(provider) = provider(url.scheme()) else {
        return url.to_string();
    };
    let selecting = provider
        .settings()
        .iter()
        .filter(|setting| setting.selects_keys);
    let mut settings: Vec<String> = selecting
        .filter_map(|setting| {
            let mut given = url.settings();
            let (_, value) = given.find(|(name, _)| setting.is_called(name))?;
            Some(format!("{}={value}", setting.name))
        })
        .collect();
    settings.sort_unstable();
    format!("{}?{}", provider.shown(url), settings.join("&"))
}

/// The feature that has the store of a scheme, whether or not it is on.
fn feature(scheme: &str) -> Option<&'static str> {
    let base = scheme.split('+').next().unwrap_or(scheme);
    let mut features = FEATURES.iter();
    features.find_map(|(feature, schemes)| schemes.contains(&base).then_some(*feature))
}

fn known(url: &StoreUrl) -> Result<&'static dyn Provider, OpenError> {
    let scheme = url.scheme();
    provider(scheme).ok_or_else(|| {
        if let Some(feature) = feature(scheme) {
            let scheme = scheme.to_owned();
            return OpenError::NotBuilt { scheme, feature };
        }
        OpenError::UnknownScheme {
            scheme: scheme.to_owned(),
            hint: hint(scheme),
        }
    })
}

/// What to write in place of an unknown scheme: a known one that begins with it or is near to it,
/// or else any.
fn hint(scheme: &str) -> String {
    let providers = PROVIDERS.iter();
    let known = || providers.clone().flat_map(|provider| provider.schemes());
    let begins = |known: &&&str| scheme.len() > 1 && known.starts_with(scheme);
    let meant = known().find(begins).copied();
    if let Some(meant) = meant.or_else(|| nearest(scheme, known().copied())) {
        return format!("did you mean {meant}:?");
    }
    let forms = providers.filter_map(|provider| provider.forms().first());
    let forms: Vec<&str> = forms.map(|form| form.form).collect();
    format!("known: {}", forms.join(", "))
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
            let text = error.to_string();
            let name = settings.split('=').next().unwrap();
            assert!(text.contains(&format!("setting {name}")), "{text}");
            // It may be a password that belongs to another store.
            assert!(
                !format!("{text} {error:?}").contains("hunter2"),
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
        let full = "the store is unavailable: the memory store is full, at 16384 bytes of the 65536 \
                    that max-bytes allows";
        assert_eq!(refused.to_string(), full);
        set(40 << 10).await.unwrap();
        for value in ["", "64MB", "lots", "-1", "99999999999GiB"] {
            let error = self::refused(&format!("memory:?max-bytes={value}")).await;
            assert!(
                error
                    .to_string()
                    .contains("max-bytes must be a number of bytes"),
                "{error}"
            );
        }
    }

    #[cfg(feature = "redis")]
    #[tokio::test]
    async fn a_redis_that_does_not_answer_is_named_without_its_password() {
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
    async fn an_unknown_scheme_names_the_nearest_or_the_known_ones() {
        for (url, hint) in [
            ("redis-of-old:x", "known: memory:, disk:PATH"),
            ("m:", "known: memory:"),
            ("mem:", "did you mean memory:?"),
            ("memroy:", "did you mean memory:?"),
            ("disc:data", "did you mean disk:?"),
        ] {
            let error = refused(url).await.to_string();
            assert!(error.contains(&format!(":; {hint}")), "{error}");
        }
    }

    #[cfg(feature = "redis")]
    #[test]
    fn an_identity_has_what_decides_which_keys_there_are_and_no_secret() {
        let here = std::env::current_dir().unwrap();
        let of = |url: &str| identity(&relative_to(url.parse().unwrap(), &here));
        let one = of("redis://u:hunter2@h:1/2?prefix=a&layout=flat&answer-timeout=2s");
        assert_eq!(one, "redis://h:1/2?layout=flat&prefix=a");
        let same = "redis://h:1/2?layout=flat&password=hunter2&prefix=a";
        assert_eq!(one, of(same));
        assert_eq!(of("redis://h?db=1"), of("redis://h?database=1"));
        for other in [
            "redis://h:1/2?layout=flat",
            "redis://h:1/3?layout=flat&prefix=a",
        ] {
            assert_ne!(one, of(other), "{other}");
        }
        let absolute = format!("disk:{}", here.join("x").display());
        assert_eq!(of("disk:x"), of(&absolute));
    }

    #[cfg(not(feature = "redis"))]
    #[tokio::test]
    async fn a_store_that_the_build_lacks_names_its_feature() {
        let error = refused("redis+cluster://h").await.to_string();
        let expected =
            "this build has no store for redis+cluster:; build it with `--features redis`";
        assert_eq!(error, expected);
    }

    #[test]
    fn every_scheme_names_its_feature() {
        for scheme in PROVIDERS.iter().flat_map(|provider| provider.schemes()) {
            assert!(feature(scheme).is_some(), "FEATURES has no {scheme}");
        }
        assert_eq!(feature("redis-of-old"), None);
    }

    #[test]
    fn no_two_kinds_of_stores_share_a_scheme_or_a_name_of_a_setting() {
        let schemes = PROVIDERS.iter().flat_map(|provider| provider.schemes());
        let mut seen = std::collections::HashSet::new();
        for scheme in schemes {
            assert!(seen.insert(scheme), "{scheme} is claimed twice");
        }
        for provider in PROVIDERS {
            let mut names = std::collections::HashSet::new();
            for setting in provider.settings() {
                for name in setting.aliases.iter().chain([&setting.name]) {
                    assert!(names.insert(name), "{}: {name}", provider.name());
                }
                assert!(!setting.help.contains('\n'), "{}", setting.name);
            }
            for form in provider.forms() {
                let (scheme, _) = form.form.split_once(':').unwrap();
                assert!(provider.schemes().contains(&scheme), "{scheme}");
            }
        }
    }
}
