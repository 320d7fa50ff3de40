use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use keywell_memory::MemoryStore;
use keywell_runtime::{HttpOptions, Options};
use keywell_store::layer::Layered;
use keywell_store::{
    Answer, Bucket, Capabilities, Change, Entry, Expected, List, Page, Set, Store, Swap, Version,
};

use crate::support::{Served, options, serve, serve_over};

/// A bucket that answers a second late.
struct Slow(Arc<dyn Bucket>);

const SECOND: Duration = Duration::from_secs(1);

// === impl Slow ===

impl Slow {
    fn later<A: Send + 'static>(answer: Answer<A>) -> Answer<A> {
        Answer::later(async move {
            // The store is slow on purpose: what is tested is what others do meanwhile.
            let never = std::future::pending::<()>();
            let _ = tokio::time::timeout(SECOND, never).await;
            answer.await
        })
    }
}

impl Bucket for Slow {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
        Self::later(self.0.get_within(key, max))
    }

    fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        Self::later(self.0.set(key, value, how))
    }

    fn delete(&self, key: &str) -> Answer<()> {
        Self::later(self.0.delete(key))
    }

    fn swap(&self, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        Self::later(self.0.swap(key, expected, change))
    }

    fn list(&self, request: List) -> Answer<Page> {
        Self::later(self.0.list(request))
    }
}

/// A bucket whose readings wait until no other begins, and that counts how many bytes those that
/// wait may answer.
struct Weighed {
    inner: Arc<dyn Bucket>,
    waiting: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Bucket for Weighed {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
        let answer = self.inner.get_within(key, max);
        let (waiting, most) = (self.waiting.clone(), self.most.clone());
        Answer::later(async move {
            let now = waiting.fetch_add(max, Ordering::SeqCst) + max;
            most.fetch_max(now, Ordering::SeqCst);
            let never = std::future::pending::<()>();
            let _ = tokio::time::timeout(SECOND / 10, never).await;
            waiting.fetch_sub(max, Ordering::SeqCst);
            answer.await
        })
    }

    fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        self.inner.set(key, value, how)
    }

    fn delete(&self, key: &str) -> Answer<()> {
        self.inner.delete(key)
    }

    fn swap(&self, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        self.inner.swap(key, expected, change)
    }

    fn list(&self, request: List) -> Answer<Page> {
        self.inner.list(request)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_tasks_wait_for_fits_the_budget_of_their_instance() {
    let (waiting, most) = (Arc::default(), Arc::<AtomicUsize>::default());
    let weighed = most.clone();
    let store = Layered::late(Arc::new(MemoryStore::default()), move |_, inner| {
        let (waiting, most) = (Arc::clone(&waiting), weighed.clone());
        Arc::new(Weighed {
            inner,
            waiting,
            most,
        })
    });
    let options = Options {
        memory: 32 << 20,
        ..options()
    };
    let http = HttpOptions::default();
    let served = serve_over(Arc::new(store), "cloud", &options, &http).await;
    assert_eq!(served.get("/open?default").await.text, "opened");
    assert_eq!(served.get("/ten?key").await.text, ["none"; 10].join(" "));
    let most = most.load(Ordering::SeqCst);
    assert!((1 << 20..=32 << 20).contains(&most), "{most} bytes");
}

/// A store whose buckets answer a second late.
fn slow() -> Arc<dyn Store> {
    let store = Arc::new(MemoryStore::default());
    Arc::new(Layered::late(store, |_, bucket| Arc::new(Slow(bucket))))
}

async fn expect(served: &Served, calls: &[(&str, &str)]) {
    for (call, expected) in calls {
        let answer = served.get(call).await;
        assert_eq!(answer.text, *expected, "{call}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wasmcloud_keyvalue_has_conditions_versions_and_cases_of_errors() {
    let served = serve("cloud", &options(), &HttpOptions::default()).await;
    let calls = [
        ("/get?a", "none"),
        ("/set?a&1", "set"),
        ("/get?a", "1"),
        ("/add?a&2", "Error::PreconditionFailed"),
        ("/add?b&2", "set"),
        ("/set?c&3&60000", "set"),
        ("/set?c&3&0", "Error::InvalidArgument"),
        ("/set?&3", "Error::InvalidArgument"),
        ("/list?", "a b c"),
        ("/list?b", "b"),
        ("/delete?b", "false"),
        ("/increment?n&5", "5"),
        ("/increment?n&-7", "-2"),
        ("/current?none", "none"),
        ("/swap?a&2", "Error::InvalidArgument"),
        ("/swap?a&2&&0", "stale: 1"),
        ("/swap?a&2&&1", "swapped"),
        ("/swap?a&3&feed", "stale: 2"),
        ("/swap?none&3&feed", "stale: none"),
        ("/many", "b2 none a1 false"),
    ];
    expect(&served, &calls).await;
    let current = served.get("/current?n").await.text;
    let (value, version) = current.split_once(' ').unwrap();
    assert_eq!(value, "-2");
    let swap = format!("/swap?n&9&{version}");
    let stale = format!("/swap?n&10&{version}&9");
    let calls = [(&*swap, "swapped"), (&*stale, "stale: 9"), ("/get?n", "9")];
    expect(&served, &calls).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_one_instance_wait_for_a_slow_store_side_by_side() {
    let http = HttpOptions {
        concurrency: 10,
        ..HttpOptions::default()
    };
    let served = serve_over(slow(), "cloud", &options(), &http).await;
    // Its instance and the engine are warm then.
    assert_eq!(served.get("/open?default").await.text, "opened");
    let began = Instant::now();
    let asked = (0..10).map(|_| served.get("/get?key"));
    for answer in futures::future::join_all(asked).await {
        assert_eq!(answer.text, "none");
    }
    let took = began.elapsed();
    assert!(took < 2 * SECOND, "{took:?}");
}
