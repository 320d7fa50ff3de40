//! Workers as they were, as they would be with another component, and as forks of others.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use keywell_journal::{
    Accepted, Begun, Claim, Error, Journal, Journals, MAX_RECORD_BYTES, Record, Session, Status,
    WorkerName,
};
use keywell_memory::MemoryStore;
use keywell_store::Store;

use crate::component::{Cart, MOST, Process, World, created, invoked, name};
use crate::doubles::{Abilities, Accident, Fuse};

/// The digest of the component that follows.
const NEXT: &str = "sha256:2";

fn world(abilities: Abilities) -> World {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    World::new(store.clone(), store, abilities)
}

fn process(world: &World) -> Process {
    world.process(&Fuse::never())
}

fn other() -> WorkerName {
    "other".parse().unwrap()
}

/// A session in which these were invoked; their answers.
async fn run(process: &Process, keys: &[&str]) -> (Session, Vec<String>) {
    let session = process.session().await.unwrap();
    let mut cart = Cart::default();
    for key in keys {
        session.accept(invoked("add", key)).await.unwrap();
    }
    let answers = process.run_in(&session, &mut cart).await.unwrap();
    (session, answers)
}

/// The records of a worker, with their positions.
async fn records(journals: &Journals, worker: &WorkerName) -> Vec<(u64, Record)> {
    let head = journals.head(worker).await.unwrap();
    let mut cursor = journals.read(worker, &head);
    let mut records = Vec::new();
    while let Some((position, event)) = cursor.next(&head).await.unwrap() {
        records.push((position, event.record));
    }
    records
}

/// The worker as it was at a record.
async fn past(process: &Process, position: u64) -> Result<Session, Error> {
    let journals = process.journals().await?;
    Session::past(&journals, &name(), position, process.world.clock()).await
}

async fn rehearse(process: &Process) -> Result<Session, Error> {
    let journals = process.journals().await?;
    Session::rehearse(&journals, &name(), u64::MAX, process.world.clock()).await
}

async fn fork(process: &Process, position: u64, to: &WorkerName) -> Result<Journal, Error> {
    let journals = process.journals().await?;
    let claim = process.claim();
    journals.fork(&name(), position, to, [9; 32], &claim).await
}

async fn upgrade(process: &Process, rehearsed: u64) -> Result<(), Error> {
    let journals = process.journals().await?;
    let claim = process.claim();
    journals.upgrade(&name(), NEXT, rehearsed, &claim).await
}

async fn positions(journals: &Journals, is_it: impl Fn(&Record) -> bool) -> Vec<u64> {
    let records = records(journals, &name()).await.into_iter();
    let those = records.filter(|(_, record)| is_it(record));
    those.map(|(position, _)| position).collect()
}

async fn ends(journals: &Journals) -> Vec<u64> {
    positions(journals, |record| matches!(record, Record::Returned { .. })).await
}

#[tokio::test]
async fn every_position_shows_the_variables_of_the_last_invocation_that_had_ended() {
    let world = world(Abilities::All);
    let process = process(&world);
    let (session, answers) = run(&process, &["a", "b", "c"]).await;
    session.accept(invoked("add", "later")).await.unwrap();
    let journals = process.journals().await.unwrap();
    let head = journals.head(&name()).await.unwrap();
    let ends = ends(&journals).await;
    assert_eq!(ends.len(), 3);
    for position in 0..head.position {
        let past = past(&process, position).await.unwrap();
        let mut cart = Cart::default();
        let shown = process.run_in(&past, &mut cart).await.unwrap();
        let ended = ends.iter().filter(|end| **end <= position).count();
        assert_eq!(shown, answers[..ended], "{position}");
        assert_eq!(cart.lines.len(), ended);
        past.ask().await.unwrap();
        let mut drawn = [[0; 8]; 2];
        past.random(&mut drawn[0]);
        past.random(&mut drawn[1]);
        assert_ne!(drawn[0], drawn[1]);
    }
    for position in [head.position, u64::MAX] {
        let error = past(&process, position).await.err().unwrap();
        let last = head.position - 1;
        let expected = format!("has no record {position}; it has 0 to {last}");
        assert!(error.to_string().contains(&expected), "{error}");
    }
    // Also of a worker that another process runs, and which learns nothing of it.
    assert_eq!(journals.head(&name()).await.unwrap(), head);
    session.renew().await.unwrap();
}

