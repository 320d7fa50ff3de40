//! Answers, snapshots, forks, failures and what operators decide.

use std::sync::Arc;
use std::time::Duration;

use keywell_journal::{
    Accepted, Decision, Error, Invoked, KEPT, Record, RecordedStore, Session, Status,
};
use keywell_memory::{History, MemoryStore};
use keywell_store::{Bucket, BucketName, Filter, List, Set, Since, Store, reserved};

use crate::component::{Cart, MOST, Process, World, bucket_name, created, invoked, name};
use crate::doubles::{Abilities, Fuse};

fn world() -> World {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    World::new(store.clone(), store, Abilities::All)
}

fn process(world: &World) -> Process {
    world.process(&Fuse::never())
}

async fn journal_keys(world: &World) -> Vec<String> {
    let name = BucketName::parse(reserved::JOURNALS).unwrap();
    let bucket = world.journal.open(&name).await.unwrap();
    bucket.list(List::default()).await.unwrap().keys
}

#[tokio::test]
async fn concurrent_calls_with_one_key_run_once() {
    let world = world();
    let process = process(&world);
    let session = process.session().await.unwrap();
    let calls = (0..64).map(|number| {
        let session = &session;
        async move {
            if number % 2 == 0 {
                session.enqueue(invoked("add", "k")).await
            } else {
                session.accept(invoked("add", "k")).await
            }
        }
    });
    let accepted = futures::future::join_all(calls).await;
    let positions = accepted
        .into_iter()
        .map(|accepted| match accepted.unwrap() {
            Accepted::Queued(position) | Accepted::Pending(position) => position,
            Accepted::Ended(answer) => panic!("{answer:?}"),
        });
    assert!(positions.into_iter().all(|position| position == 1));
    assert_eq!(process.run(&session).await.unwrap().len(), 1);
    assert_eq!(world.value("count").await.as_deref(), Some("1"));
}

#[tokio::test]
async fn a_caller_that_waits_adds_no_append() {
    let world = world();
    let fuse = Fuse::never();
    let process = world.process(&fuse);
    let session = process.session().await.unwrap();
    let before = fuse.count();
    let unkeyed = |function: &str| Invoked {
        key: None,
        ..invoked(function, "")
    };
    let first = session.enqueue(unkeyed("a")).await.unwrap();
    assert_eq!((first, fuse.count()), (Accepted::Queued(1), before));
    // One that is to be committed at once commits those before it.
    let second = session.accept(unkeyed("b")).await.unwrap();
    assert_eq!((second, fuse.count()), (Accepted::Queued(2), before + 2));
    for position in [1, 2] {
        let (next, _) = session.next().await.unwrap().unwrap();
        assert_eq!(next, position);
        session.returned("ok".into()).await.unwrap();
    }
    assert_eq!(session.next().await.unwrap(), None);
    let before = fuse.count();
    let third = session.enqueue(unkeyed("c")).await.unwrap();
    let (next, _) = session.next().await.unwrap().unwrap();
    assert_eq!(third, Accepted::Queued(next));
    // Another comes while it runs, before its first effect.
    let carts = process.carts(&session).await.unwrap();
    assert_eq!(carts.get("k").await.unwrap(), None);
    session.enqueue(unkeyed("d")).await.unwrap();
    session.returned("ok".into()).await.unwrap();
    assert_eq!(fuse.count(), before + 3);
    session.next().await.unwrap().unwrap();
    session.returned("ok".into()).await.unwrap();

    let session = process.session().await.unwrap();
    let mut functions = Vec::new();
    while let Some((_, invoked)) = session.next().await.unwrap() {
        let carts = process.carts(&session).await.unwrap();
        if invoked.function == "c" {
            carts.get("k").await.unwrap();
        }
        session.returned("ok".into()).await.unwrap();
        functions.push(invoked.function);
    }
    assert_eq!(functions, ["a", "b", "c", "d"]);
}

