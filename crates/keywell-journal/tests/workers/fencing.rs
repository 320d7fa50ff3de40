//! Of two processes that run a worker, one can go on.

use std::sync::Arc;
use std::time::Duration;

use keywell_journal::{Claim, Error, RecordedStore, Session, Time};
use keywell_memory::MemoryStore;
use keywell_store::{Filter, Set, Since, Store};

use crate::component::{MOST, Process, World, bucket_name, created, invoked, name};
use crate::doubles::{Abilities, Fuse, Fused};

fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}

fn process(world: &World) -> Process {
    world.process(&Fuse::never())
}

#[tokio::test]
async fn a_lease_keeps_others_away_until_it_ends() {
    let store = memory();
    let world = World::new(store.clone(), store, Abilities::All);
    let claim = |holder: &str, now: u64| Claim {
        holder: holder.to_owned(),
        now: Time(now),
        lease: Duration::from_nanos(100),
    };
    let journals = process(&world).journals().await.unwrap();
    journals
        .create(&name(), created(), &claim("a", 1000))
        .await
        .unwrap();
    let held = journals.claim(&name(), &claim("b", 1099)).await.err();
    match held.unwrap() {
        Error::Held { holder, until, .. } => assert_eq!((&*holder, until), ("a", Time(1100))),
        other => panic!("{other}"),
    }
    journals.claim(&name(), &claim("a", 1050)).await.unwrap();
    let taken = journals.claim(&name(), &claim("b", 1150)).await.unwrap();
    assert_eq!(taken.head().holder, "b");
}

#[tokio::test]
async fn a_lease_is_renewed_and_released() {
    let store = memory();
    let world = World::new(store.clone(), store, Abilities::All);
    let first = process(&world);
    let journals = first.journals().await.unwrap();
    let claim = |process: &Process| Claim {
        lease: Duration::from_hours(1),
        ..process.claim()
    };
    let journal = journals.create(&name(), created(), &claim(&first)).await;
    let session = Session::open(journal.unwrap(), world.clock(), MOST).await;
    let session = session.unwrap();
    world.advance(Duration::from_mins(50));
    session.renew().await.unwrap();
    world.advance(Duration::from_mins(50));
    let second = process(&world);
    let held = journals.claim(&name(), &claim(&second)).await;
    assert!(matches!(held, Err(Error::Held { .. })));
    session.release().await.unwrap();
    journals.claim(&name(), &claim(&second)).await.unwrap();
    session.renew().await.unwrap_err();
}

/// The first process stops between its intent and its write, and goes on after the second has
/// settled it.
#[tokio::test]
async fn a_process_that_was_paused_writes_nothing_more() {
    for (abilities, is_apart) in [
        (Abilities::All, false),
        (Abilities::All, true),
        (Abilities::Versions, false),
    ] {
        let (journal, data) = (memory(), memory());
        let data = if is_apart { data } else { journal.clone() };
        let world = World::new(journal, data, abilities);
        let carts = world.bucket().await;
        let events = carts.watch(Filter::All, Since::Now).await.unwrap();
        let first = process(&world);
        let session = first.session().await.unwrap();
        session.accept(invoked("add", "k")).await.unwrap();
        session.next().await.unwrap().unwrap();
        let gate = Gate::new(Fused {
            inner: world.data.clone(),
            fuse: Fuse::never(),
            abilities,
        });
        let recorded = RecordedStore::new(&session, "data", Arc::new(gate.clone()));
        let bucket = recorded.open(&bucket_name()).await.unwrap();
        let paused = tokio::spawn(async move { bucket.set("k", "v".into(), Set::default()).await });
        if abilities == Abilities::All && !is_apart {
            // The write is in the transaction of its intent, which no gate of the data holds.
            paused.await.unwrap().unwrap();
        } else {
            gate.reached().await;
            let second = process(&world);
            let session = second.session().await.unwrap();
            session.next().await.unwrap().unwrap();
            let bucket = second.carts(&session).await.unwrap();
            bucket.set("k", "v".into(), Set::default()).await.unwrap();
            bucket.set("l", "v".into(), Set::default()).await.unwrap();
            gate.open();
            // It may take the write of the other for its own, and then learns.
            drop(paused.await.unwrap());
            drop(bucket);
        }
        let next = process(&world).session().await.unwrap();
        let answered = session.returned("late".into()).await;
        let is_fenced = matches!(answered, Err(Error::Fenced { .. } | Error::Store(_)));
        assert!(is_fenced, "{abilities:?} {is_apart}: {answered:?}");
        drop(next);
        let mut events = events;
        let mut keys = Vec::new();
        carts.set("end", "".into(), Set::default()).await.unwrap();
        while let Some(event) = futures::StreamExt::next(&mut events).await {
            let key = event.unwrap().key().unwrap().to_owned();
            if key == "end" {
                break;
            }
            keys.push(key);
        }
        keys.retain(|key| key == "k");
        assert_eq!(keys, ["k"], "{abilities:?} {is_apart}");
    }
}

/// Holds swaps and transactions.
#[derive(Clone)]
struct Gate {
    inner: Fused,
    state: Arc<(tokio::sync::Semaphore, tokio::sync::Semaphore)>,
}

