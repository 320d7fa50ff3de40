use std::any::Any;
use std::path::Path;
use std::process::Command;

use futures::FutureExt as _;
use futures::future::{BoxFuture, ready};
use keywell::PROVIDERS;
use keywell_servers::{
    Cluster, Etcd, Firestore, Memcached, Ministack, Nats, Postgres, Redis, program,
};

/// A store in one of its forms, and how to start what it needs.
pub(crate) struct Place {
    /// As tables name it.
    pub(crate) heading: &'static str,
    /// The name of its provider.
    pub(crate) provider: &'static str,
    pub(crate) start: fn() -> BoxFuture<'static, Started>,
}

/// Where a store can be opened, until this is dropped.
pub(crate) struct Started {
    pub(crate) url: String,
    /// What runs there: a server with its version, or an emulator, or a fake.
    pub(crate) server: String,
    _kept: Box<dyn Any + Send>,
}

/// A line each; a provider may have several.
const PLACES: &[Place] = &[
    Place::new("`memory:`", "memory", || ready(memory()).boxed()),
    Place::new("`disk:`", "disk", || ready(file("disk")).boxed()),
    Place::new("`sqlite:`", "sqlite", || ready(file("sqlite")).boxed()),
    Place::new("`redis:`", "redis", || redis("layout=plain").boxed()),
    Place::new("`redis:`, flat", "redis", || redis("layout=flat").boxed()),
    Place::new("`redis:`, journal", "redis", || {
        redis("layout=journal").boxed()
    }),
    Place::new("`redis+cluster:`", "redis", || cluster().boxed()),
    Place::new("`nats:`", "nats", || jetstream("").boxed()),
    Place::new("`nats:`, without a cache", "nats", || {
        jetstream("?cache=off").boxed()
    }),
    Place::new("`nats-cache:`", "nats-cache", || replicated().boxed()),
    Place::new("`etcd:`", "etcd", || etcd().boxed()),
    Place::new("`memcached:`", "memcached", || memcached().boxed()),
    Place::new("`postgres:`", "postgres", || postgres().boxed()),
    Place::new("`dynamodb:`", "dynamodb", || dynamodb().boxed()),
    #[cfg(feature = "cosmos")]
    Place::new("`cosmos:`", "cosmos", || ready(cosmos()).boxed()),
    Place::new("`firestore:`", "firestore", || firestore().boxed()),
];

// === impl Place ===

impl Place {
    const fn new(
        heading: &'static str,
        provider: &'static str,
        start: fn() -> BoxFuture<'static, Started>,
    ) -> Self {
        Self {
            heading,
            provider,
            start,
        }
    }
}

/// The places of the stores that this build has.
pub(crate) fn places() -> impl Iterator<Item = &'static Place> {
    let is_built = |place: &&Place| {
        let mut providers = PROVIDERS.iter();
        providers.any(|provider| provider.name() == place.provider)
    };
    PLACES.iter().filter(is_built)
}

#[test]
fn every_store_of_the_build_has_a_place() {
    for provider in PROVIDERS {
        let name = provider.name();
        let has_place = PLACES.iter().any(|place| place.provider == name);
        assert!(has_place, "PLACES has no line for {name}");
    }
}

fn memory() -> Started {
    started("memory:", "this process", ())
}

/// A store in a file or folder of its own.
fn file(scheme: &str) -> Started {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("{scheme}:{}", folder.path().join("store").display());
    started(url, "this machine", folder)
}

async fn redis(settings: &str) -> Started {
    let redis = Redis::builder().config("notify-keyspace-events AKE");
    let redis = redis.start().await.unwrap();
    // A slow machine is no fault.
    let url = format!("{}?{settings}&answer-timeout=20s", redis.url());
    started(url, version(&program::server().unwrap()), redis)
}

async fn cluster() -> Started {
    let node = Redis::builder().config("notify-keyspace-events AKE");
    let cluster = Cluster::start_with(3, 0, node).await.unwrap();
    let nodes: Vec<String> = cluster.addrs().iter().map(ToString::to_string).collect();
    let url = format!("redis+cluster://{}?answer-timeout=20s", nodes.join(","));
    let server = version(&program::server().unwrap());
    started(url, format!("{server}, 3 primaries"), cluster)
}

async fn jetstream(settings: &str) -> Started {
    let nats = Nats::builder().jetstream().start().await.unwrap();
    let url = format!("{}{settings}", nats.url());
    started(url, version(&program::nats().unwrap()), nats)
}

async fn replicated() -> Started {
    let nats = Nats::start().await.unwrap();
    let url = format!("nats-cache://{}/suite", nats.addr());
    started(url, version(&program::nats().unwrap()), nats)
}

async fn etcd() -> Started {
    let etcd = Etcd::start().await.unwrap();
    let url = format!("etcd://{}/suite", etcd.addr());
    started(url, version(&program::etcd().unwrap()), etcd)
}

async fn memcached() -> Started {
    let memcached = Memcached::start().await.unwrap();
    let url = format!("memcached://{}", memcached.addr());
    started(url, version(&program::memcached().unwrap()), memcached)
}

async fn postgres() -> Started {
    // As in production: what is declared follows from it.
    let postgres = Postgres::builder().setting("fsync=on");
    let postgres = postgres.start().await.unwrap();
    let url = postgres.url(&postgres.database().unwrap());
    let server = program::postgres().unwrap().join("postgres");
    started(url, version(&server), postgres)
}

async fn dynamodb() -> Started {
    let ministack = Ministack::start().await.unwrap();
    let settings = "region=us-east-1&access-key=key&secret-key=secret&create=true";
    let url = format!("dynamodb://suite?endpoint={}&{settings}", ministack.url());
    let server = format!("the emulator MiniStack {}", program::MINISTACK_VERSION);
    started(url, server, ministack)
}

#[cfg(feature = "cosmos")]
fn cosmos() -> Started {
    let cosmos = keywell_servers::Cosmos::start().unwrap();
    let settings = "key=a2V5&create=true&tls=false&poll=20ms";
    let url = format!("cosmos://{}/suite/keys?{settings}", cosmos.addr());
    let emulator = "the emulator of `azure_data_cosmos_driver` 1.0.0, not the service";
    started(url, emulator, cosmos)
}

async fn firestore() -> Started {
    let firestore = Firestore::start().await.unwrap();
    let project = Firestore::PROJECT;
    let url = format!("firestore://{project}?emulator={}", firestore.addr());
    let server = "a fake of ours, after the service's documentation";
    started(url, server, firestore)
}

fn started(url: impl Into<String>, server: impl Into<String>, kept: impl Any + Send) -> Started {
    Started {
        url: url.into(),
        server: server.into(),
        _kept: Box::new(kept),
    }
}

/// The name of a server and its version, such as `redis-server 7.0.15`.
fn version(program: &Path) -> String {
    let printed = Command::new(program).arg("--version").output().unwrap();
    let printed = String::from_utf8_lossy(&printed.stdout).into_owned();
    let is_version = |word: &&str| {
        let digits = word.trim_start_matches("v=").trim_start_matches('v');
        digits.starts_with(|first: char| first.is_ascii_digit()) && digits.contains('.')
    };
    let version = printed.split_whitespace().find(is_version).unwrap_or("?");
    let version = version.trim_start_matches("v=").trim_start_matches('v');
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    format!("{name} {version}")
}
