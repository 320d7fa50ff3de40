//! Streams of several shards, and what DynamoDB answers of what it no longer keeps.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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

/// The item that marks the beginning of a watch.
struct Mark {
    version: Mutex<String>,
    /// When its record was made, by the clock of the service, in seconds.
    created: u64,
}

// === impl Mark ===

impl Mark {
    /// One whose record will be so many seconds old.
    fn of_age(seconds: u64) -> Arc<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Arc::new(Self {
            version: Mutex::default(),
            created: now.as_secs() - seconds,
        })
    }

    fn is_written(&self) -> bool {
        !self.version.lock().is_empty()
    }

    fn record(&self, number: u32) -> String {
        let version = format!(r#""version":{{"B":"{}"}}"#, self.version.lock());
        let record = set(number, &"\u{10ffff}".repeat(256));
        let record = record.replace(r#""version":{"B":"dg=="}"#, &version);
        record.replace("1764000000", &self.created.to_string())
    }
}

const OTHER: &str = r#"{"ShardId":"old","SequenceNumberRange":{"StartingSequenceNumber":"1","EndingSequenceNumber":"9"}},
    {"ShardId":"other","ParentShardId":"old","SequenceNumberRange":{"StartingSequenceNumber":"10"}}"#;
const PARENT: &str = r#"{"ShardId":"parent","SequenceNumberRange":{"StartingSequenceNumber":"1"}}"#;
const ENDED: &str = r#"{"ShardId":"parent","SequenceNumberRange":{"StartingSequenceNumber":"1","EndingSequenceNumber":"9"}}"#;
const CHILDREN: &str = r#"{"ShardId":"left","ParentShardId":"parent","SequenceNumberRange":{"StartingSequenceNumber":"1"}},
    {"ShardId":"right","ParentShardId":"parent","SequenceNumberRange":{"StartingSequenceNumber":"1"}}"#;

fn described(status: &str, shards: &[&str]) -> StubAnswer {
    let shards = shards.join(",");
    StubAnswer::ok(format!(
        r#"{{"StreamDescription":{{"StreamStatus":"{status}","Shards":[{shards}]}}}}"#
    ))
}

fn records(records: &[String], next: Option<&str>) -> StubAnswer {
    let records = records.join(",");
    let next = next.map(|next| format!(r#","NextShardIterator":"{next}""#));
    let next = next.unwrap_or_default();
    StubAnswer::ok(format!(r#"{{"Records":[{records}]{next}}}"#))
}

/// A stream whose first shard ends and has two children; another shard stays.
fn split(request: &StubRequest, mark: &Mark) -> StubAnswer {
    let body = &*request.body;
    match operation(request) {
        "PutItem" => {
            between(body, r#""version":{"B":""#, "\"").clone_into(&mut mark.version.lock());
            StubAnswer::ok("{}")
        }
        "DescribeStream" if mark.is_written() => described("ENABLED", &[OTHER, PARENT, CHILDREN]),
        "DescribeStream" => described("ENABLED", &[OTHER, PARENT]),
        "GetShardIterator" => {
            let shard = between(body, r#""ShardId":""#, "\"");
            let is_at_end = body.contains(r#""SequenceNumber":"7""#);
            let turn = if is_at_end { "end" } else { "0" };
            StubAnswer::ok(format!(r#"{{"ShardIterator":"{shard} {turn}"}}"#))
        }
        "GetRecords" => match between(body, r#""ShardIterator":""#, "\"") {
            "parent 0" if !mark.is_written() => records(&[], Some("parent 0")),
            "parent 0" => records(
                &[set(4, "before"), mark.record(5), set(6, "a")],
                Some("parent 1"),
            ),
            "parent 1" => records(&[set(7, "b")], None),
            "parent end" => records(&[], None),
            "left 0" => records(&[collected(1, "a")], Some("left 1")),
            "right 0" => records(&[set(1, "c")], Some("right 1")),
            iterator => records(&[], Some(iterator)),
        },
        _ => StubAnswer::ok("{}"),
    }
}

async fn outcome(watch: &mut Watch) -> keywell_store::Result<Event> {
    let next = timeout(Duration::from_secs(30), watch.next()).await;
    next.expect("an event comes").expect("the watch goes on")
}

async fn next(watch: &mut Watch) -> Event {
    outcome(watch).await.unwrap()
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
    let mark = Mark::of_age(0);
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
    let begun = [
        "left AT_SEQUENCE_NUMBER 1".to_owned(),
        "right AT_SEQUENCE_NUMBER 1".to_owned(),
    ];
    let made = iterators(&stub);
    assert!(made.ends_with(&begun), "{made:?}");
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
    let mark = Mark::of_age(0);
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
    let mark = Mark::of_age(0);
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

#[tokio::test(flavor = "multi_thread")]
async fn children_that_are_listed_late_are_read() {
    let (mark, turns) = (Mark::of_age(0), AtomicUsize::new(0));
    let (_stub, options) = stub(move |request| match operation(request) {
        "DescribeStream" => match turns.fetch_add(1, Ordering::SeqCst) {
            0 => described("ENABLED", &[PARENT]),
            1 => described("ENABLED", &[ENDED]),
            _ => described("ENABLED", &[ENDED, CHILDREN]),
        },
        _ => split(request, &mark),
    });
    let bucket = open(&store(&options).await, "b").await;
    let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    let mut events = Vec::new();
    for _ in 0..4 {
        events.push(shown(&next(&mut watch).await));
    }
    events[2..].sort();
    assert_eq!(events, ["set a", "set b", "expired a", "set c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_begins_in_a_shard_that_ended_and_whose_children_are_listed_late() {
    let (mark, turns) = (Mark::of_age(0), AtomicUsize::new(0));
    let (_stub, options) = stub(move |request| match operation(request) {
        "DescribeStream" => match turns.fetch_add(1, Ordering::SeqCst) {
            0 => described("ENABLED", &[ENDED]),
            _ => described("ENABLED", &[ENDED, CHILDREN]),
        },
        "GetRecords" => match between(&request.body, r#""ShardIterator":""#, "\"") {
            "parent 0" => records(&[], None),
            "left 0" => records(
                &[set(1, "before"), mark.record(2), set(3, "a")],
                Some("left 1"),
            ),
            iterator => records(&[], Some(iterator)),
        },
        _ => split(request, &mark),
    });
    let bucket = open(&store(&options).await, "b").await;
    let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    assert_eq!(shown(&next(&mut watch).await), "set a");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_of_a_disabled_stream_delivers_its_last_events_and_ends() {
    let (mark, turns) = (Mark::of_age(0), AtomicUsize::new(0));
    let (_stub, options) = stub(move |request| match operation(request) {
        "DescribeStream" => match turns.fetch_add(1, Ordering::SeqCst) {
            0 => described("ENABLED", &[PARENT]),
            _ => described("DISABLED", &[ENDED]),
        },
        _ => split(request, &mark),
    });
    let bucket = open(&store(&options).await, "b").await;
    let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    for expected in ["set a", "set b"] {
        assert_eq!(shown(&next(&mut watch).await), expected);
    }
    let error = outcome(&mut watch).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error}");
    assert!(error.to_string().contains("disabled"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_shards_go_on_from_the_mark_by_the_clock_of_the_service() {
    let mark = Mark::of_age(100);
    let created = mark.created;
    let (stub, options) = stub(move |request| split(request, &mark));
    let bucket = open(&store(&options).await, "b").await;
    let watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    let token = watch.start().unwrap().clone();
    let resumed = bucket.watch(Filter::All, Since::After(token)).await;
    drop(resumed.unwrap());
    let asked = asked(&stub, "GetShardIterator");
    let times = asked.iter().filter_map(|body| {
        let (_, time) = body.split_once(r#""Timestamp":"#)?;
        let end = time.find([',', '}']).unwrap_or(time.len());
        Some(time[..end].to_owned())
    });
    assert_eq!(times.collect::<Vec<_>>(), [created.to_string()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_that_the_stream_no_longer_keeps_is_compacted() {
    let mark = Mark::of_age(25 * 60 * 60);
    let (_stub, options) = stub(move |request| split(request, &mark));
    let bucket = open(&store(&options).await, "b").await;
    let watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    let token = watch.start().unwrap().clone();
    let resumed = bucket.watch(Filter::All, Since::After(token)).await;
    let is_compacted = matches!(resumed, Err(Error::Invalid(Invalid::Compacted)));
    assert!(is_compacted, "{resumed:?}");
}
