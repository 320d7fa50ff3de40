//! Differences from the model, which shrink to few operations.

use bytes::Bytes;
use keywell_conformance::Subject;
use keywell_conformance::models::{Counterexample, ModelOperation, drive};
use keywell_store::{Answer, Change, Expected, List, Page, Set, Swap, counter};

use crate::bug::{Bug, Inner, Planted};

fn found(bug: impl Bug) -> Counterexample {
    let driven = drive(2000, async || Subject::new(Planted::new(bug)));
    let found = driven.expect_err("the defect is found");
    println!("{found}");
    found
}

struct OverwritesCreators;

impl Bug for OverwritesCreators {
    fn swap(&self, inner: &Inner, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        match (expected, change) {
            (Expected::Absent, Change::Set(value, how)) => inner
                .set(key, value, how)
                .map(|version| Swap::Done(Some(version))),
            (expected, change) => inner.swap(key, expected, change),
        }
    }
}

#[test]
fn a_swap_that_overwrites_shrinks_to_a_set_and_a_swap() {
    let found = found(OverwritesCreators);
    assert!(found.operations.len() <= 2, "{found}");
    assert!(
        matches!(found.operations.last(), Some(ModelOperation::Swap(..))),
        "{found}"
    );
    assert!(found.to_string().contains("KEYWELL_SEED="), "{found}");
}

struct MalformedIsZero;

impl Bug for MalformedIsZero {
    fn increment(&self, inner: &Inner, key: &str, delta: i64) -> Answer<i64> {
        match inner.get(key) {
            Answer::Now(Ok(Some(entry))) if counter::number(&entry.value).is_err() => {
                let value = counter::text(delta);
                inner.set(key, value, Set::default()).map(move |_| delta)
            }
            _ => inner.increment(key, delta),
        }
    }
}

#[test]
fn a_malformed_counter_shrinks_to_a_set_and_an_increment() {
    let found = found(MalformedIsZero);
    // The write of a value that is not a number, and the increment.
    assert_eq!(found.operations.len(), 2, "{found}");
    assert!(
        matches!(found.operations[1], ModelOperation::Increment(_, 1)),
        "{found}"
    );
}

struct DropsBorders;

impl Bug for DropsBorders {
    fn list(&self, inner: &Inner, request: List) -> Answer<Page> {
        inner.list(request).map(|mut page| {
            if page.cursor.is_some() && page.keys.len() > 1 {
                page.keys.pop();
            }
            page
        })
    }
}

#[test]
fn a_page_that_drops_a_key_shrinks_to_as_many_keys_as_it_takes() {
    let found = found(DropsBorders);
    // Three keys on pages of two, written together or one by one.
    assert!(found.operations.len() <= 4, "{found}");
}

/// Drops empty values from a batch.
struct ForgetsEmpty;

impl Bug for ForgetsEmpty {
    fn set_many(&self, inner: &Inner, entries: Vec<(&str, Bytes)>) -> Answer<()> {
        let entries = entries.into_iter().filter(|(_, value)| !value.is_empty());
        inner.set_many(entries.collect())
    }
}

#[test]
fn a_batch_that_forgets_an_empty_value_shrinks_to_that_value() {
    let found = found(ForgetsEmpty);
    assert_eq!(
        found.operations,
        [ModelOperation::SetMany(vec![("a", "")])],
        "{found}"
    );
}

#[test]
fn stores_that_declare_less_agree_with_the_model() {
    use keywell_store::{Batching, Capabilities, Cas, Listing};
    let little = Capabilities::default();
    let middling = Capabilities {
        cas: Cas::ByValue,
        increment: true,
        list: Listing::Unordered,
        batch: Batching::Sequential,
        ..Capabilities::default()
    };
    for declared in [little, middling] {
        let subject = async || Subject::new(Planted::new(crate::modest::Modest(declared)));
        drive(200, subject).unwrap_or_else(|found| panic!("{found}"));
    }
}
