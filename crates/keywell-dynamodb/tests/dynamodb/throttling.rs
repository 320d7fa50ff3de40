//! Answers that no emulator gives: throttling, faults of the service, and clocks that differ.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use keywell_servers::StubAnswer;
use keywell_store::{Action, Change, Check, Error, Expected, Set, Store as _, Transacted, Write};
use parking_lot::Mutex;

use crate::place::open;
use crate::recorder::{asked, error, failure, operation, refusal, store, stub};

const SHORT: Duration = Duration::from_millis(1500);

fn write(change: Change) -> Write {
    Write {
        bucket: "b".parse().unwrap(),
        key: "k".to_owned(),
        action: Action::Change(change),
    }
}

/// A transaction is canceled by its only operation.
fn canceled(reason: &str) -> StubAnswer {
    let fields = format!(r#""Message":"m","CancellationReasons":[{{{reason}}}]"#);
    refusal("400 Bad Request", "TransactionCanceledException", &fields)
}

/// Every call of a bucket, each with the operation that it needs.
async fn each(
    options: &keywell_dynamodb::DynamoDbOptions,
) -> Vec<(&'static str, keywell_store::Result<()>)> {
    let store = store(options).await;
    let bucket = open(&store, "b").await;
    let change = || Change::Set("v".into(), Set::default());
    vec![
        ("GetItem", bucket.get("k").await.map(drop)),
        ("BatchGetItem", bucket.get_many(&["k"]).await.map(drop)),
        (
            "Query",
            bucket.list(keywell_store::List::default()).await.map(drop),
        ),
        (
            "PutItem",
            bucket.set("k", "v".into(), Set::default()).await.map(drop),
        ),
        (
            "PutItem",
            bucket.swap("k", Expected::Absent, change()).await.map(drop),
        ),
        ("DeleteItem", bucket.delete("k").await),
        (
            "BatchWriteItem",
            bucket.set_many(vec![("k", "v".into())]).await,
        ),
        ("BatchWriteItem", bucket.delete_many(&["k"]).await),
        (
            "TransactWriteItems",
            store
                .transact(vec![], vec![write(change())])
                .await
                .map(drop),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_throttled_is_told_so_and_nothing_is_in_doubt() {
    let (stub, mut options) = stub(|_| error("ProvisionedThroughputExceededException"));
    options.answer_timeout = SHORT;
    let begun = Instant::now();
    for (operation, answered) in each(&options).await {
        let error = answered.unwrap_err();
        assert!(
            matches!(error, Error::Unavailable(_)),
            "{operation}: {error}"
        );
        assert!(
            error.to_string().contains("ProvisionedThroughput"),
            "{error}"
        );
        // It was sent again, further and further apart.
        let count = asked(&stub, operation).len();
        assert!((3..60).contains(&count), "{operation}: {count}");
    }
    assert!(begun.elapsed() < SHORT * 12, "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_throttled_for_a_while_is_done_once() {
    let attempts = Mutex::new(HashMap::<String, usize>::new());
    let (stub, options) = stub(move |request| {
        let mut attempts = attempts.lock();
        let attempt = attempts.entry(operation(request).to_owned()).or_default();
        *attempt += 1;
        match *attempt {
            1 => error("ThrottlingException"),
            2 => error("RequestLimitExceeded"),
            3 => error("TransactionConflictException"),
            4 => error("ProvisionedThroughputExceededException"),
            _ => StubAnswer::ok("{}"),
        }
    });
    for (operation, answered) in each(&options).await {
        answered.unwrap_or_else(|error| panic!("{operation}: {error}"));
        let twice = usize::from(["PutItem", "BatchWriteItem"].contains(&operation));
        assert_eq!(asked(&stub, operation).len(), 5 + twice, "{operation}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_the_service_leaves_writes_in_doubt() {
    let (stub, mut options) =
        stub(|_| failure("500 Internal Server Error", "InternalServerError", "x"));
    options.answer_timeout = SHORT;
    in_doubt(&stub, &options).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_leaves_writes_in_doubt() {
    let (stub, mut options) = stub(|_| StubAnswer::Silence);
    options.answer_timeout = SHORT;
    in_doubt(&stub, &options).await;
}

async fn in_doubt(stub: &keywell_servers::Stub, options: &keywell_dynamodb::DynamoDbOptions) {
    for (operation, answered) in each(options).await {
        let error = answered.unwrap_err();
        let is_read = ["GetItem", "BatchGetItem", "Query"].contains(&operation);
        match error {
            Error::Unavailable(_) if is_read => {}
            Error::Ambiguous(_) if !is_read => {}
            error => panic!("{operation}: {error}"),
        }
        let count = asked(stub, operation).len();
        match operation {
            "DeleteItem" => assert_eq!(count, 1, "{operation}"),
            // Two calls use each of these.
            "PutItem" | "BatchWriteItem" => assert_eq!(count, 2, "{operation}"),
            // These are sent again: reads, and transactions by their tokens.
            _ => assert!(count > 1, "{operation}: {count}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unanswered_transaction_is_settled_by_its_token() {
    let asked_before = Arc::new(AtomicUsize::new(0));
    let (stub, options) = stub(move |_| match asked_before.fetch_add(1, Ordering::SeqCst) {
        0 => failure("500 Internal Server Error", "InternalServerError", "x"),
        1 => error("TransactionInProgressException"),
        _ => StubAnswer::ok("{}"),
    });
    let store = store(&options).await;
    let set = Change::Set("v".into(), Set::default());
    let done = store.transact(vec![], vec![write(set)]).await.unwrap();
    assert!(matches!(done, Transacted::Done(_)), "{done:?}");
    let requests = asked(&stub, "TransactWriteItems");
    assert_eq!(requests.len(), 3);
    assert!(
        requests[0].contains("ClientRequestToken"),
        "{}",
        requests[0]
    );
    assert!(
        requests.iter().all(|body| *body == requests[0]),
        "{requests:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unanswered_transaction_that_meets_another_is_sent_again_as_it_is() {
    let asked_before = Arc::new(AtomicUsize::new(0));
    let (stub, options) = stub(move |_| match asked_before.fetch_add(1, Ordering::SeqCst) {
        0 => failure("500 Internal Server Error", "InternalServerError", "x"),
        1 | 2 => canceled(r#""Code":"TransactionConflict""#),
        _ => StubAnswer::ok("{}"),
    });
    let store = store(&options).await;
    let set = Change::Set("v".into(), Set::default());
    let done = store.transact(vec![], vec![write(set)]).await.unwrap();
    assert!(matches!(done, Transacted::Done(_)), "{done:?}");
    let requests = asked(&stub, "TransactWriteItems");
    assert_eq!(requests.len(), 4);
    assert!(
        requests.iter().all(|body| *body == requests[0]),
        "{requests:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unanswered_transaction_that_conflicts_for_long_is_in_doubt() {
    let asked_before = Arc::new(AtomicUsize::new(0));
    let (_stub, mut options) = stub(move |_| match asked_before.fetch_add(1, Ordering::SeqCst) {
        0 => failure("500 Internal Server Error", "InternalServerError", "x"),
        _ => canceled(r#""Code":"TransactionConflict""#),
    });
    options.answer_timeout = SHORT;
    let store = store(&options).await;
    let set = Change::Set("v".into(), Set::default());
    let error = store.transact(vec![], vec![write(set)]).await.unwrap_err();
    assert!(matches!(error, Error::Ambiguous(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unanswered_transaction_whose_condition_may_hold_again_is_in_doubt() {
    const ITEM: &str =
        r#"{"bucket":{"S":"b"},"key":{"S":"k"},"value":{"B":"Nw=="},"version":{"B":"dg=="}}"#;
    let set = || Change::Set("v".into(), Set::default());
    let at = Expected::At(bytes::Bytes::from_static(b"other").into());
    let tried = [
        // No write brings a version back.
        (Some(at), set(), true),
        (Some(Expected::Absent), set(), false),
        // It reads what it deletes.
        (None, Change::Delete, false),
    ];
    for (expected, change, is_stale) in tried {
        let sent_before = Arc::new(AtomicUsize::new(0));
        let (stub, options) = stub(move |request| match operation(request) {
            "BatchGetItem" => StubAnswer::ok(format!(r#"{{"Responses":{{"stub":[{ITEM}]}}}}"#)),
            _ if sent_before.fetch_add(1, Ordering::SeqCst) == 0 => {
                failure("500 Internal Server Error", "InternalServerError", "x")
            }
            _ => canceled(&format!(r#""Code":"ConditionalCheckFailed","Item":{ITEM}"#)),
        });
        let store = store(&options).await;
        let check = expected.map(|expected| Check {
            bucket: "b".parse().unwrap(),
            key: "k".to_owned(),
            expected,
        });
        let checks = check.into_iter().collect();
        let done = store.transact(checks, vec![write(change)]).await;
        match done {
            Ok(Transacted::Stale(0)) => assert!(is_stale),
            Err(Error::Ambiguous(_)) => assert!(!is_stale),
            done => panic!("{done:?}"),
        }
        assert_eq!(asked(&stub, "TransactWriteItems").len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_differs_is_named() {
    let message = "Signature expired: 20261127T000000Z is now earlier than 20261127T001000Z";
    let (_stub, mut options) =
        stub(move |_| failure("400 Bad Request", "InvalidSignatureException", message));
    options.answer_timeout = SHORT;
    for (operation, answered) in each(&options).await {
        let error = answered.unwrap_err();
        assert!(
            matches!(error, Error::Unavailable(_)),
            "{operation}: {error}"
        );
        assert!(error.to_string().contains("clock"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_are_refused_are_named_without_what_guests_may_not_read() {
    for code in [
        "UnrecognizedClientException",
        "AccessDeniedException",
        "ExpiredTokenException",
    ] {
        let (stub, options) = stub(move |request| match operation(request) {
            "Query" => error("ExpiredTokenException"),
            _ => failure(
                "400 Bad Request",
                code,
                "User arn:aws:iam::1:user/u may not",
            ),
        });
        for (operation, answered) in each(&options).await {
            let error = answered.unwrap_err();
            assert!(
                matches!(error, Error::AccessDenied(_)),
                "{operation}: {error}"
            );
            assert!(!error.for_guest().contains("arn:"), "{error}");
        }
        assert_eq!(asked(&stub, "GetItem").len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_refused_leaves_nothing_in_doubt() {
    let (_stub, mut options) = stub(|_| StubAnswer::ok("{}"));
    options.answer_timeout = SHORT;
    let store = store(&options).await;
    let bucket = open(&store, "b").await;
    // Nothing listens at the address of a store that is opened by another one's table.
    let port = keywell_servers::Port::claim().unwrap();
    let mut nowhere = options.clone();
    nowhere.endpoint = Some(format!("http://{}", port.address()));
    let begun = Instant::now();
    let opened = keywell_dynamodb::DynamoDbStore::open(nowhere).await;
    let error = opened.map(drop).unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(20));
    bucket.set("k", "v".into(), Set::default()).await.unwrap();
    store.close().await.unwrap();
    let closed = bucket.set("k", "v".into(), Set::default()).await;
    assert!(matches!(closed, Err(Error::Unavailable(_))), "{closed:?}");
}
