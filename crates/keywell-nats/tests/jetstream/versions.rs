//! What a server is too old for. `KEYWELL_NATS_SERVER` names an older one.

use std::time::Duration;

use bytes::Bytes;
use keywell_nats::JetStreamStore;
use keywell_store::{Action, Batching, Change, Error, Set, Transacted, Transacting, Transaction};

use crate::place::{client, open, options, server, store};

#[tokio::test]
async fn what_a_server_is_too_old_for_is_unsupported() {
    let server = server().await;
    let version = client(&server).await.server_info().version;
    let mut numbers = version.split('.').map(|part| part.parse().unwrap_or(0));
    let version: (u32, u32) = (numbers.next().unwrap(), numbers.next().unwrap());
    println!("NATS {version:?}");
    if version < (2, 11) {
        let error = JetStreamStore::open(options(&server)).await.unwrap_err();
        assert!(error.to_string().contains("older than 2.11"), "{error}");
        return;
    }
    let has_batches = version >= (2, 12);
    let store = store(&server).await;
    let bucket = open(&store, "b").await;
    let declared = bucket.capabilities();
    assert!(declared.ttl);
    assert_eq!(declared.batch == Batching::Atomic, has_batches);
    assert_eq!(declared.transact != Transacting::None, has_batches);

    let expiring = Set::expiring(Duration::from_mins(1)).unwrap();
    let value = Bytes::from_static(b"v");
    bucket.set("k", value.clone(), expiring).await.unwrap();
    let mut transaction = Transaction::default();
    let change = Change::Set(value.clone(), Set::default());
    match transaction.write(&*bucket, "t", Action::Change(change)) {
        Ok(()) => {
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
    let entries = ["a", "b", "c"].map(|key| (key, value.clone()));
    bucket.set_many(entries.to_vec()).await.unwrap();
    let read = bucket.get_many(&["a", "none", "c"]).await.unwrap();
    assert_eq!(read.iter().filter(|entry| entry.is_some()).count(), 2);
    assert_eq!(bucket.increment("n", 3).await.unwrap(), 3);
    bucket.delete_many(&["a", "b"]).await.unwrap();
    let page = bucket.list(keywell_store::List::default()).await.unwrap();
    let mut keys = vec!["c", "k", "n"];
    keys.extend(has_batches.then_some("t"));
    assert_eq!(page.keys, keys);
}
