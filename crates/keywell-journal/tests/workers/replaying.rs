//! Replays do what was recorded, and nothing else.

use std::sync::Arc;

use bytes::Bytes;
use keywell_journal::{Begun, Error, Journals, Session};
use keywell_memory::MemoryStore;
use keywell_store::{Answer, BucketName, Set, Store, reserved};

use crate::component::{MOST, World, created, invoked, name};
use crate::doubles::{Abilities, Fuse};

fn world() -> World {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    World::new(store.clone(), store, Abilities::All)
}

#[tokio::test]
async fn a_replay_writes_nothing_and_sends_nothing() {
    let world = world();
    let process = world.process(&Fuse::never());
    let session = process.session().await.unwrap();
    for key in ["a", "b", "c"] {
        session.accept(invoked("add", key)).await.unwrap();
    }
    let answers = process.run(&session).await.unwrap();
    let requests = world.requests.lock().clone();
    let fuse = Fuse::never();
    let second = world.process(&fuse);
    let session = second.session().await.unwrap();
    let writes = fuse.count();
    assert!(session.is_replaying().await.unwrap());
    assert_eq!(second.run(&session).await.unwrap(), answers);
    assert!(!session.is_replaying().await.unwrap());
    assert_eq!(fuse.count(), writes);
    assert_eq!(*world.requests.lock(), requests);
}

#[tokio::test]
async fn a_rehearsal_shows_the_past_and_refuses_effects() {
    let world = world();
    let process = world.process(&Fuse::never());
    let session = process.session().await.unwrap();
    for key in ["a", "b"] {
        session.accept(invoked("add", key)).await.unwrap();
    }
    let answers = process.run(&session).await.unwrap();
    let journals = process.journals().await.unwrap();
    let rehearse = |until| Session::rehearse(&journals, session.worker(), until, world.clock());
    let whole = rehearse(MOST).await.unwrap();
    assert_eq!(process.run(&whole).await.unwrap(), answers);
    // Up to the first answer.
    let head = journals.head(&name()).await.unwrap();
    let mut cursor = journals.read(&name(), &head);
    let mut first = 0;
    while let Some((position, event)) = cursor.next(&head).await.unwrap() {
        if matches!(event.record, keywell_journal::Record::Returned { .. }) {
            first = position + 1;
            break;
        }
    }
    let part = rehearse(first).await.unwrap();
    part.next().await.unwrap().unwrap();
    let before = world.value("count").await;
    let carts = process.carts(&part).await.unwrap();
    let other = carts.increment("other", 1).await.unwrap_err();
    assert!(
        part.error().unwrap().to_string().contains("diverged"),
        "{other}"
    );
    // The second has no record there, so it does not run.
    let part = rehearse(first).await.unwrap();
    assert_eq!(process.run(&part).await.unwrap(), answers[..1]);
    assert_eq!(world.value("count").await, before);
}

#[tokio::test]
async fn a_call_that_is_new_or_missing_or_another_stops_the_worker() {
    for (change, expected) in [
        ("nothing", None),
        (
            "name",
            Some("recorded is get data/carts \"k\", asked was exists data/carts \"k\""),
        ),
        (
            "key",
            Some("recorded is get data/carts \"k\", asked was get data/carts \"l\""),
        ),
        (
            "more",
            Some("recorded is return of ok, asked was get data/carts \"m\""),
        ),
        (
            "answer",
            Some("recorded is return of ok, asked was return of no!"),
        ),
        ("end", Some("asked was failure: a trap")),
    ] {
        let world = world();
        for is_replay in [false, true] {
            let process = world.process(&Fuse::never());
            let session = process.session().await.unwrap();
            session.accept(invoked("add", "key")).await.unwrap();
            session.next().await.unwrap().unwrap();
            let carts = process.carts(&session).await.unwrap();
            let change = if is_replay { change } else { "nothing" };
            let result = async {
                match change {
                    "name" => drop(carts.exists("k").await?),
                    "key" => drop(carts.get("l").await?),
                    _ => drop(carts.get("k").await?),
                }
                if change == "more" {
                    carts.get("m").await?;
                }
                match change {
                    "answer" => session.returned("no!".into()).await.map(drop),
                    "end" => session.failed("a trap").await,
                    _ => session.returned("ok".into()).await.map(drop),
                }
            };
            let result: Result<(), Error> = result.await;
            match expected.filter(|_| is_replay) {
                None => result.unwrap(),
                Some(expected) => {
                    result.unwrap_err();
                    let error = session.error().unwrap();
                    assert!(error.to_string().contains(expected), "{change}: {error}");
                    // It answers nothing from then on, and no process starts it.
                    session.returned("ok".into()).await.unwrap_err();
                    let stopped = process.session().await.err().unwrap();
                    assert!(matches!(stopped, Error::Stopped { .. }), "{stopped}");
                }
            }
        }
    }
}

