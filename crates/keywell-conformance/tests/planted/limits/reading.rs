//! Stores that answer with more than their caller can hold.

use keywell_conformance::limits;
use keywell_store::{Answer, Entry};

use crate::bug::{Bug, Caught, Inner};

/// Ignores how much its caller can hold.
struct Boundless;

impl Bug for Boundless {
    fn get_within(&self, inner: &Inner, key: &str, _: usize) -> Answer<Option<Entry>> {
        inner.get(key)
    }

    fn get_many_within(
        &self,
        inner: &Inner,
        keys: &[&str],
        _: usize,
    ) -> Answer<Vec<Option<Entry>>> {
        inner.get_many(keys)
    }
}

/// Ignores how much its caller can hold when it reads with expiry.
struct BoundlessWithExpiry;

impl Bug for BoundlessWithExpiry {
    fn get_with_expiry(
        &self,
        inner: &Inner,
        keys: &[&str],
        _: usize,
    ) -> Answer<Vec<Option<Entry>>> {
        inner.get_with_expiry(keys, usize::MAX)
    }
}

/// Checks each value of a batch separately.
struct EachAlone;

impl Bug for EachAlone {
    fn get_many_within(
        &self,
        inner: &Inner,
        keys: &[&str],
        max: usize,
    ) -> Answer<Vec<Option<Entry>>> {
        Answer::sequence(keys.iter().map(|key| inner.get_within(key, max)))
    }
}

/// Answers that a value is absent if the caller cannot hold it.
struct Hides;

impl Bug for Hides {
    fn get_within(&self, inner: &Inner, key: &str, max: usize) -> Answer<Option<Entry>> {
        let found = inner.get(key);
        found.map(move |entry| entry.filter(|entry| entry.value.len() <= max))
    }
}

/// Refuses a value that just fits.
struct Tight;

impl Bug for Tight {
    fn get_within(&self, inner: &Inner, key: &str, max: usize) -> Answer<Option<Entry>> {
        inner.get_within(key, max.saturating_sub(1))
    }
}

#[tokio::test]
async fn a_store_that_ignores_how_much_its_caller_can_hold_is_caught() {
    for_values(Boundless).await;
    for_values(Hides).await;
    for_values(Tight).await;
    for_batches(Boundless).await;
    for_batches(BoundlessWithExpiry).await;
    for_batches(EachAlone).await;
}

async fn for_values(bug: impl Bug) {
    let caught = Caught::with(bug);
    caught
        .by(limits::a_value_that_the_caller_cannot_hold_is_refused)
        .await;
}

async fn for_batches(bug: impl Bug) {
    let caught = Caught::with(bug);
    caught
        .by(limits::values_that_the_caller_cannot_hold_together_are_refused)
        .await;
}
