//! Streams of several shards, and what DynamoDB answers of what it no longer keeps.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use keywell_servers::{Stub, StubAnswer, StubRequest};
use keywell_store::{Error, Event, Filter, Invalid, Since, Watch};
use parking_lot::Mutex;
use tokio::time::timeout;

use crate::place::open;
use crate::recorder::{asked, error, operation, store, stub};

/// The text between two others.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text.split_once(before).map_or("", |(_, rest)| rest);
    rest.split_once(after).map_or("", |(found, _)| found)
}

fn record(number: u32, key: &str, image: &str, kind: &str, more: &str) -> String {
    format!(
        r#"{{"eventName":"{kind}","dynamodb":{{"ApproximateCreationDateTime":1764000000,
        "Keys":{{"bucket":{{"S":"b"}},"key":{{"S":"{key}"}}}},
        "SequenceNumber":"{number}",{image}}}{more}}}"#
    )
}

fn set(number: u32, key: &str) -> String {
    let image = r#""NewImage":{"bucket":{"S":"b"},"key":{"S":"K"},"value":{"B":"dg=="},"version":{"B":"dg=="}}"#;
    record(number, key, &image.replace('K', key), "MODIFY", "")
}

/// What DynamoDB says when it deletes an item whose time to live has ended.
fn collected(number: u32, key: &str) -> String {
    let image = r#""OldImage":{"bucket":{"S":"b"},"key":{"S":"K"},"ends":{"N":"1763999999000"}}"#;
    let more = r#","userIdentity":{"Type":"Service","PrincipalId":"dynamodb.amazonaws.com"}"#;
    record(number, key, &image.replace('K', key), "REMOVE", more)
}

