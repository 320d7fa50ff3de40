//! What other programs do to a table, and what is at the limits of DynamoDB.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType,
};
use bytes::Bytes;
use keywell_dynamodb::{DynamoDbOptions, DynamoDbStore};
use keywell_store::{
    BucketName, Change, Error, Expected, Expires, Invalid, List, Set, Store as _, Swap,
};

use crate::place::{client, open, options, server, store};

/// The largest value that the store declares.
const LARGEST: usize = (400 << 10) - (2 << 10);

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

async fn refused(options: DynamoDbOptions) -> String {
    let opened = DynamoDbStore::open(options).await;
    opened.map(drop).unwrap_err().to_string()
}

#[tokio::test]
async fn a_missing_table_and_a_wrong_region_are_named() {
    let server = server().await;
    let mut missing = options(server.url());
    missing.create = false;
    let error = refused(missing.clone()).await;
    assert!(
        error.contains(&missing.table) && error.contains("`create`"),
        "{error}"
    );
    let there = options(server.url());
    store(&there).await;
    let elsewhere = DynamoDbOptions {
        region: Some("eu-west-1".to_owned()),
        create: false,
        ..there
    };
    let error = refused(elsewhere.clone()).await;
    assert!(
        error.contains(&elsewhere.table) && error.contains("region"),
        "{error}"
    );
}

#[tokio::test]
async fn a_table_of_another_shape_is_refused() {
    let server = server().await;
    let options = options(server.url());
    let definition = AttributeDefinition::builder()
        .attribute_name("id")
        .attribute_type(ScalarAttributeType::N);
    let key = KeySchemaElement::builder()
        .attribute_name("id")
        .key_type(KeyType::Hash);
    client(server.url())
        .create_table()
        .table_name(&options.table)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(definition.build().unwrap())
        .key_schema(key.build().unwrap())
        .send()
        .await
        .unwrap();
    let error = refused(options).await;
    assert!(
        error.contains("its key is id (N, HASH), not bucket (S, HASH)"),
        "{error}"
    );
}

#[tokio::test]
async fn a_table_that_goes_is_an_error_that_names_it() {
    let server = server().await;
    let options = options(server.url());
    let store = store(&options).await;
    let bucket = open(&store, "b").await;
    let client = client(server.url());
    client
        .delete_table()
        .table_name(&options.table)
        .send()
        .await
        .unwrap();
    for answered in [
        bucket.get("k").await.map(drop),
        bucket.set("k", "v".into(), Set::default()).await.map(drop),
        store.health().await,
    ] {
        let error = answered.unwrap_err();
        assert!(matches!(error, Error::Unavailable(_)), "{error}");
        assert!(error.to_string().contains(&options.table), "{error}");
    }
}

#[tokio::test]
async fn values_are_plain_attributes_of_items() {
    let server = server().await;
    let options = options(server.url());
    let store = store(&options).await;
    let bucket = open(&store, "café").await;
    let hour = Set::expiring(Duration::from_hours(1)).unwrap();
    bucket.set("k/é", "plain".into(), hour).await.unwrap();
    let client = client(server.url());
    let found = client
        .get_item()
        .table_name(&options.table)
        .key("bucket", text("café"))
        .key("key", text("k/é"))
        .send()
        .await
        .unwrap();
    let item = found.item.unwrap();
    assert_eq!(item["value"], AttributeValue::B(Blob::new("plain")));
    let number = |name: &str| -> u64 { item[name].as_n().unwrap().parse().unwrap() };
    assert_eq!(number("ttl"), number("ends").div_ceil(1000));
    assert_eq!(item["version"].as_b().unwrap().as_ref().len(), 16);
    assert_eq!(item.len(), 6);
    bucket.increment("n", -42).await.unwrap();
    assert_eq!(bucket.get("n").await.unwrap().unwrap().value, "-42");
}

#[tokio::test]
async fn an_item_in_another_form_is_an_error_and_can_be_replaced() {
    let server = server().await;
    let options = options(server.url());
    let store = store(&options).await;
    let bucket = open(&store, "b").await;
    let client = client(server.url());
    let version = ("version", AttributeValue::B(Blob::new("v")));
    let value = ("value", AttributeValue::B(Blob::new("v")));
    let forms: [&[(&str, AttributeValue)]; 6] = [
        &[],
        std::slice::from_ref(&value),
        std::slice::from_ref(&version),
        &[("value", text("text")), version.clone()],
        &[
            ("value", AttributeValue::N("7".to_owned())),
            version.clone(),
        ],
        &[value.clone(), version.clone(), ("ends", text("tomorrow"))],
    ];
    for form in forms {
        let put = async || {
            let mut put = client.put_item().table_name(&options.table);
            put = put.item("bucket", text("b")).item("key", text("alien"));
            for (name, attribute) in form {
                put = put.item(*name, attribute.clone());
            }
            put.send().await.unwrap();
        };
        put().await;
        for answered in [
            bucket.get("alien").await.map(drop),
            bucket.get_many(&["alien"]).await.map(drop),
            bucket.increment("alien", 1).await.map(drop),
        ] {
            let error = answered.unwrap_err();
            assert!(matches!(error, Error::Corrupt(_)), "{form:?}: {error}");
            assert!(error.to_string().contains("alien"), "{error}");
        }
        assert!(bucket.exists("alien").await.unwrap());
        assert_eq!(bucket.list(List::default()).await.unwrap().keys, ["alien"]);
        let absent = bucket.swap("alien", Expected::Absent, Change::Delete).await;
        assert_eq!(absent.unwrap(), Swap::Stale);
        bucket
            .set("alien", "ours".into(), Set::default())
            .await
            .unwrap();
        let entry = bucket.get("alien").await.unwrap().unwrap();
        assert_eq!(
            (&entry.value[..], entry.expires),
            (&b"ours"[..], Expires::Never)
        );
        put().await;
        bucket.delete("alien").await.unwrap();
        assert!(!bucket.exists("alien").await.unwrap());
    }
    // An empty version is one as any other.
    let item = HashMap::from([
        ("bucket".to_owned(), text("b")),
        ("key".to_owned(), text("empty")),
        ("value".to_owned(), AttributeValue::B(Blob::new("v"))),
        ("version".to_owned(), AttributeValue::B(Blob::new(""))),
    ]);
    let put = client.put_item().table_name(&options.table);
    put.set_item(Some(item)).send().await.unwrap();
    assert_eq!(bucket.get("empty").await.unwrap().unwrap().value, "v");
    assert_eq!(
        store.buckets().await.unwrap(),
        [BucketName::parse("b").unwrap()]
    );
}