#[tokio::test]
async fn what_is_asked_in_the_past_reads_writes_and_waits_for_nothing() {
    for abilities in [Abilities::All, Abilities::Versions] {
        let world = world(abilities);
        let fuse = Fuse::never();
        let process = world.process(&fuse);
        run(&process, &["a"]).await;
        let journals = process.journals().await.unwrap();
        let head = journals.head(&name()).await.unwrap();
        let last = head.position - 1;
        let writes = fuse.count();
        for asked in ["get", "increment", "sleep", "request"] {
            let past = past(&process, last).await.unwrap();
            // Before its end there is nothing to ask.
            let early = past.ask().await.unwrap_err();
            assert!(matches!(early, Error::Place { .. }), "{early}");
            process.run(&past).await.unwrap();
            past.ask().await.unwrap();
            assert_eq!(past.error().map(|error| error.to_string()), None);
            let carts = process.carts(&past).await.unwrap();
            match asked {
                "get" => drop(carts.get("count").await.unwrap_err()),
                "increment" => drop(carts.increment("count", 1).await.unwrap_err()),
                "sleep" => {
                    let sleep = past.sleep(past.now().after(Duration::from_hours(1)));
                    sleep.begin().await.unwrap_err();
                }
                _ => {
                    let call = past.call("request", "to a service".to_owned(), [0; 32]);
                    call.begin().await.unwrap_err();
                }
            }
            // Also where the component goes on after the error.
            let refused = past.error().unwrap();
            assert!(matches!(refused, Error::Refused { .. }), "{refused}");
            let text = refused.to_string();
            assert!(text.contains(&format!("asked for {asked} ")), "{text}");
        }
        assert_eq!(fuse.count(), writes);
        assert_eq!(world.value("count").await.as_deref(), Some("1"));
        assert_eq!(journals.head(&name()).await.unwrap(), head);
        let live = process.session().await.unwrap();
        assert!(matches!(live.ask().await, Err(Error::Place { .. })));
    }
}

/// An effect in doubt is settled by a process that has the worker, and by no rehearsal.
#[tokio::test]
async fn a_rehearsal_leaves_an_interrupted_effect_alone() {
    for abilities in [Abilities::All, Abilities::Versions] {
        // At every write of the invocation.
        for at in 0..30 {
            let world = world(abilities);
            let fuse = Fuse::new(at, Accident::CrashAfter);
            let first = world.process(&fuse);
            let crashed = async {
                let session = first.session().await?;
                session.accept(invoked("add", "k")).await?;
                first.run(&session).await
            };
            if crashed.await.is_ok() {
                break;
            }
            let fuse = Fuse::never();
            let second = world.process(&fuse);
            let journals = second.journals().await.unwrap();
            let Ok(head) = journals.head(&name()).await else {
                continue;
            };
            let count = world.value("count").await;
            let requests = world.requests.lock().clone();
            // One that was interrupted before its first record has none.
            let Ok(whole) = rehearse(&second).await else {
                continue;
            };
            if let Ok(answers) = second.run(&whole).await {
                assert!(answers.is_empty() || head.status == Status::Idle);
            } else {
                let error = whole.error().unwrap();
                let is_end = matches!(error, Error::Refused { .. } | Error::Ended);
                assert!(is_end, "{at}: {error}");
            }
            assert_eq!(fuse.count(), 0, "{at}");
            assert_eq!(world.value("count").await, count);
            assert_eq!(*world.requests.lock(), requests);
            assert_eq!(journals.head(&name()).await.unwrap(), head);
        }
    }
}

