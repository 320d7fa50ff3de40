//! What a server is too old for. `KEYWELL_NATS_SERVER` names an older one.

use std::time::Duration;

use bytes::Bytes;
use keywell_store::{Action, Batching, Change, Error, Set, Transacted, Transacting, Transaction};

use crate::place::{client, open, server, store};

#[tokio::test]
async fn what_a_server_is_too_old_for_is_unsupported() {
    let server = server().await;
    let version = client(&server).await.server_info().version;
    let mut numbers = version.split('.').map(|part| part.parse().unwrap_or(0));
    let version: (u32, u32) = (numbers.next().unwrap(), numbers.next().unwrap());
    let (has_ttl, has_batches) = (version >= (2, 11), version >= (2, 12));
    println!("NATS {version:?}: ttl {has_ttl}, batches {has_batches}");

    let store = store(&server).await;
    let bucket = open(&store, "b").await;
    let declared = bucket.capabilities();
    assert_eq!(declared.ttl, has_ttl);
    assert_eq!(declared.batch == Batching::Atomic, has_batches);
    assert_eq!(declared.transact != Transacting::None, has_batches);

    let expiring = Set::expiring(Duration::from_mins(1)).unwrap();
    let set = bucket.set("k", Bytes::from_static(b"v"), expiring).await;
    match set {
        Ok(_) => assert!(has_ttl),
        Err(error) => {
            assert!(
                !has_ttl && matches!(error, Error::Unsupported("a time to live")),
                "{error}"
            );
        }
    }
    let mut transaction = Transaction::default();
    let change = Change::Set(Bytes::from_static(b"v"), Set::default());
    match transaction.write(&*bucket, "t", Action::Change(change)) {
        Ok(_) => {
            let done = transaction.run(&store).await.unwrap();
            assert!(
                has_batches && matches!(done, Transacted::Done(_)),
                "{done:?}"
            );
        }
        Err(error) => assert!(
            !has_batches && matches!(error, Error::Unsupported(_)),
            "{error}"
        ),
    }

    // What it has at any rate.
    let entries = ["a", "b", "c"].map(|key| (key, Bytes::from_static(b"v")));
    bucket.set_many(entries.to_vec()).await.unwrap();
    let read = bucket.get_many(&["a", "none", "c"]).await.unwrap();
    assert_eq!(read.iter().filter(|entry| entry.is_some()).count(), 2);
    assert_eq!(bucket.increment("n", 3).await.unwrap(), 3);
    bucket.delete_many(&["a", "b"]).await.unwrap();
    let page = bucket.list(keywell_store::List::default()).await.unwrap();
    let mut keys = vec!["c", "n"];
    keys.extend(has_ttl.then_some("k"));
    keys.extend(has_batches.then_some("t"));
    keys.sort_unstable();
    assert_eq!(page.keys, keys);
}
