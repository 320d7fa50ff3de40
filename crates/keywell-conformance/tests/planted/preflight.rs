//! Stores that the suite cannot test, or not in full, and reports before it runs.

use std::sync::Arc;

use bytes::Bytes;
use keywell_conformance::{Outcome, Subject, behaviours};
use keywell_memory::MemoryStore;
use keywell_store::layer::{Grant, Granted, Layered};
use keywell_store::{Answer, Bucket, BucketName, Entry, Error, Filter, Since, Store, Watch};

use crate::bug::{Bug, Inner, Planted};

/// A store that allows only reads.
fn read_only() -> Layered {
    let grant = Grant {
        read_only: true,
        ..Grant::default()
    };
    Layered::new(Arc::new(MemoryStore::new()), move |_, bucket| {
        Arc::new(Granted::new(bucket, grant.clone()))
    })
}

/// A store that is down.
struct Down;

impl Store for Down {
    fn open(&self, _: &BucketName) -> Answer<Arc<dyn Bucket>> {
        Error::Unavailable("connection refused".into()).into()
    }
}

/// A store that reads other values than were written.
struct Garbled;

impl Bug for Garbled {
    fn get_within(&self, inner: &Inner, key: &str, max: usize) -> Answer<Option<Entry>> {
        inner.get_within(key, max).map(|entry| {
            entry.map(|entry| Entry {
                value: Bytes::from_static(b"\x01\x02"),
                ..entry
            })
        })
    }
}

#[tokio::test]
async fn preflight_reports_a_store_that_cannot_be_tested() {
    let refused = Subject::new(read_only()).preflight().await;
    assert!(
        matches!(refused, Err(Error::AccessDenied(_))),
        "{refused:?}"
    );
    let down = Subject::new(Down).preflight().await;
    assert!(matches!(down, Err(Error::Unavailable(_))), "{down:?}");
    let garbled = Subject::new(Planted::new(Garbled)).preflight().await;
    assert!(matches!(garbled, Err(Error::Internal(_))), "{garbled:?}");
}

/// A store whose server emits no events.
struct Silent;

impl Bug for Silent {
    fn watch(&self, inner: &Inner, filter: Filter, since: Since) -> Answer<Watch> {
        match since {
            Since::Now => Error::Unavailable("the server emits no events".into()).into(),
            since @ Since::After(_) => inner.watch(filter, since),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_cannot_be_watched_now_is_tested_except_for_watches() {
    let subject = Subject::new(Planted::new(Silent));
    let why = subject.preflight().await.unwrap().unwrap().to_string();
    assert!(why.contains("emits no events"), "{why}");
    let mut not_tried = 0;
    for behaviour in behaviours() {
        match behaviour.run(&subject).await {
            Ok(Outcome::Skipped("watching was not tried")) => not_tried += 1,
            Ok(_) => assert_ne!(behaviour.group, "watch", "{behaviour:?}"),
            Err(failure) => panic!("{behaviour:?}: {failure}"),
        }
    }
    assert!(not_tried > 5, "{not_tried}");
}