/// As a trigger that is paused: the journal is in the store that it watches.
#[tokio::test]
async fn many_invocations_leave_a_watch_resumable() {
    const INVOCATIONS: usize = 2_000;
    let history = History {
        events: 10,
        ..History::default()
    };
    let store: Arc<dyn Store> = Arc::new(MemoryStore::with_history(history));
    let world = World::new(store.clone(), store, Abilities::All);
    let bucket = world.bucket().await;
    let watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    let token = watch.start().unwrap().clone();
    drop(watch);
    let session = process(&world).session().await.unwrap();
    for number in 0..INVOCATIONS {
        let key = number.to_string();
        session.accept(invoked("nothing", &key)).await.unwrap();
        session.next().await.unwrap().unwrap();
        session.returned("ok".into()).await.unwrap();
    }
    bucket.set("k", "v".into(), Set::default()).await.unwrap();
    let mut watch = bucket
        .watch(Filter::All, Since::After(token))
        .await
        .unwrap();
    let event = futures::StreamExt::next(&mut watch).await.unwrap().unwrap();
    assert_eq!(event.key(), Some("k"));
}

#[tokio::test]
async fn a_key_has_its_answer_for_a_day_also_after_trimming() {
    let world = world();
    let process = process(&world);
    let session = process.session().await.unwrap();
    session.accept(invoked("add", "k")).await.unwrap();
    let answers = process.run(&session).await.unwrap();
    session.snapshot("state".into()).await.unwrap();
    world.advance(KEPT.saturating_sub(Duration::from_secs(1)));
    let other = Invoked {
        arguments: "other".into(),
        ..invoked("add", "k")
    };
    for _ in 0..2 {
        let session = process.session().await.unwrap();
        let again = session.accept(invoked("add", "k")).await.unwrap();
        assert_eq!(again, Accepted::Ended(Ok(answers[0].clone().into())));
        let conflict = session.accept(other.clone()).await;
        assert!(matches!(conflict, Err(Error::Conflict)), "{conflict:?}");
    }
    world.advance(Duration::from_secs(1));
    let journals = process.journals().await.unwrap();
    let swept = journals.sweep_answers(&name(), (world.clock())()).await;
    assert_eq!(swept.unwrap(), 1);
    let session = process.session().await.unwrap();
    let anew = session.accept(other).await.unwrap();
    assert!(matches!(anew, Accepted::Queued(_)), "{anew:?}");
}

#[tokio::test]
async fn a_snapshot_trims_what_is_before_it_and_keeps_what_has_not_run() {
    let world = world();
    let process = process(&world);
    let session = process.session().await.unwrap();
    let mut cart = Cart::default();
    for key in ["a", "b", "c"] {
        session.accept(invoked("add", key)).await.unwrap();
    }
    for _ in 0..2 {
        let (_, invoked) = session.next().await.unwrap().unwrap();
        let answer = cart.invoke(&process, &session, &invoked.function).await;
        session.returned(answer.unwrap().into()).await.unwrap();
    }
    let chunks = |keys: Vec<String>| keys.iter().filter(|key| key.starts_with("c/")).count();
    let before = chunks(journal_keys(&world).await);
    session.snapshot(cart.save()).await.unwrap();
    assert!(before > 5);
    assert_eq!(chunks(journal_keys(&world).await), 1);
    let born = session.age().await.unwrap();

    let session = process.session().await.unwrap();
    assert!(session.age().await.unwrap() >= born);
    let answers = process.run(&session).await.unwrap();
    assert_eq!(answers.len(), 1);
    // It has the variables of the snapshot: this is its third line.
    assert!(
        answers[0].lines().next().unwrap().ends_with(" 3"),
        "{answers:?}"
    );
    let again = process.session().await.unwrap();
    assert_eq!(process.run(&again).await.unwrap(), answers);
}

#[tokio::test]
async fn a_failed_invocation_leaves_its_effects_and_is_skipped() {
    let world = world();
    let process = process(&world);
    let session = process.session().await.unwrap();
    session.accept(invoked("add", "a")).await.unwrap();
    session.accept(invoked("add", "b")).await.unwrap();
    session.next().await.unwrap().unwrap();
    let bucket = process.carts(&session).await.unwrap();
    assert_eq!(bucket.increment("count", 1).await.unwrap(), 1);
    session.failed("a trap").await.unwrap();
    session.next().await.unwrap_err();
    for _ in 0..2 {
        let session = process.session().await.unwrap();
        let answers = process.run(&session).await.unwrap();
        assert_eq!(answers.len(), 1);
        assert!(answers[0].starts_with("add 2 "), "{answers:?}");
        assert!(
            answers[0].lines().next().unwrap().ends_with(" 1"),
            "{answers:?}"
        );
        let again = session.accept(invoked("add", "a")).await.unwrap();
        assert_eq!(again, Accepted::Ended(Err("a trap".to_owned())));
    }
}

