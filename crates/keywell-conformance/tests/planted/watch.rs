use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use futures::StreamExt as _;
use keywell_conformance::{Subject, watch};
use keywell_memory::MemoryStore;
use keywell_store::{Answer, Capabilities, Event, Filter, Since, Store, Watch, Watching};

use crate::bug::{Bug, Caught, Inner, Planted};

/// Changes or drops events of a watch.
fn altered(
    watch: Answer<Watch>,
    change: impl FnMut(Event) -> Option<Event> + Send + Clone + 'static,
) -> Answer<Watch> {
    watch.map(move |watch| {
        let start = watch.start().cloned();
        let mut change = change.clone();
        let events = watch.filter_map(move |event| {
            let event = event.map(&mut change).transpose();
            async move { event }
        });
        Watch::new(start, events)
    })
}

/// Reads the value when the event is delivered.
struct ReadsLate;

impl Bug for ReadsLate {
    fn watch(&self, inner: &Inner, filter: Filter, since: Since) -> Answer<Watch> {
        let bucket = inner.clone();
        altered(inner.watch(filter, since), move |event| match event {
            Event::Set {
                key,
                value,
                version,
                token,
            } => {
                let value = match bucket.get(&key) {
                    Answer::Now(Ok(Some(entry))) => entry.value,
                    _ => value,
                };
                Some(Event::Set {
                    key,
                    value,
                    version,
                    token,
                })
            }
            event => Some(event),
        })
    }
}

#[tokio::test]
async fn a_value_that_is_read_late_is_caught() {
    Caught::with(ReadsLate)
        .by(watch::an_event_has_the_value_of_its_write)
        .await;
}

/// Delivers only the events that pass.
struct Deaf(fn(&Event) -> bool);

impl Bug for Deaf {
    fn watch(&self, inner: &Inner, filter: Filter, since: Since) -> Answer<Watch> {
        let passes = self.0;
        altered(inner.watch(filter, since), move |event| {
            passes(&event).then_some(event)
        })
    }
}

#[tokio::test]
async fn events_that_are_not_delivered_are_caught() {
    let caught = Caught::with(Deaf(|event| matches!(event, Event::Set { .. })));
    caught.by(watch::a_watch_delivers_a_deletion).await;
    caught
        .by(keywell_conformance::ttl::a_watch_delivers_expirations)
        .await;
    let caught = Caught::with(Deaf(|event| event.key() != Some("n")));
    caught.by(watch::a_watch_delivers_increments).await;
}

/// Ignores the filter.
struct HearsAll;

impl Bug for HearsAll {
    fn watch(&self, inner: &Inner, _: Filter, since: Since) -> Answer<Watch> {
        inner.watch(Filter::All, since)
    }
}

#[tokio::test]
async fn a_filter_that_is_ignored_is_caught() {
    let caught = Caught::with(HearsAll);
    caught.by(watch::a_watch_of_a_key_delivers_no_other).await;
    caught
        .by(watch::a_watch_of_a_prefix_delivers_its_keys_only)
        .await;
    caught.by(watch::a_resumed_watch_keeps_to_its_filter).await;
}

/// Treats a star as a wildcard, as a subscription to a pattern does.
struct GlobFilter;

impl Bug for GlobFilter {
    fn watch(&self, inner: &Inner, filter: Filter, since: Since) -> Answer<Watch> {
        let filter = match filter {
            Filter::Key(key) if key.contains('*') => Filter::All,
            filter => filter,
        };
        inner.watch(filter, since)
    }
}

#[tokio::test]
async fn a_watched_pattern_is_caught() {
    Caught::with(GlobFilter)
        .by(watch::what_is_watched_is_no_pattern)
        .await;
}

/// Starts at the present instead of resuming.
struct NeverResumes;

impl Bug for NeverResumes {
    fn watch(&self, inner: &Inner, filter: Filter, _: Since) -> Answer<Watch> {
        inner.watch(filter, Since::Now)
    }
}