#[tokio::test]
async fn a_rehearsal_names_what_another_component_does_and_changes_nothing() {
    let world = world(Abilities::All);
    let fuse = Fuse::never();
    let process = world.process(&fuse);
    run(&process, &["a", "b"]).await;
    let journals = process.journals().await.unwrap();
    let (head, writes) = (journals.head(&name()).await.unwrap(), fuse.count());
    let second = ends(&journals).await[0] + 1;
    let whole = rehearse(&process).await.unwrap();
    let (_, first) = whole.next().await.unwrap().unwrap();
    let mut cart = Cart::default();
    let answer = cart.invoke(&process, &whole, &first.function).await;
    whole.returned(answer.unwrap().into()).await.unwrap();
    whole.next().await.unwrap().unwrap();
    let carts = process.carts(&whole).await.unwrap();
    carts.get("another").await.unwrap_err();
    let Some(Error::Diverged(divergence)) = whole.error() else {
        panic!("{:?}", whole.error());
    };
    assert_eq!(divergence.position, second);
    assert_eq!(divergence.recorded, "get data/carts \"cart\"");
    assert_eq!(divergence.asked, "get data/carts \"another\"");
    assert_eq!(journals.head(&name()).await.unwrap(), head);
    assert_eq!(fuse.count(), writes);
}

#[tokio::test]
async fn an_upgrade_is_of_what_was_rehearsed_and_the_worker_goes_on() {
    let world = world(Abilities::All);
    let process = process(&world);
    let (_, answers) = run(&process, &["a"]).await;
    let journals = process.journals().await.unwrap();
    let rehearsed = journals.head(&name()).await.unwrap().position;
    let session = process.session().await.unwrap();
    session.accept(invoked("add", "b")).await.unwrap();
    process.run(&session).await.unwrap();
    // It was called after the rehearsal.
    let late = upgrade(&process, rehearsed).await.unwrap_err();
    assert!(matches!(late, Error::Place { .. }), "{late}");
    let head = journals.head(&name()).await.unwrap();
    assert_eq!(head.digest, created().digest);

    let leased = Claim {
        lease: Duration::from_hours(1),
        ..process.claim()
    };
    journals.claim(&name(), &leased).await.unwrap();
    let another = self::process(&world);
    let refused = upgrade(&another, head.position).await.unwrap_err();
    assert!(matches!(refused, Error::Held { .. }), "{refused}");

    upgrade(&process, head.position).await.unwrap();
    assert_eq!(journals.head(&name()).await.unwrap().digest, NEXT);
    for key in ["c", "d"] {
        let session = process.session().await.unwrap();
        session.accept(invoked("add", key)).await.unwrap();
        let all = process.run(&session).await.unwrap();
        assert_eq!(all[0], answers[0]);
        assert_eq!(session.created().await.unwrap().digest, NEXT);
    }
    let at = positions(&journals, |record| {
        matches!(record, Record::Upgraded { .. })
    })
    .await;
    assert_eq!(at, [head.position]);
    // A fork has the component of its time.
    for (position, digest) in [(at[0] - 1, &*created().digest), (at[0], NEXT)] {
        let to = format!("fork-{position}").parse().unwrap();
        let fork = fork(&process, position, &to).await.unwrap();
        assert_eq!(fork.head().digest, digest);
    }
}