#[tokio::test]
async fn a_fork_goes_on_with_other_random_numbers_and_leaves_the_first_alone() {
    let world = world();
    let process = process(&world);
    let session = process.session().await.unwrap();
    session.accept(invoked("add", "a")).await.unwrap();
    let first = process.run(&session).await.unwrap();
    let at = session.head().await.unwrap().position - 1;
    session.accept(invoked("add", "b")).await.unwrap();
    let second = process.run_next(&session).await;

    let journals = process.journals().await.unwrap();
    let to = "fork".parse().unwrap();
    let fork = journals
        .fork(&name(), at, &to, [9; 32], &process.claim())
        .await
        .unwrap();
    assert_eq!(fork.head().status, Status::Idle);
    let fork = Session::open(fork, world.clock(), MOST).await.unwrap();
    assert_eq!(process.run(&fork).await.unwrap(), first);
    fork.accept(invoked("add", "b")).await.unwrap();
    let forked = process.run_next(&fork).await;
    let drawn = |answer: &str| answer.split('[').nth(1).unwrap()[..14].to_owned();
    assert_ne!(drawn(&forked), drawn(&second));
    // Once more, from its own journal.
    let journal = journals.claim(&to, &process.claim()).await.unwrap();
    let again = Session::open(journal, world.clock(), MOST).await.unwrap();
    assert_eq!(
        process.run(&again).await.unwrap(),
        [first[0].clone(), forked]
    );
    let session = process.session().await.unwrap();
    assert_eq!(
        process.run(&session).await.unwrap(),
        [first[0].clone(), second]
    );
    let names = journals.list().await.unwrap();
    let names: Vec<_> = names.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["cart-1", "fork"]);
    journals.delete(&to, &process.claim()).await.unwrap();
    assert!(
        !journal_keys(&world)
            .await
            .iter()
            .any(|key| key.contains("fork"))
    );
    let gone = journals.head(&to).await;
    assert!(matches!(gone, Err(Error::NoSuchWorker(_))), "{gone:?}");
    // Under the name of one that was deleted.
    journals
        .create(&to, created(), &process.claim())
        .await
        .unwrap();
}

#[tokio::test]
async fn an_operator_decides_what_became_of_an_increment() {
    for decision in [Decision::Applied, Decision::NotApplied, Decision::Retry] {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let world = World::new(store.clone(), store, Abilities::Versions);
        let writes = {
            let fuse = Fuse::never();
            let process = world.process(&fuse);
            let session = process.session().await.unwrap();
            session.accept(invoked("add", "k")).await.unwrap();
            session.next().await.unwrap();
            fuse.count()
        };
        // The chunk and the head of the intent, then the increment.
        let fuse = Fuse::new(2 + 2, crate::doubles::Accident::CrashAfter);
        let first = world.process(&fuse);
        let session = first.session().await.unwrap();
        session.next().await.unwrap().unwrap();
        let bucket = first.carts(&session).await.unwrap();
        bucket.increment("count", 1).await.unwrap_err();
        assert_eq!(world.value("count").await.as_deref(), Some("1"), "{writes}");

        let second = process(&world);
        let session = second.session().await.unwrap();
        session.next().await.unwrap().unwrap();
        let bucket = second.carts(&session).await.unwrap();
        bucket.increment("count", 1).await.unwrap_err();
        let error = session.error().unwrap();
        assert!(error.stops(), "{error}");
        let text = error.to_string();
        assert!(
            text.contains("increment data/carts \"count\" \"1\""),
            "{text}"
        );
        // No process starts it.
        let stopped = second.session().await.err().unwrap();
        assert!(matches!(stopped, Error::Stopped { .. }), "{stopped}");
        let journals = second.journals().await.unwrap();
        let claim = second.claim();
        journals.resolve(&name(), decision, &claim).await.unwrap();
        let nothing = journals.resolve(&name(), decision, &second.claim()).await;
        assert!(matches!(nothing, Err(Error::Place { .. })), "{nothing:?}");

        for _ in 0..2 {
            let session = second.session().await.unwrap();
            session.next().await.unwrap().unwrap();
            let bucket = second.carts(&session).await.unwrap();
            let answer = bucket.increment("count", 1).await;
            match decision {
                Decision::Applied => assert_eq!(answer.unwrap(), 1),
                Decision::Retry => assert_eq!(answer.unwrap(), 2),
                Decision::NotApplied => {
                    let is_so = matches!(answer, Err(keywell_store::Error::Unavailable(_)));
                    assert!(is_so, "{answer:?}");
                }
            }
            // So that it is committed.
            session.accept(invoked("later", "l")).await.unwrap();
            bucket.set("x", "y".into(), Set::default()).await.unwrap();
        }
        let expected = if decision == Decision::Retry {
            "2"
        } else {
            "1"
        };
        assert_eq!(world.value("count").await.as_deref(), Some(expected));
    }
}

