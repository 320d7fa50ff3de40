//! What stands in the container, as other programs see it, what they write there, and what is sent.

use std::time::Duration;

use azure_core::credentials::Secret;
use azure_data_cosmos::options::{BinaryEncodingOptions, ConnectionPoolOptions};
use azure_data_cosmos::{
    AccountReference, ContainerClient, CosmosClient, CosmosRuntime, RoutingStrategy,
};
use bytes::Bytes;
use keywell_cosmos::{CosmosOptions, names};
use keywell_servers::Cosmos;
use keywell_store::{
    Action, BucketName, Change, Error, Expected, Invalid, List, Set, Store as _, Transacted,
    Transaction,
};
use serde_json::{Value, json};

use crate::place::{open, options, server, store};

const VALUE: Bytes = Bytes::from_static(b"v");

/// Another program's client.
async fn client(options: &CosmosOptions) -> ContainerClient {
    let endpoint = format!("http://{}/", options.host).parse().unwrap();
    let account = AccountReference::with_authentication_key(endpoint, Secret::from("a2V5"));
    let pool = ConnectionPoolOptions::builder().with_is_http2_allowed(false);
    let runtime = CosmosRuntime::builder().with_connection_pool(pool.build().unwrap());
    let client = CosmosClient::builder()
        .with_runtime(runtime.build().await.unwrap())
        .with_binary_encoding_options(BinaryEncodingOptions::new().with_enabled(false))
        .build(account, RoutingStrategy::PreferredRegions(Vec::new()));
    let client = Box::pin(client).await.unwrap();
    let database = client.database_client(options.database.clone());
    let container = database.container_client(options.container.clone(), None);
    Box::pin(container).await.unwrap()
}

async fn read(client: &ContainerClient, bucket: &str, key: &str) -> Value {
    let id = names::id(key);
    let read = client.read_item(bucket.to_owned(), &id, None);
    Box::pin(read).await.unwrap().into_model().unwrap()
}

#[tokio::test]
async fn documents_are_as_the_page_about_stores_says() {
    let options = options(server());
    let store = store(&options).await;
    let client = client(&options).await;
    let bucket = open(&store, "orders").await;
    let minute = Set::expiring(Duration::from_mins(1)).unwrap();
    bucket.set("user/42", "value".into(), minute).await.unwrap();
    let document = read(&client, "orders", "user/42").await;
    assert_eq!(document["id"], "SMC_RXwoBV");
    assert_eq!(document["bucket"], "orders");
    assert_eq!(document["data"], "dmFsdWU=");
    assert_eq!(document["ttl"], 61);
    assert!(document["expires"].is_u64());
    let first = document["op"].clone();
    bucket
        .set("user/42", "value".into(), Set::default())
        .await
        .unwrap();
    let document = read(&client, "orders", "user/42").await;
    assert_ne!(document["op"], first, "each write has a mark of its own");
    assert!(document.get("ttl").is_none() && document.get("expires").is_none());
    bucket.delete("user/42").await.unwrap();
    let document = read(&client, "orders", "user/42").await;
    assert_eq!(
        (&document["gone"], document.get("data")),
        (&json!(true), None)
    );
    assert_eq!(document["ttl"], 7 * 24 * 3600 + 1);
}

#[tokio::test]
async fn what_another_program_wrote_in_another_form_is_refused_and_replaced() {
    let options = options(server());
    let store = store(&options).await;
    let client = client(&options).await;
    let bucket = open(&store, "b").await;
    bucket.set("k", VALUE, Set::default()).await.unwrap();
    for foreign in [
        json!({"id": names::id("n"), "bucket": "b", "name": "Ann"}),
        json!({"id": "not a key", "bucket": "b", "data": 7}),
    ] {
        let id = foreign["id"].as_str().unwrap().to_owned();
        let created = client.create_item("b", &id, foreign, None);
        Box::pin(created).await.unwrap();
    }
    for ended in [
        bucket.get("n").await.map(drop),
        bucket.increment("n", 1).await.map(drop),
    ] {
        assert!(matches!(ended, Err(Error::Corrupt(_))), "{ended:?}");
    }
    let mut transaction = Transaction::default();
    transaction
        .write(&*bucket, "n", Action::Increment(1))
        .unwrap();
    transaction
        .write(&*bucket, "k", Action::Increment(1))
        .unwrap();
    let ended = transaction.run(&store).await;
    assert!(matches!(ended, Err(Error::Corrupt(_))), "{ended:?}");
    let listed = bucket.list(List::default()).await.unwrap();
    assert_eq!(listed.keys, ["k", "n"]);
    bucket.set("n", "1".into(), Set::default()).await.unwrap();
    assert_eq!(bucket.increment("n", 1).await.unwrap(), 2);
    // A plain document of another program is a value.
    let plain = json!({"id": names::id("plain"), "bucket": "b", "data": "NDE="});
    let id = names::id("plain");
    let created = client.create_item("b", &id, plain, None);
    Box::pin(created).await.unwrap();
    assert_eq!(bucket.increment("plain", 1).await.unwrap(), 42);
}

