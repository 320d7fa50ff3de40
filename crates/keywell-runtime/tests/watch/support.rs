use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use keywell_memory::MemoryStore;
use keywell_runtime::watch::{
    Backoff, Counters, Counts, DeadLetter, DeadLetters, Subscriptions, WatchOptions, WatchTarget,
};
use keywell_runtime::{Error, LoadedComponent, Options, Runtime};
use keywell_store::layer::{Faults, Faulty, Layered, Script};
use keywell_store::{Bucket, BucketName, Filter, Set, Since, Store};
use keywell_wasi::Grants;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How long anything may take before a test gives up on it.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A guest's file.
pub(crate) fn guest(name: &str) -> PathBuf {
    let guests = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../guests/target/wasm32-wasip2/release"
    );
    let path = PathBuf::from(guests).join(name).with_extension("wasm");
    assert!(
        path.exists(),
        "{} is not built; `cargo xtask guests` builds it",
        path.display()
    );
    path
}

pub(crate) fn name(name: &str) -> BucketName {
    BucketName::parse(name).unwrap()
}

pub(crate) fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::default())
}

/// The store, all of whose buckets follow a script.
pub(crate) fn faulty(store: &Arc<dyn Store>, script: &Script) -> Arc<dyn Store> {
    let script = script.clone();
    Arc::new(Layered::late(store.clone(), move |_, bucket| {
        Arc::new(Faulty::new(bucket, Faults::default()).following(&script))
    }))
}

pub(crate) async fn open(store: &Arc<dyn Store>, bucket: &str) -> Arc<dyn Bucket> {
    store.open(&name(bucket)).await.unwrap()
}

pub(crate) async fn set(bucket: &Arc<dyn Bucket>, key: &str, value: &str) {
    let value = Bytes::copy_from_slice(value.as_bytes());
    bucket.set(key, value, Set::default()).await.unwrap();
}

pub(crate) async fn text(bucket: &Arc<dyn Bucket>, key: &str) -> Option<String> {
    let entry = bucket.get(key).await.unwrap()?;
    Some(String::from_utf8_lossy(&entry.value).into_owned())
}

/// Waits until a key holds what is waited for.
pub(crate) async fn until(bucket: &Arc<dyn Bucket>, key: &str, holds: impl Fn(&str) -> bool) {
    let waiting = async {
        let mut watch = bucket
            .watch(Filter::Key(key.to_owned()), Since::Now)
            .await
            .unwrap();
        while !text(bucket, key).await.is_some_and(|text| holds(&text)) {
            watch.next().await.unwrap().unwrap();
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    let last = text(bucket, key).await;
    assert!(waited.is_ok(), "{key} is {last:?}");
}

/// Waits until there is a letter that is waited for.
pub(crate) async fn letter(
    store: &Arc<dyn Store>,
    is_it: impl Fn(&DeadLetter) -> bool,
) -> DeadLetter {
    let bucket = open(store, WatchTarget::DEAD_LETTERS).await;
    let letters = letters(store).await;
    let waiting = async {
        let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
        loop {
            let page = letters.list(None, None).await.unwrap();
            if let Some(letter) = page.letters.into_iter().find(|letter| is_it(letter)) {
                return letter;
            }
            watch.next().await.unwrap().unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap()
}

pub(crate) async fn letters(store: &Arc<dyn Store>) -> DeadLetters {
    DeadLetters::open(store, &name(WatchTarget::DEAD_LETTERS))
        .await
        .unwrap()
}

pub(crate) fn target(subscriptions: &str) -> WatchTarget {
    let subscriptions = Subscriptions::parse(subscriptions).unwrap();
    WatchTarget::new("reactor.wasm", BucketName::default(), subscriptions)
}

pub(crate) fn options() -> WatchOptions {
    WatchOptions {
        backoff: Backoff {
            first: Duration::from_millis(2),
            most: Duration::from_millis(20),
        },
        ..WatchOptions::default()
    }
}

/// A process, as far as triggers can see.
pub(crate) struct Process {
    pub(crate) runtime: Runtime,
    pub(crate) component: LoadedComponent,
}

/// A trigger that runs.
pub(crate) struct Triggered {
    pub(crate) counters: Arc<Counters>,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Result<(), Error>>,
}

// === impl Process ===

impl Process {
    pub(crate) fn new() -> Self {
        Self::of("reactor")
    }

    pub(crate) fn of(component: &str) -> Self {
        let options = Options {
            instances: 32,
            timeout: Duration::from_secs(20),
            cache: Some(concat!(env!("CARGO_TARGET_TMPDIR"), "/cache").into()),
            ..Options::default()
        };
        let runtime = Runtime::new(&options).unwrap();
        let component = runtime.load(&guest(component)).unwrap();
        Self { runtime, component }
    }

    pub(crate) async fn try_watch(
        &self,
        store: &Arc<dyn Store>,
        target: WatchTarget,
        options: &WatchOptions,
    ) -> Result<Triggered, Error> {
        let grants = Arc::new(Grants::everything_in(store.clone()));
        let trigger = self
            .runtime
            .watch(&self.component, grants, target, options)
            .await?;
        let (stop, stopped) = oneshot::channel();
        let counters = trigger.counters();
        let running = tokio::spawn(trigger.run(async move { drop(stopped.await) }));
        Ok(Triggered {
            counters,
            stop,
            running,
        })
    }

    pub(crate) async fn watch(&self, store: &Arc<dyn Store>, subscriptions: &str) -> Triggered {
        self.try_watch(store, target(subscriptions), &options())
            .await
            .unwrap()
    }
}

// === impl Triggered ===

impl Triggered {
    pub(crate) async fn stop(self) -> Counts {
        drop(self.stop);
        let ended = tokio::time::timeout(PATIENCE, self.running).await;
        ended.unwrap().unwrap().unwrap();
        self.counters.read()
    }

    /// Ends it as a crash would: nothing is stored or given back.
    pub(crate) async fn crash(self) {
        self.running.abort();
        let ended = tokio::time::timeout(PATIENCE, self.running).await;
        assert!(ended.unwrap().unwrap_err().is_cancelled());
    }
}