#[tokio::test]
async fn a_watch_that_does_not_resume_is_caught() {
    let caught = Caught::with(NeverResumes);
    caught.by(watch::a_resumed_watch_misses_nothing).await;
    caught.by(watch::a_watch_resumes_from_its_beginning).await;
    caught
        .by(watch::text_that_never_was_a_token_is_refused)
        .await;
    caught.by(watch::a_token_of_another_bucket_is_refused).await;
}

/// Accepts any number as a position in the history, also of future events.
struct TakesTheFuture;

impl Bug for TakesTheFuture {
    fn watch(&self, inner: &Inner, filter: Filter, since: Since) -> Answer<Watch> {
        let watch = inner.watch(filter.clone(), since.clone());
        match (&watch, since) {
            (Answer::Now(Err(_)), Since::After(token))
                if token.as_str().rsplit_once('-').is_some_and(|(_, number)| {
                    number.len() < 9 && number.parse::<u64>().is_ok()
                }) && token.as_str().starts_with("memory-") =>
            {
                inner.watch(filter, Since::Now)
            }
            _ => watch,
        }
    }
}

#[tokio::test]
async fn an_accepted_token_of_a_future_event_or_another_store_is_caught() {
    let caught = Caught::with(TakesTheFuture);
    let story = caught
        .by(watch::text_that_never_was_a_token_is_refused)
        .await;
    assert!(story.contains("memory-"), "{story}");
    let other = || async { Ok(Arc::new(MemoryStore::new()) as Arc<dyn Store>) };
    let subject = Subject::new(Planted::new(TakesTheFuture)).with_brief_history(100, other);
    watch::a_token_of_another_store_is_refused(&subject)
        .await
        .unwrap_err();
}

/// Delivers the first event of each key only.
struct FirstOnly;

impl Bug for FirstOnly {
    fn watch(&self, inner: &Inner, filter: Filter, since: Since) -> Answer<Watch> {
        let mut seen = HashSet::new();
        altered(inner.watch(filter, since), move |event| {
            let is_new = event.key().is_none_or(|key| seen.insert(key.to_owned()));
            is_new.then_some(event)
        })
    }
}

#[tokio::test]
async fn a_watch_that_delivers_a_key_once_is_caught() {
    let caught = Caught::with(FirstOnly);
    caught.by(watch::events_of_a_key_come_in_order).await;
    caught.by(watch::every_watch_hears_everything).await;
}

/// Delivers pairs of events in reverse order.
struct OutOfOrder;

