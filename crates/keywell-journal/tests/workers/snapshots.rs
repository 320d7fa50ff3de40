//! Snapshots: what is seen of them in a replay, and what a process leaves that ends while one is
//! taken.

use std::sync::Arc;

use keywell_journal::{Accepted, Error, RecordedStore, Session};
use keywell_memory::MemoryStore;
use keywell_store::{Bucket, BucketName, List, Store, reserved};

use crate::component::{Cart, Process, World, bucket_name, invoked};
use crate::doubles::{Abilities, Accident, Fuse};

fn world() -> World {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    World::new(store.clone(), store, Abilities::All)
}

async fn chunks(world: &World) -> usize {
    let name = BucketName::parse(reserved::JOURNALS).unwrap();
    let bucket = world.journal.open(&name).await.unwrap();
    let keys = bucket.list(List::default()).await.unwrap().keys;
    keys.iter().filter(|key| key.starts_with("c/")).count()
}

/// Runs three invocations in a process that has a session, and leaves the last one unfinished.
async fn run_two_of_three(process: &Process) -> (Session, Cart) {
    let session = process.session().await.unwrap();
    let mut cart = Cart::default();
    for key in ["a", "b", "c"] {
        session.accept(invoked("add", key)).await.unwrap();
    }
    for _ in 0..2 {
        let (_, invoked) = session.next().await.unwrap().unwrap();
        let answer = cart.invoke(process, &session, &invoked.function).await;
        session.returned(answer.unwrap().into()).await.unwrap();
    }
    (session, cart)
}

#[tokio::test]
async fn a_process_that_ends_before_it_trims_leaves_that_to_the_next() {
    let peaceful = world();
    let fuse = Fuse::never();
    run_two_of_three(&peaceful.process(&fuse)).await;
    let writes = fuse.count();
    // The snapshot, with the head that begins there, and then deletions.
    for (accident, at) in [
        (Accident::CrashBefore, writes + 1),
        (Accident::CrashAfter, writes + 1),
        (Accident::CrashBefore, writes + 3),
    ] {
        let world = world();
        let process = world.process(&Fuse::new(at, accident));
        let (session, cart) = run_two_of_three(&process).await;
        session.snapshot(cart.save()).await.unwrap_err();
        assert!(chunks(&world).await > 1, "{accident:?} at {at}");

        let process = world.process(&Fuse::never());
        let session = process.session().await.unwrap();
        assert_eq!(chunks(&world).await, 1, "{accident:?} at {at}");
        let answers = process.run(&session).await.unwrap();
        // The one that was left, as the third line of the cart.
        assert_eq!(answers.len(), 1);
        let line = answers[0].lines().next().unwrap();
        assert!(line.ends_with(" 3"), "{line}");
        for key in ["a", "b"] {
            let again = session.accept(invoked("add", key)).await.unwrap();
            assert!(matches!(again, Accepted::Ended(Ok(_))), "{again:?}");
        }
    }
}

#[tokio::test]
async fn a_process_that_ends_before_the_snapshot_leaves_the_journal_as_it_was() {
    let peaceful = world();
    let fuse = Fuse::never();
    run_two_of_three(&peaceful.process(&fuse)).await;
    let world = world();
    let process = world.process(&Fuse::new(fuse.count(), Accident::CrashBefore));
    let (session, cart) = run_two_of_three(&process).await;
    session.snapshot(cart.save()).await.unwrap_err();
    let process = world.process(&Fuse::never());
    let session = process.session().await.unwrap();
    assert_eq!(session.state().await.unwrap(), None);
    assert_eq!(process.run(&session).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_state_is_loaded_at_the_same_time_and_with_the_same_random_numbers() {
    let world = world();
    let process = world.process(&Fuse::never());
    let (session, cart) = run_two_of_three(&process).await;
    let seen = |session: &Session| {
        let mut drawn = [0; 8];
        session.random(&mut drawn);
        (session.now(), drawn)
    };
    session.restart().await.unwrap();
    let first = seen(&session);
    session.snapshot(cart.save()).await.unwrap();
    for _ in 0..2 {
        let session = process.session().await.unwrap();
        assert_eq!(session.state().await.unwrap(), Some(cart.save()));
        assert_eq!(seen(&session), first);
    }
}

#[tokio::test]
async fn a_call_is_refused_while_a_state_is_saved_or_loaded() {
    let world = world();
    let fuse = Fuse::never();
    let process = world.process(&fuse);
    let (session, cart) = run_two_of_three(&process).await;
    let recorded = RecordedStore::new(&session, "data", world.data.clone());
    let bucket: Arc<dyn Bucket> = recorded.open(&bucket_name()).await.unwrap();
    let before = fuse.count();
    let quiet = session.quiet();
    for _ in 0..2 {
        let counted = bucket.increment("count", 1).await;
        let is_refused = matches!(counted, Err(keywell_store::Error::AccessDenied(_)));
        assert!(is_refused, "{counted:?}");
        bucket.get("cart").await.unwrap_err();
    }
    let slept = session.sleep(session.now()).begin().await;
    assert!(matches!(slept, Err(Error::Quiet(_))), "{slept:?}");
    let refused = quiet.end().unwrap();
    assert!(refused.starts_with("increment data/carts"), "{refused}");
    assert_eq!(fuse.count(), before);
    assert_eq!(session.quiet().end(), None);
    // It harmed nothing.
    session.snapshot(cart.save()).await.unwrap();
    let answers = process.run(&process.session().await.unwrap()).await;
    assert_eq!(answers.unwrap().len(), 1);
}

#[tokio::test]
async fn a_session_that_was_taken_over_says_whether_it_recorded_an_invocation() {
    let world = world();
    let first = world.process(&Fuse::never());
    let session = first.session().await.unwrap();
    let Accepted::Queued(position) = session.enqueue(invoked("add", "a")).await.unwrap() else {
        panic!("it is new");
    };
    assert!(session.is_unrecorded(position).await);
    let second = world.process(&Fuse::never());
    let taken = second.session().await.unwrap();
    session.next().await.unwrap().unwrap();
    let fenced = session.returned("ok".into()).await;
    assert!(matches!(fenced, Err(Error::Fenced { .. })), "{fenced:?}");
    assert!(session.is_unrecorded(position).await);

    taken.enqueue(invoked("add", "b")).await.unwrap();
    let (position, _) = taken.next().await.unwrap().unwrap();
    let bucket = second.carts(&taken).await.unwrap();
    bucket.increment("count", 1).await.unwrap();
    assert!(!taken.is_unrecorded(position).await);
    first.session().await.unwrap();
    taken.returned("ok".into()).await.unwrap_err();
    assert!(!taken.is_unrecorded(position).await);
}

/// It was committed, and the process does not know.
#[tokio::test]
async fn an_append_whose_answer_was_lost_is_not_called_unrecorded() {
    let world = world();
    let counting = Fuse::never();
    let process = world.process(&counting);
    process.session().await.unwrap();
    let world = self::world();
    let fuse = Fuse::new(counting.count(), Accident::CrashAfter);
    let process = world.process(&fuse);
    let session = process.session().await.unwrap();
    let queued = session.enqueue(invoked("add", "a")).await.unwrap();
    let Accepted::Queued(position) = queued else {
        panic!("it is new");
    };
    session.next().await.unwrap().unwrap();
    session.returned("ok".into()).await.unwrap_err();
    assert!(!session.is_unrecorded(position).await);
}
