use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use keywell_store::layer::Limits;
use keywell_store::{
    Answer, Bucket, Capabilities, Entry, Expires, List, Listing, Page, Set, Version,
};
use tokio::sync::Notify;

use super::*;

/// A bucket that declares something else, and says when a page of its keys was listed.
struct Altered {
    inner: Arc<dyn Bucket>,
    declared: Capabilities,
    pages: AtomicUsize,
    /// At which page to say so.
    at: usize,
    listed: Arc<Notify>,
}

// === impl Altered ===

impl Altered {
    fn declaring(inner: Arc<dyn Bucket>, change: impl FnOnce(&mut Capabilities)) -> Self {
        let mut declared = inner.capabilities();
        change(&mut declared);
        Self {
            inner,
            declared,
            pages: AtomicUsize::new(0),
            at: usize::MAX,
            listed: Arc::default(),
        }
    }
}

impl Bucket for Altered {
    fn capabilities(&self) -> Capabilities {
        self.declared
    }
    fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>> {
        self.inner.get_within(key, max)
    }
    fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        self.inner.set(key, value, how)
    }
    fn delete(&self, key: &str) -> Answer<()> {
        self.inner.delete(key)
    }
    fn list(&self, request: List) -> Answer<Page> {
        if self.pages.fetch_add(1, Ordering::Relaxed) + 1 == self.at {
            self.listed.notify_one();
        }
        self.inner.list(request)
    }
}

async fn copying() -> Copying<'static> {
    Copying {
        from: Target::in_memory().await,
        to: Target::in_memory().await,
        prefix: "",
    }
}

async fn set_for(target: &Target, key: &str, seconds: u64) {
    let ttl = Some(Duration::from_secs(seconds));
    let set = target.bucket.set(key, "v".into(), Set { ttl });
    set.await.unwrap();
}

/// Copies without an interruption, and answers the counts.
async fn copied(copying: &Copying<'_>) -> Copied {
    let mut copied = Copied::default();
    let done = copying.copy(&Progress::hidden(), &mut copied).await;
    done.unwrap();
    copied
}

fn text(stop: Stop) -> String {
    let Stop::Failed(failed) = stop else {
        panic!("{stop:?}");
    };
    failed.to_string()
}

async fn refused(copying: &Copying<'_>) -> String {
    text(copy(copying, std::future::pending()).await.unwrap_err())
}

#[tokio::test]
async fn what_is_in_memory_is_copied_to_disk_with_counters_and_times_to_live() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("disk:{}", folder.path().join("to").display());
    let store = keywell::open(&url.parse().unwrap()).await.unwrap();
    let copying = Copying {
        from: Target::in_memory().await,
        to: Target::open(&*store, BucketName::default()).await.unwrap(),
        prefix: "",
    };
    let from = &copying.from;
    from.set("tea", b"\xff\0").await;
    from.bucket.increment("visits", 42).await.unwrap();
    set_for(from, "session", 3600).await;
    copying.to.set("tea", b"old").await;
    copying.to.set("theirs", b"untouched").await;

    copy(&copying, std::future::pending()).await.unwrap();
    let to = &*copying.to.bucket;
    let keys = ["tea", "session", "theirs"];
    let read = to.get_with_expiry(&keys, usize::MAX).await.unwrap();
    let read: Vec<Entry> = read.into_iter().flatten().collect();
    assert_eq!(read[0].value, &b"\xff\0"[..]);
    let Expires::In(left) = read[1].expires else {
        panic!("{read:?}");
    };
    assert!(left > Duration::from_mins(59), "{left:?}");
    assert_eq!(read[2].value, "untouched");
    assert_eq!(to.increment("visits", 1).await.unwrap(), 43);
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_source_without_a_list_of_its_keys_is_refused_with_what_to_do() {
    let mut copying = copying().await;
    let from = copying.from.bucket.clone();
    let altered = Altered::declaring(from, |declared| declared.list = Listing::None);
    copying.from.bucket = Arc::new(altered);
    let error = refused(&copying).await;
    assert!(
        error.contains("the source keeps no list of its keys"),
        "{error}"
    );
    assert!(error.contains("keywell kv get"), "{error}");
}

