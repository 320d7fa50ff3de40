//! The requests that are sent, where emulators accept more than DynamoDB documents.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use keywell_servers::StubAnswer;
use keywell_store::{Action, Change, Check, Error, Expected, Set, Store as _, Transacted, Write};

use crate::place::open;
use crate::recorder::{asked, error, operation, store, stub};

/// An item as DynamoDB returns it: the value `7` at the version `v`.
const SEVEN: &str =
    r#"{"bucket":{"S":"b"},"key":{"S":"k"},"value":{"B":"Nw=="},"version":{"B":"dg=="}}"#;

fn has(body: &str, parts: &[&str]) {
    for part in parts {
        assert!(body.contains(part), "{part} is not in {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_are_consistent_and_name_no_attribute_but_by_placeholders() {
    let (stub, options) = stub(|_| StubAnswer::ok("{}"));
    let store = store(&options).await;
    let bucket = open(&store, "b").await;
    bucket.get("k").await.unwrap();
    bucket.exists("k").await.unwrap();
    bucket.get_many(&["k", "l", "k"]).await.unwrap();
    bucket.list(keywell_store::List::default()).await.unwrap();
    store.buckets().await.unwrap();
    for name in ["GetItem", "BatchGetItem", "Query", "Scan"] {
        for body in asked(&stub, name) {
            has(&body, &[r#""ConsistentRead":true"#]);
            for word in ["bucket", "key", "value", "version", "ends", "ttl"] {
                // An expression has its placeholder; a key or a map of names has it in quotes.
                let mut bare = body.clone();
                for form in [
                    format!("#{word}"),
                    format!("\"{word}\""),
                    format!(":{word}"),
                ] {
                    bare = bare.replace(&form, "");
                }
                assert!(!bare.contains(word), "{word} in {body}");
            }
        }
    }
    // A key that is given twice is read once, as DynamoDB refuses it twice.
    let batch = &asked(&stub, "BatchGetItem")[0];
    assert_eq!(batch.matches(r#"{"S":"k"}"#).count(), 1, "{batch}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_is_conditional_on_the_version_and_its_time() {
    let (stub, options) = stub(|_| StubAnswer::ok("{}"));
    let store = store(&options).await;
    let bucket = open(&store, "b").await;
    let change = Change::Set("v".into(), Set::default());
    bucket
        .swap("k", Expected::Absent, change.clone())
        .await
        .unwrap();
    let version = Bytes::from_static(b"v").into();
    bucket
        .swap("k", Expected::At(version), change)
        .await
        .unwrap();
    bucket.delete("k").await.unwrap();
    let sent = asked(&stub, "PutItem");
    let absent = "attribute_not_exists(#key) OR #ends <= :now";
    has(
        &sent[0],
        &[
            absent,
            r##""#ends":"ends""##,
            r##""#key":"key""##,
            r#"":now":{"N":""#,
        ],
    );
    let at = "#version = :version AND NOT (#ends <= :now)";
    has(&sent[1], &[at, r#"":version":{"B":"dg=="}"#]);
    // DynamoDB refuses names that an expression does not use.
    assert!(!sent[1].contains("#key"), "{}", sent[1]);
    assert!(!sent[0].contains("#version"), "{}", sent[0]);
    let delete = &asked(&stub, "DeleteItem")[0];
    has(delete, &["NOT (#ends <= :now)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_increment_keeps_the_time_and_reads_again_only_what_it_is_not_told() {
    let answers = Arc::new(AtomicUsize::new(0));
    let (stub, options) = stub(move |request| match operation(request) {
        "GetItem" => StubAnswer::ok(format!(r#"{{"Item":{SEVEN}}}"#)),
        _ if answers.fetch_add(1, Ordering::SeqCst) == 0 => {
            let code = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException";
            let item = SEVEN.replace("dg==", "dw==").replace("Nw==", "OA==");
            let body = format!(r#"{{"__type":"{code}","message":"m","Item":{item}}}"#);
            let length = body.len();
            let head = format!(
                "HTTP/1.1 400 Bad Request\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
            );
            StubAnswer::Raw((head + &body).into_bytes())
        }
        _ => StubAnswer::ok("{}"),
    });
    let store = store(&options).await;
    let bucket = open(&store, "b").await;
    // Another write made an 8 of the 7 that was read.
    assert_eq!(bucket.increment("k", 1).await.unwrap(), 9);
    assert_eq!(asked(&stub, "GetItem").len(), 1);
    let sent = asked(&stub, "UpdateItem");
    assert_eq!(sent.len(), 2);
    has(
        &sent[1],
        &[
            "SET #value = :value, #version = :new",
            "#version = :version AND",
            r#"":version":{"B":"dw=="}"#,
            r#"":value":{"B":"OQ=="}"#,
            r#""ReturnValuesOnConditionCheckFailure":"ALL_OLD""#,
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_is_merged_with_the_write_of_its_key() {
    let (stub, options) = stub(|_| StubAnswer::ok("{}"));
    let store = store(&options).await;
    let bucket: keywell_store::BucketName = "b".parse().unwrap();
    let check = |key: &str| Check {
        bucket: bucket.clone(),
        key: key.to_owned(),
        expected: Expected::At(Bytes::from_static(b"v").into()),
    };
    let write = |key: &str| Write {
        bucket: bucket.clone(),
        key: key.to_owned(),
        action: Action::Change(Change::Set("v".into(), Set::default())),
    };
    let checks = vec![check("both"), check("checked")];
    let done = store
        .transact(checks, vec![write("written"), write("both")])
        .await;
    assert!(matches!(done, Ok(Transacted::Done(_))), "{done:?}");
    let sent = &asked(&stub, "TransactWriteItems")[0];
    assert_eq!(sent.matches(r#""ConditionCheck""#).count(), 1, "{sent}");
    assert_eq!(sent.matches(r#""Put""#).count(), 2, "{sent}");
    for key in ["both", "checked", "written"] {
        let named = format!(r#"{{"S":"{key}"}}"#);
        assert_eq!(sent.matches(&named).count(), 1, "{key} in {sent}");
    }
    assert!(asked(&stub, "BatchGetItem").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_are_split_and_what_is_left_out_is_sent_again() {
    let rounds = Arc::new(AtomicUsize::new(0));
    let (stub, options) = stub(move |request| {
        let is_first = rounds.fetch_add(1, Ordering::SeqCst) == 0;
        match operation(request) {
            "BatchGetItem" if is_first => {
                let key = r#"{"bucket":{"S":"b"},"key":{"S":"k"}}"#;
                StubAnswer::ok(format!(
                    r#"{{"UnprocessedKeys":{{"stub":{{"Keys":[{key}]}}}}}}"#
                ))
            }
            "BatchGetItem" => StubAnswer::ok(format!(r#"{{"Responses":{{"stub":[{SEVEN}]}}}}"#)),
            "BatchWriteItem" if request.body.contains("gone") => {
                let key = r#"{"bucket":{"S":"b"},"key":{"S":"left"}}"#;
                let delete = format!(r#"{{"DeleteRequest":{{"Key":{key}}}}}"#);
                StubAnswer::ok(format!(r#"{{"UnprocessedItems":{{"stub":[{delete}]}}}}"#))
            }
            "BatchWriteItem" => StubAnswer::ok("{}"),
            _ => error("ValidationException"),
        }
    });
    let store = store(&options).await;
    let bucket = open(&store, "b").await;
    let read = bucket.get_many(&["k"]).await.unwrap();
    assert_eq!(read[0].as_ref().unwrap().value, "7");
    let sent = asked(&stub, "BatchGetItem");
    assert_eq!(sent.len(), 2);
    has(&sent[1], &[r#""ConsistentRead":true"#, r#"{"S":"k"}"#]);
    let keys: Vec<String> = (0..60).map(|number| format!("k{number}")).collect();
    let entries = keys.iter().map(|key| (&**key, Bytes::from("v")));
    bucket.set_many(entries.collect()).await.unwrap();
    let sent = asked(&stub, "BatchWriteItem");
    let counts: Vec<_> = sent
        .iter()
        .map(|body| body.matches("PutRequest").count())
        .collect();
    assert_eq!(counts, [25, 25, 10]);
    bucket.delete_many(&["gone", "left"]).await.unwrap();
    let sent = asked(&stub, "BatchWriteItem");
    assert_eq!(sent.len(), 5, "{sent:?}");
    has(&sent[4], &[r#"{"S":"left"}"#]);
    let many: Vec<String> = (0..230).map(|number| format!("m{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    bucket.get_many(&many).await.unwrap();
    let sent = asked(&stub, "BatchGetItem");
    let most = sent
        .iter()
        .map(|body| body.matches(r#"{"S":"m"#).count())
        .max();
    assert_eq!(most, Some(100));
}

#[tokio::test(flavor = "multi_thread")]
async fn health_needs_a_write_and_changes_nothing() {
    let may_write = Arc::new(AtomicBool::new(true));
    let may = may_write.clone();
    let (stub, options) = stub(move |request| match operation(request) {
        "DeleteItem" if may.load(Ordering::SeqCst) => error("ConditionalCheckFailedException"),
        "DeleteItem" => error("AccessDeniedException"),
        _ => StubAnswer::ok("{}"),
    });
    let store = store(&options).await;
    store.health().await.unwrap();
    let sent = asked(&stub, "DeleteItem");
    assert_eq!(sent.len(), 1);
    has(&sent[0], &["#version = :version AND NOT (#ends <= :now)"]);
    may_write.store(false, Ordering::SeqCst);
    let health = store.health().await;
    assert!(matches!(health, Err(Error::AccessDenied(_))), "{health:?}");
}