impl Gate {
    fn new(inner: Fused) -> Self {
        let closed = || tokio::sync::Semaphore::new(0);
        Self {
            inner,
            state: Arc::new((closed(), closed())),
        }
    }

    async fn reached(&self) {
        self.state.0.acquire().await.unwrap().forget();
    }

    fn open(&self) {
        self.state.1.add_permits(1000);
    }

    async fn pass(&self) {
        self.state.0.add_permits(1);
        self.state.1.acquire().await.unwrap().forget();
    }
}

impl Store for Gate {
    fn id(&self) -> Option<keywell_store::StoreId> {
        self.inner.id()
    }

    fn open(
        &self,
        name: &keywell_store::BucketName,
    ) -> keywell_store::Answer<Arc<dyn keywell_store::Bucket>> {
        let gate = self.clone();
        self.inner
            .open(name)
            .map(move |inner| Arc::new(Gated { gate, inner }) as Arc<dyn keywell_store::Bucket>)
    }

    fn transact(
        &self,
        checks: Vec<keywell_store::Check>,
        writes: Vec<keywell_store::Write>,
    ) -> keywell_store::Answer<keywell_store::Transacted> {
        let gate = self.clone();
        keywell_store::Answer::later(async move {
            gate.pass().await;
            gate.inner.transact(checks, writes).await
        })
    }
}

struct Gated {
    gate: Gate,
    inner: Arc<dyn keywell_store::Bucket>,
}

impl keywell_store::Bucket for Gated {
    fn capabilities(&self) -> keywell_store::Capabilities {
        self.inner.capabilities()
    }

    fn get_within(
        &self,
        key: &str,
        max: usize,
    ) -> keywell_store::Answer<Option<keywell_store::Entry>> {
        self.inner.get_within(key, max)
    }

    fn set(
        &self,
        key: &str,
        value: bytes::Bytes,
        how: Set,
    ) -> keywell_store::Answer<keywell_store::Version> {
        self.inner.set(key, value, how)
    }

    fn delete(&self, key: &str) -> keywell_store::Answer<()> {
        self.inner.delete(key)
    }

    fn swap(
        &self,
        key: &str,
        expected: keywell_store::Expected,
        change: keywell_store::Change,
    ) -> keywell_store::Answer<keywell_store::Swap> {
        let (gate, inner, key) = (self.gate.clone(), self.inner.clone(), key.to_owned());
        keywell_store::Answer::later(async move {
            gate.pass().await;
            inner.swap(&key, expected, change).await
        })
    }
}

#[tokio::test]
async fn a_foreign_write_between_crash_and_recovery_survives() {
    let ways = [
        (Abilities::Versions, true),
        (Abilities::All, true),
        (Abilities::All, false),
    ];
    for (at, (abilities, is_apart)) in (0..12).flat_map(|at| ways.map(|way| (at, way))) {
        let journal = memory();
        let data = if is_apart { memory() } else { journal.clone() };
        let world = World::new(journal, data, abilities);
        let fuse = Fuse::new(at, crate::doubles::Accident::CrashAfter);
        let first = world.process(&fuse);
        let crashed = async {
            let session = first.session().await?;
            session.accept(invoked("add", "k")).await?;
            session.next().await?;
            let bucket = first.carts(&session).await?;
            bucket.set("k", "mine".into(), Set::default()).await?;
            Ok::<_, Error>(())
        };
        let was_begun = crashed.await.is_err();
        let carts = world.bucket().await;
        let was_set = carts.get("k").await.unwrap().is_some();
        carts
            .set("k", "theirs".into(), Set::default())
            .await
            .unwrap();
        let second = process(&world);
        let session = second.session().await.unwrap();
        session.accept(invoked("add", "k")).await.unwrap();
        session.next().await.unwrap().unwrap();
        let head = session.head().await.unwrap();
        let was_intended = head.position > 2;
        let bucket = second.carts(&session).await.unwrap();
        bucket
            .set("k", "mine".into(), Set::default())
            .await
            .unwrap();
        let found = world.value("k").await.unwrap();
        // With a receipt, it is known that a write did not happen, and it comes after theirs.
        let is_settled = was_set || abilities == Abilities::Versions && was_intended;
        let expected = if is_settled { "theirs" } else { "mine" };
        let place = format!("{abilities:?} {is_apart} {at} {was_begun} {was_set}");
        assert_eq!(found, expected, "{place}");
    }
}

#[tokio::test]
async fn chunks_of_an_append_that_was_not_committed_are_replaced() {
    let world = World::new(memory(), memory(), Abilities::Versions);
    // The chunk is written and the head is not: of the create and of the accept.
    for at in [1, 3] {
        let fuse = Fuse::new(at, crate::doubles::Accident::CrashAfter);
        let process = world.process(&fuse);
        let begun = async {
            let session = process.session().await?;
            session.accept(invoked("lost", &format!("k{at}"))).await?;
            Ok::<_, Error>(())
        };
        begun.await.unwrap_err();
    }
    let process = process(&world);
    let session = process.session().await.unwrap();
    session.accept(invoked("add", "other")).await.unwrap();
    let answers = process.run(&session).await.unwrap();
    assert!(!answers.is_empty());
    let journals = process.journals().await.unwrap();
    let journal = journals.claim(&name(), &process.claim()).await.unwrap();
    Session::open(journal, world.clock(), MOST).await.unwrap();
}