#[tokio::test]
async fn keys_and_values_at_the_limits_are_taken() {
    let store = store(&options(server())).await;
    // Quotes take two bytes each in JSON.
    let bucket = open(&store, &"\"".repeat(255)).await;
    let declared = bucket.capabilities();
    let longest = "🗝".repeat(declared.key_bytes / 4) + "key";
    assert_eq!(longest.len(), declared.key_bytes);
    let largest: Bytes = vec![7; declared.value_bytes].into();
    let hour = Set::expiring(Duration::from_hours(1)).unwrap();
    bucket.set(&longest, largest.clone(), hour).await.unwrap();
    let batch = vec![(&*longest, largest.clone()), ("k", largest.clone())];
    bucket.set_many(batch).await.unwrap();
    let entry = bucket.get(&longest).await.unwrap().unwrap();
    assert_eq!(entry.value, largest);
    let past: Bytes = vec![7; declared.value_bytes + 1].into();
    let refused = bucket.set("past", past.clone(), Set::default()).await;
    let is_large = |ended: &Error| matches!(ended, Error::Invalid(Invalid::ValueTooLarge { .. }));
    assert!(is_large(&refused.unwrap_err()));
    let refused = bucket
        .set_many(vec![("before", VALUE), ("past", past)])
        .await;
    assert!(is_large(&refused.unwrap_err()));
    assert!(!bucket.exists("before").await.unwrap());
    let many = "🗝".repeat(1024);
    let refused = bucket.set(&many, VALUE, Set::default()).await.unwrap_err();
    let is_long = matches!(refused, Error::Invalid(Invalid::KeyTooLong { .. }));
    assert!(is_long, "{refused}");
    assert!(bucket.get(&many).await.unwrap().is_none());
    // A transaction of as many documents and bytes as are declared.
    let mut transaction = Transaction::default();
    for number in 0..100 {
        let key = format!("{number:0>width$}", width = declared.key_bytes);
        let value: Bytes = vec![7; (1 << 20) / 100 - declared.key_bytes].into();
        let change = Change::Set(value, hour);
        transaction
            .write(&*bucket, &key, Action::Change(change))
            .unwrap();
    }
    let done = transaction.run(&store).await.unwrap();
    assert!(matches!(done, Transacted::Done(_)));
}

#[tokio::test]
async fn an_absent_key_that_is_not_written_is_not_checked() {
    let store = store(&options(server())).await;
    let bucket = open(&store, "b").await;
    bucket.set("deleted", VALUE, Set::default()).await.unwrap();
    bucket.delete("deleted").await.unwrap();
    for absent in ["none", "deleted"] {
        let mut transaction = Transaction::default();
        let change = Change::Set(VALUE, Set::default());
        transaction
            .check(&*bucket, absent, Expected::Absent)
            .unwrap();
        transaction
            .write(&*bucket, "k", Action::Change(change))
            .unwrap();
        let refused = transaction.run(&store).await;
        assert!(matches!(refused, Err(Error::Unsupported(_))), "{refused:?}");
    }
    assert!(!bucket.exists("k").await.unwrap());
}

#[tokio::test]
async fn buckets_are_those_that_have_keys() {
    let store = store(&options(server())).await;
    for name in ["%", "a", "a/b", "\"'; --", "deleted", "é"] {
        let bucket = open(&store, name).await;
        bucket.set("k", VALUE, Set::default()).await.unwrap();
    }
    open(&store, "deleted").await.delete("k").await.unwrap();
    let found = store.buckets().await.unwrap();
    let found: Vec<_> = found.iter().map(BucketName::as_str).collect();
    assert_eq!(found, ["\"'; --", "%", "a", "a/b", "é"]);
}

#[tokio::test]
async fn text_of_a_caller_is_in_parameters_alone() {
    let server = Cosmos::start().unwrap();
    let store = store(&options(&server)).await;
    let bucket = open(&store, "b").await;
    let hostile = "x\" OR 1=1 --'";
    bucket.set(hostile, VALUE, Set::default()).await.unwrap();
    bucket.set("other", VALUE, Set::default()).await.unwrap();
    let before = server.requests().len();
    let request = List {
        prefix: "x\" OR".to_owned(),
        ..List::default()
    };
    let page = bucket.list(request).await.unwrap();
    assert_eq!(page.keys, [hostile]);
    let requests = server.requests();
    let queries: Vec<Value> = requests[before..]
        .iter()
        .filter_map(|request| serde_json::from_slice(&request.body).ok())
        .collect();
    assert!(!queries.is_empty());
    for query in queries {
        let text = query["query"].as_str().unwrap();
        assert!(!text.contains("OR 1") && text.contains("@from"), "{text}");
        assert!(query["parameters"].as_array().unwrap().len() >= 3);
    }
}

#[tokio::test]
async fn a_swap_sends_the_etag_and_a_creation_none() {
    let server = Cosmos::start().unwrap();
    let store = store(&options(&server)).await;
    let bucket = open(&store, "b").await;
    let change = || Change::Set(VALUE, Set::default());
    bucket.swap("k", Expected::Absent, change()).await.unwrap();
    let entry = bucket.get("k").await.unwrap();
    bucket
        .swap("k", Expected::from(entry.as_ref()), change())
        .await
        .unwrap();
    let requests = server.requests();
    let writes: Vec<_> = requests
        .iter()
        .filter(|request| request.method != "GET")
        .collect();
    let [created, replaced] = &writes[..] else {
        panic!("{writes:?}")
    };
    assert_eq!(
        (created.method.as_str(), created.header("if-match")),
        ("POST", None)
    );
    let is_upsert = created.header("x-ms-documentdb-is-upsert");
    assert!(is_upsert.is_none_or(|value| !value.eq_ignore_ascii_case("true")));
    assert_eq!(replaced.method, "PUT");
    assert!(
        replaced
            .header("if-match")
            .is_some_and(|etag| etag.len() > 2)
    );
    let pinned = replaced.header("x-ms-documentdb-partitionkey");
    assert_eq!(pinned, Some("[\"b\"]"));
}
