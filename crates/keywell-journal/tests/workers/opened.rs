//! Calls that stay open while the component goes on.

use std::sync::Arc;

use bytes::Bytes;
use keywell_journal::{Begun, Call, Decision, Error, Session, Status};
use keywell_memory::MemoryStore;
use keywell_store::Store;

use crate::component::{World, digest, invoked, name};
use crate::doubles::{Abilities, Fuse};

fn world() -> World {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    World::new(store.clone(), store, Abilities::All)
}

/// Begins the invocation that is left, with two calls, which are opened.
async fn opened(session: &Session) -> [(Call, Begun); 2] {
    session.next().await.unwrap().unwrap();
    let calls = ["one", "two"].map(|text| session.call("send", text.to_owned(), digest(text)));
    let [one, two] = calls;
    let begun = [one.open().await.unwrap(), two.open().await.unwrap()];
    let [first, second] = begun;
    [(one, first), (two, second)]
}

async fn upcoming(session: &Session, calls: &[(Call, Begun); 2]) -> Option<u64> {
    let numbers = calls.each_ref().map(|(call, _)| call.number());
    session.upcoming(&numbers, "a wait").await.unwrap()
}

#[tokio::test]
async fn answers_come_in_the_order_in_which_they_were_recorded() {
    let world = world();
    let process = world.process(&Fuse::never());
    let session = process.session().await.unwrap();
    session.accept(invoked("add", "a")).await.unwrap();
    let calls = opened(&session).await;
    for (call, begun) in &calls {
        assert_eq!(*begun, Begun::Fresh);
        call.intend(Bytes::new()).await.unwrap();
    }
    assert_eq!(upcoming(&session, &calls).await, None);
    calls[1].0.settled("second".into()).await.unwrap();
    calls[0].0.settled("first".into()).await.unwrap();
    session.returned("done".into()).await.unwrap();

    let session = world.process(&Fuse::never()).session().await.unwrap();
    let [(one, first), (two, second)] = opened(&session).await;
    let numbers = [one.number(), two.number()];
    assert!(matches!(first, Begun::Interrupted { .. }), "{first:?}");
    let next = session.upcoming(&numbers, "a wait").await.unwrap();
    assert_eq!(next, Some(two.number()));
    let answer = two.resume(second).await.unwrap();
    assert_eq!(answer, Begun::Answer("second".into()));
    // Another call than the one that comes.
    let wrong = session.upcoming(&numbers[1..], "a wait for one").await;
    let wrong = wrong.unwrap_err();
    assert!(matches!(wrong, Error::Diverged(_)), "{wrong}");
    assert!(wrong.to_string().contains("a wait for one"), "{wrong}");
}

#[tokio::test]
async fn the_one_that_stopped_the_worker_is_decided() {
    let world = world();
    let session = world.process(&Fuse::never()).session().await.unwrap();
    session.accept(invoked("add", "a")).await.unwrap();
    for (call, _) in opened(&session).await {
        call.intend(Bytes::new()).await.unwrap();
    }
    // The first can be repeated, and is not in doubt.
    let process = world.process(&Fuse::never());
    let session = process.session().await.unwrap();
    let [_, (two, begun)] = opened(&session).await;
    let Begun::Interrupted { position, .. } = begun else {
        panic!("{begun:?}");
    };
    let error = two.stop(position).await;
    assert!(error.to_string().contains("two"), "{error}");
    let journals = process.journals().await.unwrap();
    let head = journals.head(&name()).await.unwrap();
    assert!(matches!(head.status, Status::Ambiguous { position: at, .. } if at == position));
    let (name, claim) = (name(), process.claim());
    let decided = journals.resolve(&name, Decision::Applied, &claim);
    decided.await.unwrap();

    let session = world.process(&Fuse::never()).session().await.unwrap();
    let calls = opened(&session).await;
    let next = upcoming(&session, &calls).await;
    let [(one, first), (two, second)] = calls;
    assert_eq!(next, None, "a decision is no event");
    let decided = two.resume(second).await.unwrap();
    let Begun::Interrupted { decision, .. } = decided else {
        panic!("{decided:?}");
    };
    assert_eq!(decision, Some(Decision::Applied));
    assert_eq!(one.resume(first.clone()).await.unwrap(), first);
}

/// The component does something else between the request and the wait for it.
#[tokio::test]
async fn a_decision_is_found_wherever_it_was_recorded() {
    let world = world();
    let send = |session: &Session| session.call("send", "one".to_owned(), digest("one"));
    let set = |session: &Session| session.call("set", "two".to_owned(), digest("two"));
    let session = world.process(&Fuse::never()).session().await.unwrap();
    session.accept(invoked("add", "a")).await.unwrap();
    session.next().await.unwrap().unwrap();
    let request = send(&session);
    assert_eq!(request.open().await.unwrap(), Begun::Fresh);
    request.intend(Bytes::new()).await.unwrap();
    let other = set(&session);
    assert_eq!(other.begin().await.unwrap(), Begun::Fresh);
    other.intend(Bytes::new()).await.unwrap();
    // How it ended is recorded in memory, and lost with the process.
    other.settled("done".into()).await.unwrap();

    let process = world.process(&Fuse::never());
    let session = process.session().await.unwrap();
    session.next().await.unwrap().unwrap();
    let request = send(&session);
    let Begun::Interrupted { position, .. } = request.open().await.unwrap() else {
        panic!("its intent was recorded");
    };
    let other = set(&session);
    assert!(matches!(
        other.begin().await.unwrap(),
        Begun::Interrupted { .. }
    ));
    other.settled("done".into()).await.unwrap();
    let error = request.stop(position).await;
    assert!(matches!(error, Error::Ambiguous { .. }), "{error}");
    let journals = process.journals().await.unwrap();
    let (name, claim) = (name(), process.claim());
    let decided = journals.resolve(&name, Decision::Retry, &claim);
    decided.await.unwrap();

    let session = world.process(&Fuse::never()).session().await.unwrap();
    session.next().await.unwrap().unwrap();
    let request = send(&session);
    let begun = request.open().await.unwrap();
    let other = set(&session).begin().await.unwrap();
    assert!(matches!(other, Begun::Interrupted { .. }), "{other:?}");
    let Begun::Interrupted { decision, .. } = request.resume(begun).await.unwrap() else {
        panic!("it is not answered");
    };
    assert_eq!(decision, Some(Decision::Retry));
}