impl Bug for OutOfOrder {
    fn watch(&self, inner: &Inner, filter: Filter, since: Since) -> Answer<Watch> {
        inner.watch(filter, since).map(|watch| {
            let start = watch.start().cloned();
            let events = watch.chunks(2).flat_map(|mut pair| {
                pair.reverse();
                futures::stream::iter(pair)
            });
            Watch::new(start, events)
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_out_of_order_are_caught() {
    let caught = Caught::with(OutOfOrder);
    caught.by(watch::events_of_a_key_come_in_order).await;
    caught.by(watch::a_watch_hears_the_last_write_last).await;
}

/// The same defect in a store that declares its watches to be lossy.
struct Lossy<B>(B);

impl<B: Bug> Bug for Lossy<B> {
    fn capabilities(&self, inner: &Inner) -> Capabilities {
        Capabilities {
            watch: Watching::Lossy,
            ..self.0.capabilities(inner)
        }
    }

    fn watch(&self, inner: &Inner, filter: Filter, since: Since) -> Answer<Watch> {
        self.0.watch(inner, filter, since)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lossy_watch_with_wrong_events_is_caught() {
    let caught = Caught::with(Lossy(OutOfOrder));
    caught.by(watch::events_of_a_key_come_in_order).await;
    caught.by(watch::a_watch_hears_the_last_write_last).await;
    let caught = Caught::with(Lossy(FirstOnly));
    caught.by(watch::events_of_a_key_come_in_order).await;
    caught.by(watch::a_watch_delivers_swaps).await;
    let caught = Caught::with(Lossy(HearsAll));
    caught.by(watch::a_watch_of_a_key_delivers_no_other).await;
    let caught = Caught::with(Lossy(Deaf(|event| matches!(event, Event::Set { .. }))));
    caught.by(watch::a_watch_delivers_a_deletion).await;
    caught
        .by(watch::a_watch_delivers_every_write_of_a_batch)
        .await;
    caught
        .by(keywell_conformance::ttl::a_watch_delivers_expirations)
        .await;
}

/// Opens a watch for each filter.
struct WatchesEach;

impl Bug for WatchesEach {
    fn watch(&self, inner: &Inner, filter: Filter, since: Since) -> Answer<Watch> {
        let Filter::AnyOf(filters) = filter else {
            return inner.watch(filter, since);
        };
        let each = filters
            .into_iter()
            .map(|filter| self.watch(inner, filter, since.clone()));
        Answer::sequence(each).map(|watches| Watch::new(None, futures::stream::select_all(watches)))
    }
}

/// Treats an empty list of filters as all keys.
struct NoneIsAll;

impl Bug for NoneIsAll {
    fn watch(&self, inner: &Inner, filter: Filter, since: Since) -> Answer<Watch> {
        let filter = match filter {
            Filter::AnyOf(filters) if filters.is_empty() => Filter::All,
            filter => filter,
        };
        inner.watch(filter, since)
    }
}

#[tokio::test]
async fn a_change_that_is_delivered_for_each_filter_is_caught() {
    Caught::with(WatchesEach)
        .by(watch::a_watch_of_several_filters_delivers_a_change_once)
        .await;
    Caught::with(Lossy(WatchesEach))
        .by(watch::a_watch_of_several_filters_delivers_a_change_once)
        .await;
    Caught::with(NoneIsAll)
        .by(watch::a_watch_of_several_filters_delivers_a_change_once)
        .await;
}

/// Delivers everything, and counts an event as coalesced.
struct Miscounts;

impl Bug for Miscounts {
    fn watch(&self, inner: &Inner, filter: Filter, since: Since) -> Answer<Watch> {
        let watch = inner.watch(filter, since);
        watch.map(|watch| watch.counting(Arc::new(AtomicU64::new(1))))
    }
}

#[tokio::test]
async fn a_resumable_watch_that_counts_coalesced_events_is_caught() {
    Caught::with(Miscounts)
        .by(watch::a_watch_that_resumes_coalesces_nothing)
        .await;
    Caught::with(FirstOnly)
        .by(watch::a_watch_that_resumes_coalesces_nothing)
        .await;
}

/// Reports the end of the history, or the start of the watch, as the position of the watch.
struct Misreports {
    is_ahead: bool,
}

impl Bug for Misreports {
    fn watch(&self, inner: &Inner, filter: Filter, since: Since) -> Answer<Watch> {
        let (bucket, is_ahead) = (inner.clone(), self.is_ahead);
        inner.watch(filter, since).map(move |watch| {
            let start = watch.start().cloned().expect("it resumes");
            let began = start.clone();
            Watch::new(Some(start), watch).reaching(move || {
                match bucket.watch(Filter::All, Since::Now) {
                    Answer::Now(Ok(now)) if is_ahead => now.start().cloned().expect("it resumes"),
                    _ => began.clone(),
                }
            })
        })
    }
}

#[tokio::test]
async fn a_watch_that_reports_a_wrong_position_is_caught() {
    for is_ahead in [true, false] {
        Caught::with(Misreports { is_ahead })
            .by(watch::how_far_a_watch_has_come_is_where_it_resumes)
            .await;
    }
    Caught::with(Misreports { is_ahead: false })
        .by(watch::a_watch_position_advances_past_filtered_changes)
        .await;
}