#[tokio::test]
async fn a_paused_worker_is_not_opened_until_it_is_resumed() {
    let world = world();
    let process = process(&world);
    process.session().await.unwrap();
    let journals = process.journals().await.unwrap();
    let claim = process.claim();
    journals
        .set_status(&name(), Status::Paused, &claim)
        .await
        .unwrap();
    let paused = process.session().await.err().unwrap();
    assert!(matches!(paused, Error::Stopped { .. }), "{paused}");
    let claim = process.claim();
    journals
        .set_status(&name(), Status::Idle, &claim)
        .await
        .unwrap();
    process.session().await.unwrap();
}

#[tokio::test]
async fn a_sleep_is_in_the_head_and_ends_at_the_next_start_after_it() {
    let world = world();
    let process = process(&world);
    let session = process.session().await.unwrap();
    session.accept(invoked("nap", "k")).await.unwrap();
    session.next().await.unwrap().unwrap();
    let until = session.now().after(Duration::from_hours(1));
    assert!(!session.sleep(until).begin().await.unwrap());
    let journals = process.journals().await.unwrap();
    assert_eq!(journals.head(&name()).await.unwrap().wake, Some(until));
    world.advance(Duration::from_mins(30));
    let session = process.session().await.unwrap();
    session.next().await.unwrap().unwrap();
    assert!(!session.sleep(until).begin().await.unwrap());
    // Work that is accepted meanwhile does not change when it wakes.
    session.accept(invoked("add", "l")).await.unwrap();
    assert_eq!(journals.head(&name()).await.unwrap().wake, Some(until));
    world.advance(Duration::from_mins(30));
    let session = process.session().await.unwrap();
    session.next().await.unwrap().unwrap();
    assert!(session.sleep(until).begin().await.unwrap());
    assert!(session.now() >= until);
    session.returned("rested".into()).await.unwrap();
    assert_eq!(journals.head(&name()).await.unwrap().wake, None);
}

#[tokio::test]
async fn the_log_has_a_line_for_each_record() {
    let world = world();
    let process = process(&world);
    let session = process.session().await.unwrap();
    session.accept(invoked("add", "k")).await.unwrap();
    session.next().await.unwrap();
    let recorded = RecordedStore::new(&session, "data", world.data.clone());
    let bucket: Arc<dyn Bucket> = recorded.open(&bucket_name()).await.unwrap();
    bucket
        .set("cart", vec![b'x'; 1000].into(), Set::default())
        .await
        .unwrap();
    session.returned("ok".into()).await.unwrap();
    let journals = process.journals().await.unwrap();
    let head = journals.head(&name()).await.unwrap();
    let mut cursor = journals.read(&name(), &head);
    let mut lines = Vec::new();
    while let Some((_, event)) = cursor.next(&head).await.unwrap() {
        assert!(!matches!(event.record, Record::Failed { .. }));
        lines.push(event.record.brief());
    }
    let shown = format!(
        "set data/carts \"cart\" \"{}\"… (1000 bytes)",
        "x".repeat(50)
    );
    let expected = [
        "created of sha256:1",
        "invocation of add with the key \"k\"",
        &shown,
        "end of the effect 0",
        "return of ok",
    ];
    assert_eq!(lines, expected);
}