#[tokio::test]
async fn a_fork_begins_at_the_end_of_an_invocation_wherever_it_is_cut() {
    let world = world(Abilities::All);
    let process = process(&world);
    let session = process.session().await.unwrap();
    session.accept(invoked("add", "a")).await.unwrap();
    session.accept(invoked("add", "b")).await.unwrap();
    let answers = process.run(&session).await.unwrap();
    session.accept(invoked("add", "c")).await.unwrap();
    let journals = process.journals().await.unwrap();
    let ends = ends(&journals).await;
    let before = records(&journals, &name()).await;
    let sent = world.requests.lock().clone();
    for position in 0..before.len() as u64 {
        let to: WorkerName = format!("fork-{position}").parse().unwrap();
        let fork = fork(&process, position, &to).await.unwrap();
        let ended = ends.iter().filter(|end| **end <= position).count();
        let copied = match ended {
            0 => 1,
            ended => ends[ended - 1] + 1,
        };
        assert_eq!(fork.head().position, copied + 1, "{position}");
        assert_eq!(fork.head().status, Status::Idle);
        let fork = Session::open(fork, world.clock(), MOST).await.unwrap();
        let mut cart = Cart::default();
        let shown = process.run_in(&fork, &mut cart).await.unwrap();
        assert_eq!(shown, answers[..ended]);
        // Not even the answer to the last key that was copied is the fork's.
        for key in ["a", "b", "c"] {
            let accepted = fork.accept(invoked("add", key)).await.unwrap();
            assert!(
                matches!(accepted, Accepted::Queued(_)),
                "{key}: {accepted:?}"
            );
        }
        let own = process.run_in(&fork, &mut cart).await.unwrap();
        assert_eq!((own.len(), fork.seed()), (3, [9; 32]));
        let again = fork.accept(invoked("add", "a")).await.unwrap();
        assert_eq!(again, Accepted::Ended(Ok(own[0].clone().into())));
    }
    // Its requests have keys of their own.
    let requests = world.requests.lock().clone();
    assert!(sent.iter().all(|(key, sent)| requests[key] == *sent));
    assert_eq!(requests.len(), sent.len() + 3 * before.len());
    assert_eq!(records(&journals, &name()).await, before);
    let late = fork(&process, before.len() as u64, &other()).await;
    assert!(matches!(late.err(), Some(Error::Place { .. })));
    let same = fork(&process, 0, &name()).await;
    assert!(matches!(same.err(), Some(Error::Exists(_))));
}

#[tokio::test]
async fn a_fork_behind_a_snapshot_has_its_state_and_not_what_it_had_accepted() {
    let world = world(Abilities::All);
    let process = process(&world);
    let session = process.session().await.unwrap();
    let mut cart = Cart::default();
    session.accept(invoked("add", "a")).await.unwrap();
    let answer = process.run_in(&session, &mut cart).await.unwrap();
    session.accept(invoked("add", "b")).await.unwrap();
    session.snapshot(cart.save()).await.unwrap();
    process.run_in(&session, &mut cart).await.unwrap();
    let journals = process.journals().await.unwrap();
    let head = journals.head(&name()).await.unwrap();
    let first = records(&journals, &name()).await[0].0;
    assert!(first > 0);
    let early = past(&process, first - 1).await;
    assert!(matches!(early.err(), Some(Error::Place { .. })));
    let fork = fork(&process, first, &other()).await.unwrap();
    let fork = Session::open(fork, world.clock(), MOST).await.unwrap();
    let mut forked = Cart::default();
    forked.load(&fork.state().await.unwrap().unwrap());
    assert_eq!(process.run_in(&fork, &mut forked).await.unwrap(), [""; 0]);
    assert_eq!(forked.lines.len(), answer.len());
    assert_eq!(journals.head(&name()).await.unwrap(), head);
}

/// Its records are appended piece by piece.
#[tokio::test]
async fn a_long_journal_is_forked() {
    let world = world(Abilities::All);
    let process = process(&world);
    let session = process.session().await.unwrap();
    let large = Bytes::from(vec![b'x'; MAX_RECORD_BYTES / 16]);
    for key in ["a", "b", "c"] {
        session.accept(invoked("read", key)).await.unwrap();
        session.next().await.unwrap().unwrap();
        let call = session.call("read", String::new(), [0; 32]);
        assert_eq!(call.begin().await.unwrap(), Begun::Fresh);
        call.answered(large.clone()).await.unwrap();
        session.returned("ok".into()).await.unwrap();
    }
    let journals = process.journals().await.unwrap();
    let last = session.head().await.unwrap().position - 1;
    fork(&process, last, &other()).await.unwrap();
    let (one, fork) = (
        records(&journals, &name()).await,
        records(&journals, &other()).await,
    );
    assert_eq!(fork[..one.len()], one);
    assert!(matches!(fork[one.len()].1, Record::Forked { .. }));
}
