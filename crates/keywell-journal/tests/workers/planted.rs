//! Hosts with a defect, which the accidents of their writes bring to light.

use std::sync::Arc;

use bytes::Bytes;
use keywell_journal::{Begun, Error, Result, Session};
use keywell_memory::MemoryStore;
use keywell_store::Store;

use crate::component::{Process, World, bucket_name, digest, invoked};
use crate::doubles::{ACCIDENTS, Abilities, Accident, Fuse, Fused};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    None,
    EffectBeforeCommit,
    RetryOfAnIncrement,
}

/// Increments by hand, as a host would.
async fn increment(process: &Process, session: &Session, defect: Defect) -> Result<i64> {
    let bucket = Fused {
        inner: process.world.data.clone(),
        fuse: process.fuse.clone(),
        abilities: Abilities::Versions,
    }
    .open(&bucket_name())
    .await?;
    if defect == Defect::None {
        return Ok(process.carts(session).await?.increment("count", 1).await?);
    }
    let call = session.call("increment", String::new(), [0; 32]);
    let begun = call.begin().await?;
    let count = match (begun, defect) {
        (Begun::Answer(count), _) => {
            return Ok(i64::from_le_bytes(count[..].try_into().unwrap()));
        }
        (_, Defect::EffectBeforeCommit) => {
            let count = bucket.increment("count", 1).await?;
            call.intend(Bytes::new()).await?;
            count
        }
        (begun, _) => {
            if begun == Begun::Fresh {
                call.intend(Bytes::new()).await?;
            }
            bucket.increment("count", 1).await?
        }
    };
    call.settled(Bytes::copy_from_slice(&count.to_le_bytes()))
        .await?;
    Ok(count)
}

/// Whether each accident leaves the count exact, where no operator is asked.
async fn is_exact(defect: Defect) -> bool {
    for accident in ACCIDENTS {
        for at in 0..30 {
            let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
            let world = World::new(store.clone(), store, Abilities::All);
            if !run(&world, defect, at, accident).await {
                return false;
            }
        }
    }
    true
}

async fn run(world: &World, defect: Defect, at: u64, accident: Accident) -> bool {
    let mut fuse = Fuse::new(at, accident);
    for _ in 0..5 {
        let process = world.process(&fuse);
        fuse = Fuse::never();
        let ran = async {
            let session = process.session().await?;
            session.accept(invoked("add", "k")).await?;
            while session.next().await?.is_some() {
                for _ in 0..3 {
                    increment(&process, &session, defect).await?;
                }
                session.returned(Bytes::new()).await?;
            }
            Ok::<_, Error>(())
        };
        if ran.await.is_ok() {
            return world.value("count").await.as_deref() == Some("3");
        }
    }
    panic!("no process came to the end");
}

#[tokio::test]
async fn an_effect_before_its_commit_is_found() {
    assert!(is_exact(Defect::None).await);
    assert!(!is_exact(Defect::EffectBeforeCommit).await);
}

#[tokio::test]
async fn a_retry_of_an_increment_is_found() {
    assert!(!is_exact(Defect::RetryOfAnIncrement).await);
}

/// What a replay says of a component that sets another value than the recorded one.
async fn replay(digest: fn(&str) -> [u8; 32]) -> Result<()> {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let world = World::new(store.clone(), store, Abilities::All);
    for value in ["milk", "tea"] {
        let process = world.process(&Fuse::never());
        let session = process.session().await?;
        session.accept(invoked("add", "k")).await?;
        session.next().await?.unwrap();
        let call = session.call("set", format!("cart {value}"), digest(value));
        if call.begin().await? == Begun::Fresh {
            call.intend(Bytes::new()).await?;
            call.settled(Bytes::new()).await?;
            session.accept(invoked("commit", "l")).await?;
        }
        // The recorded process is gone before its end.
        let other = session.call("commit", String::new(), [1; 32]);
        if other.begin().await? == Begun::Fresh {
            other.intend(Bytes::new()).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn arguments_that_are_not_compared_are_found() {
    let compared = replay(digest).await.unwrap_err();
    let text = compared.to_string();
    let expected = "worker cart-1 diverged at record 2: recorded is set cart milk, asked was set \
                    cart tea";
    assert_eq!(text, expected);
    // As a host would that records the name alone: the replay goes on with another value.
    replay(|_| [0; 32]).await.unwrap();
}