#[tokio::test]
async fn responses_that_arrived_in_reverse_replay_in_reverse() {
    let world = world();
    let mut orders = Vec::new();
    for is_replay in [false, true] {
        let process = world.process(&Fuse::never());
        let session = process.session().await.unwrap();
        session.accept(invoked("add", "key")).await.unwrap();
        session.next().await.unwrap().unwrap();
        let calls: Vec<_> = (0..3u8)
            .map(|number| session.call("request", number.to_string(), [number; 32]))
            .collect();
        let order = parking_lot::Mutex::new(Vec::new());
        let gates: Vec<_> = (0..3).map(|_| tokio::sync::Semaphore::new(0)).collect();
        gates[2].add_permits(1);
        let run = (0u8..).zip(&calls).map(|(number, call)| {
            let (order, gates) = (&order, &gates);
            async move {
                match call.begin().await.unwrap() {
                    Begun::Answer(answer) => assert_eq!(answer[0], number),
                    Begun::Fresh => {
                        call.intend(Bytes::new()).await.unwrap();
                        gates[usize::from(number)].acquire().await.unwrap().forget();
                        call.settled(vec![number].into()).await.unwrap();
                        if number > 0 {
                            gates[usize::from(number - 1)].add_permits(1);
                        }
                    }
                    other @ Begun::Interrupted { .. } => panic!("{other:?}"),
                }
                order.lock().push(number);
            }
        });
        futures::future::join_all(run).await;
        if !is_replay {
            // Commits the answers, and ends without an end.
            let call = session.call("request", "last".to_owned(), [9; 32]);
            call.begin().await.unwrap();
            call.intend(Bytes::new()).await.unwrap();
        }
        orders.push(order.into_inner());
    }
    assert_eq!(orders, [[2, 1, 0], [2, 1, 0]]);
}

#[tokio::test]
async fn a_long_journal_is_read_chunk_by_chunk() {
    const INVOCATIONS: usize = 64;
    const VALUE: usize = 1 << 20;
    let world = world();
    let carts = world.bucket().await;
    carts
        .set("large", vec![7; VALUE].into(), Set::default())
        .await
        .unwrap();
    let process = world.process(&Fuse::never());
    let session = process.session().await.unwrap();
    for number in 0..INVOCATIONS {
        session
            .accept(invoked("read", &number.to_string()))
            .await
            .unwrap();
        session.next().await.unwrap().unwrap();
        let carts = process.carts(&session).await.unwrap();
        assert_eq!(
            carts.get("large").await.unwrap().unwrap().value.len(),
            VALUE
        );
        session.returned("ok".into()).await.unwrap();
    }
    let name_of = BucketName::parse(reserved::JOURNALS).unwrap();
    let journal = world.journal.open(&name_of).await.unwrap();
    let keys = journal
        .list(keywell_store::List::default())
        .await
        .unwrap()
        .keys;
    let mut bytes = 0;
    for key in keys.iter().filter(|key| key.starts_with("c/")) {
        let length = journal.get(key).await.unwrap().unwrap().value.len();
        assert!(length <= 256 << 10, "{key} has {length} bytes");
        bytes += length;
    }
    assert!(bytes > INVOCATIONS * VALUE);
    let session = process.session().await.unwrap();
    let mut replayed = 0;
    while session.next().await.unwrap().is_some() {
        let carts = process.carts(&session).await.unwrap();
        let value = carts.get("large").await.unwrap().unwrap().value;
        assert_eq!(value.len(), VALUE);
        session.returned("ok".into()).await.unwrap();
        replayed += 1;
    }
    assert_eq!(replayed, INVOCATIONS);
    let error = {
        let journals = process.journals().await.unwrap();
        let journal = journals.claim(&name(), &process.claim()).await.unwrap();
        Session::open(journal, world.clock(), 10)
            .await
            .err()
            .unwrap()
    };
    assert!(matches!(error, Error::TooLong { max: 10, .. }), "{error}");
}

#[tokio::test]
async fn random_numbers_and_clocks_are_recorded() {
    let world = world();
    let process = world.process(&Fuse::never());
    let mut seen = Vec::new();
    for _ in 0..2 {
        let session = process.session().await.unwrap();
        assert_eq!(session.created().await.unwrap(), created());
        session.accept(invoked("draw", "k")).await.unwrap();
        session.next().await.unwrap().unwrap();
        let mut drawn = [[0; 40]; 2];
        session.random(&mut drawn[0]);
        session.random(&mut drawn[1]);
        assert_ne!(drawn[0], drawn[1]);
        let began = session.now();
        let call = session.call("x", String::new(), [0; 32]);
        if call.begin().await.unwrap() == Begun::Fresh {
            assert_eq!(session.now(), began, "a clock stands still between events");
            call.intend(Bytes::new()).await.unwrap();
            call.settled(Bytes::new()).await.unwrap();
            let commit = session.call("y", String::new(), [0; 32]);
            commit.begin().await.unwrap();
            commit.intend(Bytes::new()).await.unwrap();
        }
        assert!(session.now() > began);
        let age = session.age().await.unwrap();
        seen.push((drawn, began, session.now(), age));
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn a_store_without_compare_and_swap_keeps_no_journals() {
    struct Unfit(Arc<dyn Store>);
    impl Store for Unfit {
        fn open(&self, name: &BucketName) -> Answer<Arc<dyn keywell_store::Bucket>> {
            self.0.open(name).map(|inner| Arc::new(NoSwap(inner)) as _)
        }
    }
    struct NoSwap(Arc<dyn keywell_store::Bucket>);
    impl keywell_store::Bucket for NoSwap {
        fn capabilities(&self) -> keywell_store::Capabilities {
            keywell_store::Capabilities::default()
        }
        fn get_within(&self, key: &str, max: usize) -> Answer<Option<keywell_store::Entry>> {
            self.0.get_within(key, max)
        }
        fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<keywell_store::Version> {
            self.0.set(key, value, how)
        }
        fn delete(&self, key: &str) -> Answer<()> {
            self.0.delete(key)
        }
    }
    let unfit = Journals::open(Arc::new(Unfit(Arc::new(MemoryStore::new())))).await;
    assert!(matches!(unfit.err(), Some(Error::Unfit(_))));
}
