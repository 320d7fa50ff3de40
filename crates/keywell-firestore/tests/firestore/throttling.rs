//! Answers of the service that refuse, and what was written then.

use bytes::Bytes;
use futures::StreamExt as _;
use keywell_servers::Firestore;
use keywell_store::{Action, Change, Error, Expected, Filter, Set, Since, Transacted, Transaction};
use tonic::Code;

use crate::place::{open, options, store};

const VALUE: Bytes = Bytes::from_static(b"v");

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_client_is_told_so_and_goes_on_afterwards() {
    let server = Firestore::start().await.unwrap();
    let store = store(&options(&server)).await;
    let bucket = open(&store, "b").await;
    let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    bucket.set("k", VALUE, Set::default()).await.unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap().key(), Some("k"));
    server.refuse(Code::ResourceExhausted, "Quota exceeded.");
    let change = Change::Set(VALUE, Set::default());
    let entries = vec![("a", VALUE), ("b", VALUE)];
    let refusals = [
        bucket.set("k", VALUE, Set::default()).await.map(drop),
        bucket.swap("k", Expected::Absent, change).await.map(drop),
        bucket.increment("n", 1).await.map(drop),
        bucket.set_many(entries).await,
        bucket.delete("k").await,
        bucket.get("k").await.map(drop),
        bucket.list(keywell_store::List::default()).await.map(drop),
        keywell_store::Store::health(&store).await,
    ];
    for refused in refusals {
        let error = refused.unwrap_err();
        assert!(matches!(error, Error::Unavailable(_)), "{error}");
        assert!(error.to_string().contains("Quota exceeded."), "{error}");
    }
    server.accept();
    assert!(!bucket.exists("n").await.unwrap());
    assert!(!bucket.exists("a").await.unwrap());
    bucket.set("after", VALUE, Set::default()).await.unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap().key(), Some("after"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_may_have_happened_is_sent_once() {
    let server = Firestore::start().await.unwrap();
    let store = store(&options(&server)).await;
    let bucket = open(&store, "b").await;
    bucket.increment("n", 1).await.unwrap();
    let read = bucket.get("n").await.unwrap().unwrap();
    for code in [Code::Unavailable, Code::DeadlineExceeded, Code::Internal] {
        server.refuse(code, "why");
        let commits = server.calls("Commit");
        let change = Change::Set(VALUE, Set::default());
        let at = Expected::At(read.version.clone());
        let swapped = bucket.swap("n", at, change).await;
        assert!(matches!(swapped, Err(Error::Ambiguous(_))), "{swapped:?}");
        let mut transaction = Transaction::default();
        let action = Action::Change(Change::Set(VALUE, Set::default()));
        transaction.write(&*bucket, "k", action).unwrap();
        let ended = transaction.run(&store).await;
        assert!(matches!(ended, Err(Error::Ambiguous(_))), "{ended:?}");
        assert_eq!(server.calls("Commit"), commits + 2, "{code:?}");
        server.accept();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_several_commits_is_in_doubt_once_a_part_is_written() {
    let server = Firestore::start().await.unwrap();
    let store = store(&options(&server)).await;
    let bucket = open(&store, "b").await;
    let keys: Vec<String> = (0..1001).map(|number| number.to_string()).collect();
    let entries: Vec<_> = keys.iter().map(|key| (key.as_str(), VALUE)).collect();
    let commits = server.calls("Commit");
    bucket.set_many(entries.clone()).await.unwrap();
    assert_eq!(server.calls("Commit"), commits + 3);
    let found = bucket.get_many(&keys.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(found.await.unwrap().iter().all(Option::is_some));
    // The first part is written, and then the service refuses.
    let setting = bucket.set_many(entries);
    let refusing = async {
        while server.calls("Commit") < commits + 4 {
            tokio::task::yield_now().await;
        }
        server.refuse(Code::ResourceExhausted, "Quota exceeded.");
    };
    let (ended, ()) = tokio::join!(setting, refusing);
    let is_right = match &ended {
        Err(Error::Ambiguous(_)) => true,
        // It refused the first of them, or none.
        Err(Error::Unavailable(_)) | Ok(()) => server.calls("Commit") != commits + 5,
        Err(_) => false,
    };
    assert!(is_right, "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_is_revoked_is_access_denied() {
    let server = Firestore::start().await.unwrap();
    let store = store(&options(&server)).await;
    let bucket = open(&store, "b").await;
    let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    bucket.set("k", VALUE, Set::default()).await.unwrap();
    assert!(watch.next().await.unwrap().is_ok());
    for code in [Code::Unauthenticated, Code::PermissionDenied] {
        server.refuse(code, "why");
        let error = bucket.set("k", VALUE, Set::default()).await.unwrap_err();
        assert!(matches!(error, Error::AccessDenied(_)), "{error}");
    }
    let ended = watch.next().await.unwrap();
    assert!(matches!(ended, Err(Error::AccessDenied(_))), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_writes_nothing_locks_nothing() {
    let server = Firestore::start().await.unwrap();
    let store = store(&options(&server)).await;
    let bucket = open(&store, "b").await;
    bucket.set("k", VALUE, Set::default()).await.unwrap();
    let mut transaction = Transaction::default();
    transaction.check(&*bucket, "k", Expected::Absent).unwrap();
    let stale = transaction.run(&store).await.unwrap();
    assert_eq!(stale, Transacted::Stale(0));
    let mut transaction = Transaction::default();
    let action = Action::Increment(1);
    transaction.write(&*bucket, "k", action).unwrap();
    transaction.run(&store).await.unwrap_err();
    assert_eq!(server.calls("Rollback"), 2);
    assert_eq!(server.open_transactions(), 0);
}
