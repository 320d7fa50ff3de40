//! Buckets in the `JetStream` of another server, by its domain.

use futures::StreamExt as _;
use keywell_nats::{Caching, JetStreamOptions, JetStreamStore};
use keywell_servers::{Nats, Port};
use keywell_store::{
    Action, Change, Event, Filter, List, Set, Since, Store as _, Transacted, Transaction,
};
use serde_json::json;

use crate::place::{ask, client, open};

/// A server with a domain, and one that joins it as a leaf and has a domain of its own.
async fn hub_and_leaf() -> (Nats, Nats) {
    let port = Port::claim().unwrap();
    let addr = port.address();
    let hub = Nats::builder().domain("hub");
    let hub = hub.config(format!(
        "server_name: hub\nleafnodes {{ listen: \"{addr}\" }}"
    ));
    let hub = hub.start().await.unwrap();
    let leaf = Nats::builder().domain("leaf");
    let leaf = leaf.config(format!(
        "server_name: leaf\nleafnodes {{ remotes: [{{ url: \"nats://{addr}\" }}] }}"
    ));
    let leaf = leaf.start().await.unwrap();
    drop(port);
    (hub, leaf)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_in_the_domain_that_is_named() {
    let (hub, leaf) = hub_and_leaf().await;
    for cache in [Caching::Off, Caching::All] {
        let name = format!("b-{cache}");
        let mut options = JetStreamOptions::new([leaf.addr().to_string()]);
        options.domain = Some("hub".to_owned());
        options.cache = cache;
        let store = joined(&options).await;
        let bucket = open(&store, &name).await;
        let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
        bucket.set("k", "v".into(), Set::default()).await.unwrap();
        let event = watch.next().await.unwrap().unwrap();
        assert!(matches!(event, Event::Set { .. }), "{event:?}");
        let entry = bucket.get("k").await.unwrap().unwrap();
        assert_eq!(entry.value, "v");
        let set = Change::Set("w".into(), Set::default());
        let expected = keywell_store::Expected::At(entry.version);
        bucket.swap("k", expected, set.clone()).await.unwrap();
        assert_eq!(bucket.increment("n", 2).await.unwrap(), 2);
        let entries = ["a", "b"].map(|key| (key, "v".into()));
        bucket.set_many(entries.to_vec()).await.unwrap();
        let read = bucket.get_many(&["a", "none", "k"]).await.unwrap();
        assert_eq!(read.iter().flatten().count(), 2);
        let mut transaction = Transaction::default();
        for key in ["s", "t"] {
            transaction
                .write(&*bucket, key, Action::Change(set.clone()))
                .unwrap();
        }
        let done = transaction.run(&store).await.unwrap();
        assert!(matches!(done, Transacted::Done(_)), "{done:?}");
        bucket.delete_many(&["a", "n"]).await.unwrap();
        let page = bucket.list(List::default()).await.unwrap();
        assert_eq!(page.keys, ["b", "k", "s", "t"]);
        let inhabited = store.buckets().await.unwrap();
        assert!(inhabited.iter().any(|found| found.as_str() == name));

        // It is at the hub, and not at the leaf.
        let stream = format!("$JS.API.STREAM.INFO.KV_{name}");
        let there = ask(&client(&hub).await, &*stream, json!(null)).await;
        assert_eq!(there["config"]["name"], json!(format!("KV_{name}")));
        let here = ask(&client(&leaf).await, &*stream, json!(null)).await;
        assert_eq!(here["error"]["code"], json!(404), "{here}");
    }
}

#[tokio::test]
async fn a_domain_that_is_not_there_is_unavailable() {
    let server = Nats::builder().domain("hub").start().await.unwrap();
    let mut options = JetStreamOptions::new([server.addr().to_string()]);
    // Its own can be named, too.
    options.domain = Some("hub".to_owned());
    JetStreamStore::open(options.clone()).await.unwrap();
    options.domain = Some("other".to_owned());
    let error = JetStreamStore::open(options).await.unwrap_err();
    assert!(error.to_string().contains("JetStream"), "{error}");
}

/// Opens a store once the leaf has joined the hub.
async fn joined(options: &JetStreamOptions) -> JetStreamStore {
    let joining = async {
        loop {
            match JetStreamStore::open(options.clone()).await {
                Ok(store) => return store,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    };
    let store = tokio::time::timeout(std::time::Duration::from_secs(30), joining).await;
    store.expect("the leaf joins the hub")
}
