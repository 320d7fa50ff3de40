//! Stores that do what they do not declare.

use keywell_conformance::{Failure, Outcome, Subject, atomics, paging, ttl, watch};
use keywell_store::{Capabilities, Cas, Listing, Watching};

use crate::bug::{Bug, Caught, Inner, Planted};

/// Declares less than it does.
struct Declares(fn(&mut Capabilities));

impl Bug for Declares {
    fn capabilities(&self, inner: &Inner) -> Capabilities {
        let mut declared = inner.capabilities();
        (self.0)(&mut declared);
        declared
    }
}

#[tokio::test]
async fn what_is_done_though_undeclared_is_caught() {
    Caught::with(Declares(|declared| declared.cas = Cas::None))
        .by(atomics::a_stale_swap_writes_nothing)
        .await;
    Caught::with(Declares(|declared| declared.increment = false))
        .by(atomics::an_increment_answers_the_new_value)
        .await;
    Caught::with(Declares(|declared| declared.list = Listing::None))
        .by(paging::a_listing_has_each_key_once)
        .await;
    Caught::with(Declares(|declared| declared.watch = Watching::None))
        .by(watch::a_watch_delivers_a_set)
        .await;
    Caught::with(Declares(|declared| declared.watch = Watching::Lossy))
        .by(watch::a_resumed_watch_misses_nothing)
        .await;
    Caught::with(Declares(|declared| declared.ttl = false))
        .by(ttl::a_key_is_gone_when_its_time_ends)
        .await;
}

/// Refuses an increment after it has written it.
struct RefusesAfterwards;

impl Bug for RefusesAfterwards {
    fn capabilities(&self, inner: &Inner) -> Capabilities {
        Capabilities {
            increment: false,
            ..inner.capabilities()
        }
    }

    fn increment(&self, inner: &Inner, key: &str, delta: i64) -> keywell_store::Answer<i64> {
        inner
            .increment(key, delta)
            .and_then(|_| Err(keywell_store::Error::Unsupported("counters")))
    }
}

#[tokio::test]
async fn what_is_refused_after_it_was_done_is_caught() {
    let caught = Caught::with(RefusesAfterwards);
    let story = caught.by(atomics::an_increment_answers_the_new_value).await;
    assert!(story.contains("adds nothing"), "{story}");
}

#[tokio::test]
async fn what_declares_more_than_it_does_is_caught() {
    // The example of the contract has no listing, and declares none.
    struct ListsNothing;
    impl Bug for ListsNothing {
        fn list(
            &self,
            _: &Inner,
            _: keywell_store::List,
        ) -> keywell_store::Answer<keywell_store::Page> {
            keywell_store::Error::Unsupported("a listing of keys").into()
        }
    }
    Caught::with(ListsNothing)
        .by(paging::an_empty_bucket_lists_nothing)
        .await;
}

#[tokio::test]
async fn a_declared_refusal_is_not_reported_as_kept() -> Result<(), Failure> {
    let subject = Subject::new(Planted::new(crate::modest::Modest(Capabilities::default())));
    let outcome = atomics::a_stale_swap_writes_nothing(&subject).await?;
    assert_eq!(outcome, Outcome::Refused("compare-and-swap"));
    Ok(())
}