#[tokio::test]
async fn keys_are_as_long_as_dynamodb_takes_and_no_longer() {
    let store = store(&options(server().await.url())).await;
    let bucket = open(&store, &"ü".repeat(127)).await;
    for key in ["k".repeat(1024), "🗝".repeat(256), "\0".to_owned()] {
        bucket.set(&key, "v".into(), Set::default()).await.unwrap();
        assert_eq!(bucket.get(&key).await.unwrap().unwrap().value, "v");
        let page = bucket.list(List::default()).await.unwrap();
        assert_eq!(page.keys, [&*key]);
        bucket.delete(&key).await.unwrap();
    }
    for key in ["k".repeat(1025), "🗝".repeat(1024)] {
        let set = bucket.set(&key, "v".into(), Set::default()).await;
        let is_long =
            |error: Error| matches!(error, Error::Invalid(Invalid::KeyTooLong { max: 1024, .. }));
        assert!(is_long(set.unwrap_err()));
        assert!(is_long(bucket.increment(&key, 1).await.unwrap_err()));
        assert_eq!(bucket.get(&key).await.unwrap(), None);
        assert!(!bucket.exists(&key).await.unwrap());
        assert_eq!(bucket.get_many(&[&key]).await.unwrap(), vec![None]);
    }
    // By this key, watches mark their beginning.
    let last = "\u{10ffff}".repeat(256);
    let set = bucket.set(&last, "v".into(), Set::default()).await;
    assert!(
        matches!(set, Err(Error::Invalid(Invalid::KeyCharacter(_)))),
        "{set:?}"
    );
}

#[tokio::test]
async fn a_value_at_the_limit_is_written_and_one_byte_more_is_not() {
    let store = store(&options(server().await.url())).await;
    // All that an item can have besides its value.
    let bucket = open(&store, &"ü".repeat(127)).await;
    let key = "k".repeat(1024);
    let year = Set::expiring(Set::MAX_TTL).unwrap();
    let value = Bytes::from(vec![7; LARGEST]);
    bucket.set(&key, value.clone(), year).await.unwrap();
    assert_eq!(bucket.get(&key).await.unwrap().unwrap().value, value);
    let larger = Bytes::from(vec![8; LARGEST + 1]);
    let many = vec![("other", "v".into()), (&*key, larger.clone())];
    for refused in [
        bucket.set(&key, larger, year).await.map(drop),
        bucket.set_many(many).await,
    ] {
        let is_large = matches!(
            refused,
            Err(Error::Invalid(Invalid::ValueTooLarge { max: LARGEST, .. }))
        );
        assert!(is_large, "{refused:?}");
    }
    assert_eq!(bucket.get(&key).await.unwrap().unwrap().value, value);
    assert!(!bucket.exists("other").await.unwrap());
    // A page has what DynamoDB reads at once, and the next ones the rest.
    for number in 0..4 {
        let set = bucket.set(&format!("large-{number}"), value.clone(), Set::default());
        set.await.unwrap();
    }
    let (mut keys, mut request) = (Vec::new(), List::default());
    loop {
        let page = bucket.list(request.clone()).await.unwrap();
        keys.extend(page.keys);
        request.cursor = page.cursor;
        if request.cursor.is_none() {
            break;
        }
    }
    assert_eq!(keys.len(), 5);
    assert!(keys.is_sorted());
}

#[tokio::test]
async fn buckets_are_found_among_many_keys() {
    let store = store(&options(server().await.url())).await;
    let names = ["a", "b/c", "default", "é"];
    for name in names {
        let bucket = open(&store, name).await;
        let keys: Vec<String> = (0..30).map(|number| format!("k{number}")).collect();
        let entries = keys.iter().map(|key| (&**key, Bytes::from("v")));
        bucket.set_many(entries.collect()).await.unwrap();
    }
    let gone = open(&store, "gone").await;
    let soon = Set::expiring(Duration::from_millis(1)).unwrap();
    gone.set("k", "v".into(), soon).await.unwrap();
    while gone.exists("k").await.unwrap() {}
    let found = store.buckets().await.unwrap();
    let found: Vec<&str> = found.iter().map(BucketName::as_str).collect();
    assert_eq!(found, names);
}