#[tokio::test]
async fn an_interrupted_copy_continues_when_it_is_started_again() {
    let mut copying = copying().await;
    for n in 0..2500 {
        copying.from.set(&format!("k{n:04}"), b"v").await;
    }
    let from = copying.from.bucket.clone();
    let altered = Altered {
        at: 2,
        ..Altered::declaring(from.clone(), |_| ())
    };
    let listed = altered.listed.clone();
    copying.from.bucket = Arc::new(altered);
    let stopped = copy(&copying, listed.notified()).await.unwrap_err();
    let expected = "interrupted; 2000 keys copied; run again, it continues there";
    assert_eq!(text(stopped), expected);

    copying.from.bucket = from;
    let again = copied(&copying).await;
    assert_eq!((again.written, again.skipped), (500, 2000));
    let once_more = copied(&copying).await;
    assert_eq!((once_more.written, once_more.skipped), (0, 2500));
}

#[tokio::test]
async fn what_changes_during_a_copy_is_reported() {
    let copying = copying().await;
    for key in ["changed", "deleted", "stays"] {
        copying.from.set(key, b"v").await;
    }
    set_for(&copying.from, "expires", 3600).await;
    let copied = copied(&copying).await;
    let differences = async || {
        let compared = copying.compare(&Progress::hidden(), &copied).await;
        compared.unwrap()
    };
    let equal = differences().await;
    assert_eq!((equal.compared, equal.problem()), (4, None));

    let from = &copying.from;
    from.set("added", b"v").await;
    from.set("changed", b"w").await;
    set_for(from, "expires", 60).await;
    let problem = differences().await.problem().unwrap();
    let expected = "the copy differs from the source: 1 key missing, 1 key with another value, \
                    1 key with another time to live, such as \"added\", \"changed\", \"expires\". ";
    assert!(problem.starts_with(expected), "{problem}");

    from.bucket.delete("added").await.unwrap();
    from.bucket.delete("deleted").await.unwrap();
    let problem = differences().await.problem().unwrap();
    assert!(
        problem.contains("1 key deleted from the source"),
        "{problem}"
    );
}

#[tokio::test]
async fn a_key_that_has_expired_is_no_difference() {
    let copying = copying().await;
    set_for(&copying.from, "k", 1).await;
    let copied = copied(&copying).await;
    copying.to.bucket.delete("k").await.unwrap();
    let compared = copying.compare(&Progress::hidden(), &copied).await;
    assert_eq!(compared.unwrap().problem(), None);
}

#[tokio::test]
async fn only_keys_of_the_prefix_are_copied() {
    let mut copying = copying().await;
    copying.prefix = "a/";
    copying.from.set("a/1", b"v").await;
    copying.from.set("b/1", b"v").await;
    assert_eq!(copied(&copying).await.written, 1);
    assert!(!copying.to.bucket.exists("b/1").await.unwrap());
}

#[tokio::test]
async fn what_a_store_cannot_do_is_reported_with_the_store() {
    let mut copying = copying().await;
    let from = copying.from.bucket.clone();
    let unlisted = Altered::declaring(from.clone(), |it| it.list = Listing::None);
    copying.from.bucket = Arc::new(unlisted);
    let problem = refused(&copying).await;
    let expected = "cannot copy bucket default: the source keeps no list of its keys; ";
    assert!(problem.starts_with(expected), "{problem}");

    copying.from.bucket = from;
    set_for(&copying.from, "k", 60).await;
    let lasting = Altered::declaring(copying.to.bucket, |it| it.ttl = false);
    copying.to.bucket = Arc::new(lasting);
    let problem = refused(&copying).await;
    let expected = "cannot copy the key \"k\": it expires, and the target keeps no times to live";
    assert!(problem.starts_with(expected), "{problem}");

    copying.to = Target::in_memory_within(Limits {
        value_bytes: 4,
        ..Limits::default()
    })
    .await;
    copying.from.set("k", b"large").await;
    let problem = refused(&copying).await;
    let expected = "cannot copy the key \"k\" in bucket default: the value is 5 bytes long";
    assert!(problem.starts_with(expected), "{problem}");
}

/// The target's values are read in parts where they are larger than those of the source.
#[tokio::test]
async fn larger_values_of_the_target_are_overwritten() {
    let copying = copying().await;
    for n in 0..5 {
        let key = format!("k{n}");
        copying.from.set(&key, b"v").await;
        let large = Bytes::from(vec![0; 5 << 20]);
        let set = copying.to.bucket.set(&key, large, Set::default());
        set.await.unwrap();
    }
    let copied = copied(&copying).await;
    assert_eq!((copied.written, copied.skipped), (5, 0));
    let compared = copying.compare(&Progress::hidden(), &copied).await;
    assert_eq!(compared.unwrap().problem(), None);
}
