//! What the end of a store waits for.

use std::sync::mpsc;

use futures::poll;
use keywell_servers::StubAnswer;
use keywell_store::{Error, Set, Store as _};
use parking_lot::Mutex;
use tokio::sync::mpsc::unbounded_channel;

use crate::place::open;
use crate::recorder::{operation, store, stub};

#[tokio::test(flavor = "multi_thread")]
async fn closing_waits_for_a_write_in_flight_and_takes_no_other() {
    let (arrived, mut arrivals) = unbounded_channel();
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let (_stub, options) = stub(move |request| {
        if operation(request) == "PutItem" {
            let _ = arrived.send(());
            let _ = released.lock().recv();
        }
        StubAnswer::ok("{}")
    });
    let store = store(&options).await;
    let bucket = open(&store, "b").await;
    let writer = bucket.clone();
    let write = tokio::spawn(async move { writer.set("k", "v".into(), Set::default()).await });
    arrivals.recv().await.unwrap();
    let mut close = store.close();
    assert!(poll!(&mut close).is_pending());
    let late = bucket.set("k", "w".into(), Set::default()).await;
    assert!(matches!(late, Err(Error::Unavailable(_))), "{late:?}");
    release.send(()).unwrap();
    close.await.unwrap();
    write.await.unwrap().unwrap();
    store.close().await.unwrap();
}
