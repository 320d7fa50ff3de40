//! The effect of each fault on one operation.

use std::sync::Arc;

use keywell_conformance::history::{Faults, Faulty, Rates};
use keywell_memory::MemoryStore;
use keywell_store::{Bucket, BucketName, Error, Promptness, Set, Store};

async fn memory() -> Arc<dyn Bucket> {
    let store = MemoryStore::new();
    store.open(&BucketName::default()).await.unwrap()
}

fn with(bucket: &Arc<dyn Bucket>, rates: Rates) -> Faulty {
    let faults = Faults {
        seed: 1,
        reads: rates,
        writes: rates,
        atomics: rates,
    };
    Faulty::new(bucket.clone(), faults)
}

#[tokio::test]
async fn a_refused_operation_never_reaches_the_bucket() {
    let bucket = memory().await;
    let rates = Rates {
        refuse: 1.0,
        ..Rates::default()
    };
    let faulty = with(&bucket, rates);
    let error = faulty
        .increment_or_create("n", 1, Set::default())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error}");
    assert!(!bucket.exists("n").await.unwrap());
}

#[tokio::test]
async fn a_lost_answer_leaves_the_write_done_and_a_lost_request_does_not() {
    let bucket = memory().await;
    for (answer, request) in [(1.0, 0.0), (0.0, 1.0)] {
        let rates = Rates {
            lose_answer: answer,
            lose_request: request,
            ..Rates::default()
        };
        let faulty = with(&bucket, rates);
        let error = faulty
            .increment_or_create("n", 1, Set::default())
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Ambiguous(_)), "{error}");
        // A read changes nothing, so it can always be retried.
        let error = faulty.get_within("n", usize::MAX).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable(_)), "{error}");
        assert_eq!(bucket.increment("n", 0).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn a_late_request_arrives_after_its_answer_and_once() {
    let bucket = memory().await;
    let mut late = Faults::delays(2);
    late.atomics.late = 1.0;
    let faulty = Faulty::new(bucket.clone(), late);
    let error = faulty
        .increment_or_create("n", 1, Set::default())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Ambiguous(_)), "{error}");
    assert!(!bucket.exists("n").await.unwrap());
    for _ in 0..100 {
        faulty.exists("other").await.unwrap();
    }
    assert_eq!(bucket.increment("n", 0).await.unwrap(), 1);
}

#[tokio::test]
async fn a_duplicated_request_takes_effect_twice() {
    let bucket = memory().await;
    let rates = Rates {
        duplicate: 1.0,
        ..Rates::default()
    };
    let faulty = with(&bucket, rates);
    assert_eq!(
        faulty
            .increment_or_create("n", 1, Set::default())
            .await
            .unwrap(),
        2
    );
    assert_eq!(faulty.capabilities().promptness, Promptness::Waits);
}
