//! Watches on an emulator's stream: what is delivered of ends of times to live, and what is left out.

use std::time::Duration;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, StreamSpecification, StreamViewType};
use bytes::Bytes;
use futures::StreamExt as _;
use keywell_store::{
    BucketName, Error, Event, Filter, Invalid, List, Set, Since, Store as _, Watch, Watching,
};
use tokio::time::timeout;

use crate::place::{client, open, options, server, store};

const VALUE: Bytes = Bytes::from_static(b"v");

async fn next(watch: &mut Watch) -> Event {
    let next = timeout(Duration::from_secs(30), watch.next()).await;
    next.expect("an event comes").unwrap().unwrap()
}

fn shown(event: &Event) -> String {
    match event {
        Event::Set { key, .. } => format!("set {key}"),
        Event::Delete { key, expired, .. } if *expired => format!("expired {key}"),
        Event::Delete { key, .. } => format!("deleted {key}"),
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn an_end_and_a_deletion_are_distinguished_and_forms_of_others_left_out() {
    let server = server().await;
    let options = options(server.url());
    let store = store(&options).await;
    let bucket = open(&store, "b").await;
    let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    let client = client(server.url());
    let put = async |key: &str, ends: Option<&str>| {
        let bytes = |text: &str| AttributeValue::B(Blob::new(text));
        let mut put = client
            .put_item()
            .table_name(&options.table)
            .item("bucket", AttributeValue::S("b".to_owned()))
            .item("key", AttributeValue::S(key.to_owned()))
            .item("value", bytes("v"));
        if let Some(ends) = ends {
            put = put.item("version", bytes("v"));
            put = put.item("ends", AttributeValue::N(ends.to_owned()));
        }
        put.send().await.unwrap();
    };
    // Another program wrote it; its time ended long ago.
    put("ended", Some("1000")).await;
    // A batch deletes also what has ended, and a deletion does not.
    bucket.delete("ended").await.unwrap();
    bucket.delete_many(&["ended"]).await.unwrap();
    put("alien", None).await;
    bucket.set("k", VALUE, Set::default()).await.unwrap();
    bucket.delete("absent").await.unwrap();
    bucket.delete("k").await.unwrap();
    let expected = ["set ended", "expired ended", "set k", "deleted k"];
    for expected in expected {
        assert_eq!(shown(&next(&mut watch).await), expected);
    }
}

#[tokio::test]
async fn the_mark_of_a_watch_is_nowhere_to_be_seen() {
    let store = store(&options(server().await.url())).await;
    let bucket = open(&store, "b").await;
    let first = bucket.watch(Filter::All, Since::Now).await.unwrap();
    let mut second = bucket.watch(Filter::All, Since::Now).await.unwrap();
    assert!(store.buckets().await.unwrap().is_empty());
    assert_eq!(bucket.list(List::default()).await.unwrap().keys.len(), 0);
    bucket.set("k", VALUE, Set::default()).await.unwrap();
    assert_eq!(shown(&next(&mut second).await), "set k");
    let token = first.start().unwrap().clone();
    let mut resumed = bucket
        .watch(Filter::All, Since::After(token))
        .await
        .unwrap();
    assert_eq!(shown(&next(&mut resumed).await), "set k");
    assert_eq!(
        store.buckets().await.unwrap(),
        [BucketName::parse("b").unwrap()]
    );
}

#[tokio::test]
async fn a_table_without_a_stream_of_both_images_is_not_watched() {
    let server = server().await;
    for view in [
        None,
        Some(StreamViewType::KeysOnly),
        Some(StreamViewType::NewImage),
    ] {
        let options = options(server.url());
        store(&options).await;
        let client = client(server.url());
        let change = async |stream: StreamSpecification| {
            let change = client.update_table().table_name(&options.table);
            change.stream_specification(stream).send().await.unwrap();
        };
        let off = StreamSpecification::builder()
            .stream_enabled(false)
            .build()
            .unwrap();
        change(off).await;
        if let Some(view) = view {
            let stream = StreamSpecification::builder().stream_enabled(true);
            change(stream.stream_view_type(view).build().unwrap()).await;
        }
        let bucket = open(&store(&options).await, "b").await;
        assert_eq!(bucket.capabilities().watch, Watching::None);
        let watch = bucket.watch(Filter::All, Since::Now).await;
        assert!(matches!(watch, Err(Error::Unsupported(_))), "{watch:?}");
    }
}

#[tokio::test]
async fn a_token_of_an_earlier_stream_is_compacted() {
    let server = server().await;
    let options = options(server.url());
    let bucket = open(&store(&options).await, "b").await;
    let watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    let token = watch.start().unwrap().clone();
    let client = client(server.url());
    for is_on in [false, true] {
        let mut stream = StreamSpecification::builder().stream_enabled(is_on);
        if is_on {
            stream = stream.stream_view_type(StreamViewType::NewAndOldImages);
        }
        let change = client.update_table().table_name(&options.table);
        let change = change.stream_specification(stream.build().unwrap());
        change.send().await.unwrap();
    }
    let bucket = open(&store(&options).await, "b").await;
    let resumed = bucket.watch(Filter::All, Since::After(token)).await;
    let is_compacted = matches!(resumed, Err(Error::Invalid(Invalid::Compacted)));
    assert!(is_compacted, "{resumed:?}");
}
