//! Stores whose watches resume and coalesce: an honest one, and defects.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::{StreamExt as _, stream};
use keywell_conformance::{Subject, watch};
use keywell_memory::MemoryStore;
use keywell_store::{
    Answer, Capabilities, Check, Event, Filter, Result, Since, Transacted, Watch, Watching, Write,
};

use crate::bug::{Bug, Caught, Inner, Planted};
use crate::honest::passes;

/// How the events of a key that are ready together are coalesced.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Coalesces {
    /// Into the last one, in its place.
    Honestly,
    /// Into the first one.
    IntoTheFirst,
    /// Into the last one, and then the first one is delivered.
    FirstAfterLast,
    /// Into the last one, and every token is that of the last event of all.
    WithTokensAhead,
    /// Into the last one, and each is counted twice.
    CountingTwice,
}

struct Latest(Coalesces);

// === impl Coalesces ===

impl Coalesces {
    fn coalesce(self, ready: &[Event], count: &AtomicU64) -> Vec<Event> {
        let mut last: HashMap<String, usize> = HashMap::new();
        let mut first: HashMap<String, usize> = HashMap::new();
        for (at, event) in ready.iter().enumerate() {
            let key = event.key().expect("the memory store delivers no gap");
            first.entry(key.to_owned()).or_insert(at);
            if last.insert(key.to_owned(), at).is_some() {
                let each = if self == Self::CountingTwice { 2 } else { 1 };
                count.fetch_add(each, Ordering::Relaxed);
            }
        }
        let end = ready.last().and_then(Event::token).cloned();
        let kept = ready.iter().enumerate().filter(|(at, event)| {
            let key = event.key().expect("it has one");
            let places = if self == Self::IntoTheFirst {
                &first
            } else {
                &last
            };
            places[key] == *at
        });
        kept.flat_map(|(at, event)| {
            let first = first[event.key().expect("it has one")];
            let mut event = event.clone();
            if let Event::Set { token, .. } | Event::Delete { token, .. } = &mut event
                && self == Self::WithTokensAhead
            {
                token.clone_from(&end);
            }
            let again = self == Self::FirstAfterLast && first != at;
            [event]
                .into_iter()
                .chain(again.then(|| ready[first].clone()))
        })
        .collect()
    }
}

impl Bug for Latest {
    fn capabilities(&self, inner: &Inner) -> Capabilities {
        Capabilities {
            watch: Watching::Latest,
            ..inner.capabilities()
        }
    }

    fn transact(
        &self,
        sound: &MemoryStore,
        checks: Vec<Check>,
        writes: Vec<Write>,
    ) -> Answer<Transacted> {
        keywell_store::Store::transact(sound, checks, writes)
    }

    fn watch(&self, inner: &Inner, filter: Filter, since: Since) -> Answer<Watch> {
        let coalesces = self.0;
        inner.watch(filter, since).map(move |watch| {
            let start = watch.start().cloned();
            let count = Arc::new(AtomicU64::new(0));
            let counting = count.clone();
            let events = watch.ready_chunks(1000).flat_map(move |ready| {
                let ready: Result<Vec<Event>> = ready.into_iter().collect();
                stream::iter(match ready {
                    Ok(ready) => coalesces
                        .coalesce(&ready, &counting)
                        .into_iter()
                        .map(Ok)
                        .collect(),
                    Err(error) => vec![Err(error)],
                })
            });
            Watch::new(start, events).counting(count)
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_whose_watches_resume_and_coalesce_passes() {
    let subject = Subject::new(Planted::new(Latest(Coalesces::Honestly)));
    let (kept, refused, _) = passes(subject).await;
    assert!(kept > 150 && refused < 21, "{kept} kept, {refused} refused");
}

#[tokio::test]
async fn a_last_state_that_is_lost_is_caught() {
    for coalesces in [Coalesces::IntoTheFirst, Coalesces::WithTokensAhead] {
        Caught::with(Latest(coalesces))
            .by(watch::the_last_state_of_every_key_is_delivered)
            .await;
    }
    Caught::with(Latest(Coalesces::IntoTheFirst))
        .by(watch::a_resumed_watch_misses_nothing)
        .await;
}

#[tokio::test]
async fn an_older_state_after_a_newer_one_is_caught() {
    Caught::with(Latest(Coalesces::FirstAfterLast))
        .by(watch::the_last_state_of_every_key_is_delivered)
        .await;
}

#[tokio::test]
async fn too_large_a_count_of_coalesced_changes_is_caught() {
    Caught::with(Latest(Coalesces::CountingTwice))
        .by(watch::the_last_state_of_every_key_is_delivered)
        .await;
}
