//! Stores that declare what watches deliver when a time to live ends: honest ones, and defects.

use futures::{StreamExt as _, stream};
use keywell_conformance::{Outcome, Subject, ttl};
use keywell_store::{
    Answer, Batching, Capabilities, Cas, Ends, Event, Filter, Listing, Since, Watch, Watching,
};

use crate::bug::{Bug, Caught, Inner, Planted};
use crate::honest::passes;
use crate::modest::Modest;

fn declared(ends: Ends, watch: Watching) -> Capabilities {
    Capabilities {
        cas: Cas::ByVersion,
        increment: true,
        list: Listing::Ordered,
        batch: Batching::Sequential,
        watch,
        ttl: true,
        ends,
        ..Capabilities::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_that_deliver_expirations_late_or_never_pass() {
    for ends in [Ends::Late, Ends::Untold] {
        for watch in [Watching::Lossy, Watching::Resumable] {
            let store = Planted::new(Modest(declared(ends, watch)));
            let (kept, ..) = passes(Subject::new(store)).await;
            assert!(kept > 130, "{kept} kept, {ends:?}, {watch:?}");
        }
    }
}

#[tokio::test]
async fn a_store_that_declares_late_expirations_is_not_asked_for_prompt_ones() {
    for ends in [Ends::Late, Ends::Untold] {
        let store = Planted::new(Modest(declared(ends, Watching::Resumable)));
        let subject = Subject::new(store);
        let prompt = ttl::a_watch_delivers_expirations(&subject).await.unwrap();
        assert!(matches!(prompt, Outcome::Skipped(_)), "{prompt}");
        let order = ttl::an_expiration_is_delivered_before_the_next_write(&subject).await;
        assert_eq!(order.unwrap(), Outcome::Kept);
    }
}

/// How a store delivers an expiration that its service collects.
#[derive(Clone, Copy)]
enum Collected {
    /// As declared.
    AsExpired,
    /// As a deletion by a caller.
    AsDeleted,
    /// Twice.
    Twice,
    /// After the next write of the key.
    AfterTheNextWrite,
    /// Not at all.
    Dropped,
}

struct Collects {
    ends: Ends,
    how: Collected,
}

// === impl Collected ===

impl Collected {
    /// What is delivered for an event. `held` has an expiration that waits for the next write.
    fn delivers(self, event: Event, held: &mut Option<Event>) -> Vec<Event> {
        let Event::Delete {
            key,
            expired: true,
            token,
        } = event.clone()
        else {
            return [event].into_iter().chain(held.take()).collect();
        };
        match self {
            Self::AsExpired => vec![event],
            Self::AsDeleted => vec![Event::Delete {
                key,
                expired: false,
                token,
            }],
            Self::Twice => vec![event.clone(), event],
            Self::AfterTheNextWrite => {
                *held = Some(event);
                Vec::new()
            }
            Self::Dropped => Vec::new(),
        }
    }
}

impl Bug for Collects {
    fn capabilities(&self, inner: &Inner) -> Capabilities {
        Capabilities {
            ends: self.ends,
            ..inner.capabilities()
        }
    }

    fn watch(&self, inner: &Inner, filter: Filter, since: Since) -> Answer<Watch> {
        let how = self.how;
        inner.watch(filter, since).map(move |watch| {
            let start = watch.start().cloned();
            let mut held = None;
            let events = watch.flat_map(move |event| {
                stream::iter(match event {
                    Ok(event) => {
                        let each = how.delivers(event, &mut held);
                        each.into_iter().map(Ok).collect()
                    }
                    Err(error) => vec![Err(error)],
                })
            });
            Watch::new(start, events)
        })
    }
}

#[tokio::test]
async fn an_expiration_that_is_not_as_declared_is_caught() {
    let wrong = [
        (Ends::Swept, Collected::Dropped),
        (Ends::Swept, Collected::AsDeleted),
        (Ends::Swept, Collected::Twice),
        (Ends::Swept, Collected::AfterTheNextWrite),
        (Ends::Late, Collected::AsDeleted),
        (Ends::Late, Collected::Twice),
        (Ends::Late, Collected::AfterTheNextWrite),
        (Ends::Untold, Collected::AsExpired),
        (Ends::Untold, Collected::AsDeleted),
    ];
    for (ends, how) in wrong {
        Caught::with(Collects { ends, how })
            .by(ttl::an_expiration_is_delivered_before_the_next_write)
            .await;
    }
}