/// A stream whose first shard ends and has two children; another shard stays.
fn split(request: &StubRequest, mark: &Mutex<String>) -> StubAnswer {
    let body = &*request.body;
    match operation(request) {
        "PutItem" => {
            between(body, r#""version":{"B":""#, "\"").clone_into(&mut mark.lock());
            StubAnswer::ok("{}")
        }
        "DescribeStream" => {
            // The parent ends once its records are read.
            let shards = r#"{"ShardId":"other","SequenceNumberRange":{"StartingSequenceNumber":"1"}},
                {"ShardId":"old","SequenceNumberRange":{"StartingSequenceNumber":"1","EndingSequenceNumber":"9"}},
                {"ShardId":"parent","SequenceNumberRange":{"StartingSequenceNumber":"1"}}"#;
            let children = if mark.lock().is_empty() {
                ""
            } else {
                r#",{"ShardId":"left","ParentShardId":"parent"},{"ShardId":"right","ParentShardId":"parent"}"#
            };
            StubAnswer::ok(format!(
                r#"{{"StreamDescription":{{"Shards":[{shards}{children}]}}}}"#
            ))
        }
        "GetShardIterator" => {
            let shard = between(body, r#""ShardId":""#, "\"");
            StubAnswer::ok(format!(r#"{{"ShardIterator":"{shard} 0"}}"#))
        }
        "GetRecords" => {
            let iterator = between(body, r#""ShardIterator":""#, "\"");
            let (shard, turn) = iterator.split_once(' ').unwrap_or_default();
            let mark = mark.lock().clone();
            let last = "\u{10ffff}".repeat(256);
            let marked = set(5, &last).replace(
                r#""version":{"B":"dg=="}"#,
                &format!(r#""version":{{"B":"{mark}"}}"#),
            );
            let (records, next) = match (shard, turn) {
                ("parent", "0") if mark.is_empty() => (vec![], Some("0")),
                ("parent", "0") => (vec![set(4, "before"), marked, set(6, "a")], Some("1")),
                ("parent", _) => (vec![set(7, "b")], None),
                ("left", "0") => (vec![collected(1, "a")], Some("1")),
                ("right", "0") => (vec![set(1, "c")], Some("1")),
                _ => (vec![], Some("1")),
            };
            let next = next.map(|turn| format!(r#","NextShardIterator":"{shard} {turn}""#));
            StubAnswer::ok(format!(
                r#"{{"Records":[{}]{}}}"#,
                records.join(","),
                next.unwrap_or_default()
            ))
        }
        _ => StubAnswer::ok("{}"),
    }
}

async fn next(watch: &mut Watch) -> Event {
    let next = timeout(Duration::from_secs(30), watch.next()).await;
    next.expect("an event comes").unwrap().unwrap()
}

fn shown(event: &Event) -> String {
    match event {
        Event::Set { key, .. } => format!("set {key}"),
        Event::Delete { key, expired, .. } if *expired => format!("expired {key}"),
        other => format!("{other:?}"),
    }
}

fn iterators(stub: &Stub) -> Vec<String> {
    let asked = asked(stub, "GetShardIterator");
    let shown = asked.iter().map(|body| {
        let part = |name: &str| between(body, &format!(r#""{name}":""#), "\"").to_owned();
        let time = between(body, r#""Timestamp":"#, ",");
        let time = if time.is_empty() {
            between(body, r#""Timestamp":"#, "}")
        } else {
            time
        };
        let time = if time.is_empty() { "" } else { "at a time" };
        format!(
            "{} {} {}{time}",
            part("ShardId"),
            part("ShardIteratorType"),
            part("SequenceNumber")
        )
    });
    shown.map(|line| line.trim_end().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn children_of_a_shard_are_read_after_it_and_a_token_has_the_place_in_each() {
    let mark = Arc::new(Mutex::new(String::new()));
    let (stub, options) = stub(move |request| split(request, &mark));
    let store = store(&options).await;
    let bucket = open(&store, "b").await;
    let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    assert_eq!(iterators(&stub), ["other LATEST", "parent LATEST"]);
    let mut events = Vec::new();
    for _ in 0..4 {
        events.push(next(&mut watch).await);
    }
    let mut shown: Vec<String> = events.iter().map(shown).collect();
    assert_eq!(shown[..2], ["set a", "set b"]);
    shown[2..].sort();
    assert_eq!(shown[2..], ["expired a", "set c"]);
    for (token, expected) in [
        (
            watch.start(),
            [
                "other AT_TIMESTAMP at a time",
                "parent AFTER_SEQUENCE_NUMBER 5",
            ],
        ),
        (
            events[0].token(),
            [
                "other AT_TIMESTAMP at a time",
                "parent AFTER_SEQUENCE_NUMBER 6",
            ],
        ),
    ] {
        let before = iterators(&stub).len();
        let token = token.unwrap().clone();
        drop(
            bucket
                .watch(Filter::All, Since::After(token))
                .await
                .unwrap(),
        );
        assert_eq!(iterators(&stub)[before..], expected);
    }
    let before = iterators(&stub).len();
    let token = events[3].token().unwrap().clone();
    drop(
        bucket
            .watch(Filter::All, Since::After(token))
            .await
            .unwrap(),
    );
    let behind = [
        "left AFTER_SEQUENCE_NUMBER 1",
        "other AT_TIMESTAMP at a time",
        "right AFTER_SEQUENCE_NUMBER 1",
    ];
    assert_eq!(iterators(&stub)[before..], behind);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_stream_no_longer_keeps_is_compacted() {
    let mark = Arc::new(Mutex::new(String::new()));
    let trimmed = Arc::new(Mutex::new(None::<&'static str>));
    let what = trimmed.clone();
    let (_stub, options) = stub(move |request| match *what.lock() {
        Some(name) if operation(request) == name => error("TrimmedDataAccessException"),
        _ => split(request, &mark),
    });
    let store = store(&options).await;
    let bucket = open(&store, "b").await;
    let watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    let token = watch.start().unwrap().clone();
    *trimmed.lock() = Some("GetShardIterator");
    let resumed = bucket.watch(Filter::All, Since::After(token.clone())).await;
    let is_compacted = |error: &Error| matches!(error, Error::Invalid(Invalid::Compacted));
    assert!(resumed.is_err_and(|error| is_compacted(&error)));
    *trimmed.lock() = Some("GetRecords");
    let mut resumed = bucket
        .watch(Filter::All, Since::After(token))
        .await
        .unwrap();
    let next = timeout(Duration::from_secs(30), resumed.next())
        .await
        .unwrap();
    assert!(next.unwrap().is_err_and(|error| is_compacted(&error)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_iterator_that_is_too_old_is_made_again() {
    let mark = Arc::new(Mutex::new(String::new()));
    let is_old = Arc::new(Mutex::new(false));
    let old = is_old.clone();
    let (stub, options) = stub(move |request| {
        if operation(request) == "GetRecords" && std::mem::take(&mut *old.lock()) {
            return error("ExpiredIteratorException");
        }
        split(request, &mark)
    });
    let store = store(&options).await;
    let bucket = open(&store, "b").await;
    let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    let before = iterators(&stub).len();
    *is_old.lock() = true;
    for expected in ["set a", "set b", "expired a"] {
        assert_eq!(shown(&next(&mut watch).await), expected);
    }
    let made = &iterators(&stub)[before..];
    let again = "other AT_TIMESTAMP at a time".to_owned();
    assert!(made.contains(&again), "{made:?}");
}
