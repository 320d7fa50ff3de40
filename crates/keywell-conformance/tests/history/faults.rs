//! The effect of each fault on one operation.

use std::sync::Arc;

use keywell_conformance::history::{Faults, Faulty, Rates};
use keywell_memory::MemoryStore;
use keywell_store::layer::{Method, Script};
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

#[tokio::test]
async fn a_call_that_a_script_fails_never_reaches_the_bucket_and_one_that_it_holds_does() {
    let bucket = memory().await;
    let script = Script::of(&[Method::Increment]);
    let faulty = Faulty::new(bucket.clone(), Faults::default()).following(&script);
    let increment = || faulty.increment_or_create("n", 1, Set::default());
    script.fail_next(1, &Error::Corrupt("torn".into()));
    let error = increment().await.unwrap_err();
    assert!(matches!(error, Error::Corrupt(_)), "{error}");
    assert!(!bucket.exists("n").await.unwrap());
    script.hold();
    let held = tokio::spawn(increment());
    script.until(|counts| counts.held == 1).await;
    assert!(bucket.exists("n").await.unwrap());
    // It does not concern other methods.
    assert!(faulty.exists("n").await.unwrap());
    assert!(!held.is_finished());
    script.release();
    assert_eq!(held.await.unwrap().unwrap(), 1);
}
