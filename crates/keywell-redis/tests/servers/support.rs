use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use keywell_redis::{OpenError, Options, RedisStore};
use keywell_store::{
    Bucket, BucketName, Error, Event, Filter, Invalid, Since, Store, Watch, Watching,
};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// How long anything may take that has to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How long is waited for what must not happen.
pub(crate) const QUIET: Duration = Duration::from_millis(300);

/// Makes each function a test of its own on both layouts.
macro_rules! on_both_layouts {
    ($($name:ident)*) => {
        mod plain {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name("plain").await;
                }
            )*
        }
        mod journal {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name("journal").await;
                }
            )*
        }
    };
}
pub(crate) use on_both_layouts;

/// Opens the store at a URL, which has settings behind it such as `layout=journal`.
pub(crate) async fn connect(url: &str) -> Result<Arc<dyn Store>, OpenError> {
    let options = Options::from_url(url)?;
    Ok(Arc::new(RedisStore::connect(&options).await?))
}

/// As [`connect`], where it has to open.
pub(crate) async fn open(url: &str, settings: &str) -> Arc<dyn Store> {
    let url = format!("{url}?{settings}");
    let store = connect(&url).await;
    store.unwrap_or_else(|error| panic!("{url}: {error}"))
}

/// Settings for tests that wait for time-outs: an answer may take 300 ms, and the pauses between
/// attempts to connect are short.
pub(crate) fn hasty(layout: &str) -> String {
    format!(
        "layout={layout}&answer-timeout=300ms&connect-timeout=1s&reconnect-max-delay=100ms\
         &configure-notifications=true"
    )
}

/// Settings for tests in which nothing is to be late, however busy the machine is.
pub(crate) fn patient(layout: &str) -> String {
    format!("layout={layout}&answer-timeout=30s&configure-notifications=true")
}

pub(crate) async fn bucket(store: &Arc<dyn Store>, name: &str) -> Arc<dyn Bucket> {
    let name = BucketName::parse(name).unwrap();
    store.open(&name).await.unwrap()
}

/// Repeats a check until it holds, where no event marks that moment.
pub(crate) async fn until<E, F>(what: &str, mut ask: impl FnMut() -> F)
where
    F: Future<Output = Result<(), E>>,
    E: fmt::Display,
{
    let end = Instant::now() + PATIENCE;
    let mut turns = interval(Duration::from_millis(5));
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        match ask().await {
            Ok(()) => return,
            Err(error) => assert!(Instant::now() < end, "{what}: {error}"),
        }
    }
}

/// Waits until a bucket reads again.
pub(crate) async fn recovered(bucket: &Arc<dyn Bucket>) {
    until("the store to be there again", || async {
        bucket.get("recovered?").await.map(drop)
    })
    .await;
}

pub(crate) async fn watch(bucket: &Arc<dyn Bucket>, filter: Filter) -> Watch {
    bucket.watch(filter, Since::Now).await.unwrap()
}

/// The next event, whatever it is.
pub(crate) async fn next(watch: &mut Watch) -> Event {
    let event = timeout(PATIENCE, watch.next()).await;
    let event = event.expect("an event comes");
    event.expect("a watch does not end").unwrap()
}

/// As [`next`], of a server that may have lost what it acknowledged. That ends a watch which misses
/// nothing, as compacted; here another one begins.
pub(crate) async fn next_after_loss(
    bucket: &Arc<dyn Bucket>,
    watch: &mut Watch,
    filter: &Filter,
) -> Event {
    loop {
        let event = timeout(PATIENCE, watch.next()).await;
        let event = event.expect("an event comes");
        match event.expect("a watch does not end without a word") {
            Ok(event) => return event,
            Err(error) => {
                assert_eq!(bucket.capabilities().watch, Watching::Resumable, "{error}");
                assert!(
                    matches!(error, Error::Invalid(Invalid::Compacted)),
                    "{error:?}"
                );
                println!("the server lost what it had acknowledged");
                *watch = self::watch(bucket, filter.clone()).await;
            }
        }
    }
}

/// The next event as short text: `key=value`, `-key`, `~key` if it expired, or `gap`.
pub(crate) async fn received(watch: &mut Watch) -> String {
    short(&next(watch).await)
}

pub(crate) fn short(event: &Event) -> String {
    match event {
        Event::Set { key, value, .. } => format!("{key}={}", String::from_utf8_lossy(value)),
        Event::Delete { key, expired, .. } => {
            format!("{}{key}", if *expired { '~' } else { '-' })
        }
        _ => "gap".to_owned(),
    }
}

/// Checks that no more events come.
pub(crate) async fn silent(watch: &mut Watch) {
    if let Ok(event) = timeout(QUIET, watch.next()).await {
        panic!("unexpected event {event:?}");
    }
}

/// Notes for how long the machine itself stood still, which no bound on an answer can hold against
/// the store.
pub(crate) struct Stalls {
    longest: Arc<AtomicU64>,
    noting: JoinHandle<()>,
}

impl Stalls {
    pub(crate) fn note() -> Self {
        const EVERY: Duration = Duration::from_millis(5);
        let longest = Arc::new(AtomicU64::new(0));
        let noted = longest.clone();
        let noting = tokio::spawn(async move {
            let mut turns = interval(EVERY);
            turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut before = Instant::now();
            loop {
                turns.tick().await;
                let late = before.elapsed().saturating_sub(EVERY);
                before = Instant::now();
                let late = u64::try_from(late.as_millis()).unwrap();
                noted.fetch_max(late, Ordering::Relaxed);
            }
        });
        Self { longest, noting }
    }

    /// The longest so far.
    pub(crate) fn longest(&self) -> Duration {
        Duration::from_millis(self.longest.load(Ordering::Relaxed))
    }
}

impl Drop for Stalls {
    fn drop(&mut self) {
        self.noting.abort();
    }
}

pub(crate) fn seed() -> u64 {
    let given = std::env::var("KEYWELL_SEED").ok();
    let seed = given.map_or_else(rand::random, |text| text.parse().unwrap());
    println!("KEYWELL_SEED={seed}");
    seed
}
