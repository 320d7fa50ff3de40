//! Stores that do not keep the limits they declare.

mod batches;
mod characters;
mod reading;

use bytes::Bytes;
use keywell_conformance::{limits, store};
use keywell_store::{
    Answer, Capabilities, Change, Error, Expected, Invalid, Set, Swap, Version, counter,
};

use crate::bug::{Bug, Caught, Inner};

/// A store that declares keys of 250 bytes and values of 4 KiB and refuses longer ones, except for
/// one defect.
#[derive(Clone, Copy)]
struct Small(Defect);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Defect {
    CutsKeys,
    CutsValues,
    TakesMore,
    /// Checks no keys of increments.
    TakesMoreInIncrements,
    /// Checks no values of swaps.
    TakesMoreInSwaps,
    /// Checks no values with a time to live.
    TakesMoreForAWhile,
    /// Refuses a batch only at the entry that is too large.
    HalfBatches,
    /// Writes a truncated value, and then refuses it.
    WritesAndRefuses,
    /// Reports the refusal of a service as an internal error.
    RefusesOtherwise,
    /// Counts the key towards the size of the value.
    CountsKeysIn,
    /// Declares more than it holds.
    TakesLess,
}

impl Small {
    fn check(self, inner: &Inner, key: &str, value: &[u8]) -> Result<(), Error> {
        let declared = self.capabilities(inner);
        let taken = match self.0 {
            Defect::TakesMore => return Ok(()),
            Defect::TakesLess => Capabilities {
                key_bytes: 200,
                value_bytes: 1000,
                ..declared
            },
            _ => declared,
        };
        if self.0 == Defect::CountsKeysIn && key.len() + value.len() > declared.value_bytes {
            let (bytes, max) = (key.len() + value.len(), declared.value_bytes);
            return Err(Invalid::ValueTooLarge { bytes, max }.into());
        }
        taken.check(key, value).map_err(|error| match self.0 {
            Defect::RefusesOtherwise => Error::Internal("the service answers 413".into()),
            _ => error,
        })
    }

    fn write(self, inner: &Inner, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        let declared = self.capabilities(inner);
        let checked = self.check(inner, key, &value);
        let shorter = &key[..key.floor_char_boundary(declared.key_bytes)];
        let less = value.slice(..value.len().min(declared.value_bytes));
        match (checked, self.0) {
            (Ok(()), _) => inner.set(key, value, how),
            (Err(_), Defect::CutsKeys) => inner.set(shorter, value, how),
            (Err(_), Defect::CutsValues) => inner.set(key, less, how),
            (Err(error), Defect::WritesAndRefuses) => {
                inner.set(key, less, how).and_then(|_| Err(error))
            }
            (Err(error), _) => error.into(),
        }
    }
}

impl Bug for Small {
    fn capabilities(&self, inner: &Inner) -> Capabilities {
        Capabilities {
            key_bytes: 250,
            value_bytes: 4096,
            ..inner.capabilities()
        }
    }

    fn set(&self, inner: &Inner, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        if self.0 == Defect::TakesMoreForAWhile && how.ttl.is_some() {
            return inner.set(key, value, how);
        }
        self.write(inner, key, value, how)
    }

    fn swap(&self, inner: &Inner, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        if let Change::Set(value, _) = &change
            && self.0 != Defect::TakesMoreInSwaps
            && let Err(error) = self.check(inner, key, value)
        {
            return error.into();
        }
        inner.swap(key, expected, change)
    }

    fn increment(&self, inner: &Inner, key: &str, delta: i64) -> Answer<i64> {
        if self.0 != Defect::TakesMoreInIncrements
            && let Err(error) = self.check(inner, key, &counter::text(delta))
        {
            return error.into();
        }
        inner.increment(key, delta)
    }

    fn set_many(&self, inner: &Inner, entries: Vec<(&str, Bytes)>) -> Answer<()> {
        if self.0 != Defect::HalfBatches {
            let mut checked = entries.iter();
            let checked = checked.try_for_each(|(key, value)| self.check(inner, key, value));
            if let Err(error) = checked {
                return error.into();
            }
        }
        let sets = entries
            .into_iter()
            .map(|(key, value)| self.write(inner, key, value, Set::default()));
        Answer::sequence(sets).map(drop)
    }
}

#[tokio::test]
async fn a_store_that_takes_more_than_it_declares_is_caught() {
    let caught = Caught::with(Small(Defect::TakesMore));
    caught
        .by(limits::a_store_refuses_longer_keys_than_it_declares)
        .await;
    caught
        .by(limits::a_store_refuses_larger_values_than_it_declares)
        .await;
    let caught = Caught::with(Small(Defect::TakesMoreInIncrements));
    caught
        .by(limits::a_store_refuses_longer_keys_than_it_declares)
        .await;
    for defect in [Defect::TakesMoreInSwaps, Defect::TakesMoreForAWhile] {
        let caught = Caught::with(Small(defect));
        caught
            .by(limits::a_store_refuses_longer_keys_than_it_declares)
            .await;
        caught
            .by(limits::a_store_refuses_larger_values_than_it_declares)
            .await;
    }
}

#[tokio::test]
async fn truncation_to_the_declared_limit_is_caught() {
    Caught::with(Small(Defect::CutsKeys))
        .by(limits::a_store_refuses_longer_keys_than_it_declares)
        .await;
    Caught::with(Small(Defect::CutsValues))
        .by(limits::a_store_refuses_larger_values_than_it_declares)
        .await;
}

#[tokio::test]
async fn a_refused_write_that_is_written_in_part_is_caught() {
    for defect in [Defect::HalfBatches, Defect::WritesAndRefuses] {
        let caught = Caught::with(Small(defect));
        let story = caught
            .by(limits::a_store_refuses_larger_values_than_it_declares)
            .await;
        assert!(story.contains("a refused"), "{story}");
    }
    let caught = Caught::with(Small(Defect::HalfBatches));
    let story = caught
        .by(limits::a_store_refuses_longer_keys_than_it_declares)
        .await;
    assert!(story.contains("a refused"), "{story}");
}

#[tokio::test]
async fn a_refusal_of_the_wrong_kind_is_caught() {
    let caught = Caught::with(Small(Defect::RefusesOtherwise));
    caught
        .by(limits::a_store_refuses_longer_keys_than_it_declares)
        .await;
    caught
        .by(limits::a_store_refuses_larger_values_than_it_declares)
        .await;
}

#[tokio::test]
async fn a_store_that_takes_less_than_it_declares_is_caught() {
    let caught = Caught::with(Small(Defect::TakesLess));
    caught.by(limits::a_value_of_the_largest_size_is_held).await;
    caught
        .by(limits::the_longest_key_can_do_all_that_others_can)
        .await;
    caught.by(store::a_key_of_the_longest_length_is_a_key).await;
    Caught::with(Small(Defect::CountsKeysIn))
        .by(limits::a_value_of_the_largest_size_is_held)
        .await;
}

/// Declares keys that are longer than hosts allow, and holds only those that hosts allow.
struct LongOnPaper;

impl Bug for LongOnPaper {
    fn capabilities(&self, inner: &Inner) -> Capabilities {
        Capabilities {
            key_bytes: 4096,
            ..inner.capabilities()
        }
    }

    fn set_many(&self, inner: &Inner, entries: Vec<(&str, Bytes)>) -> Answer<()> {
        let usual = Capabilities::default();
        for (key, value) in &entries {
            if let Err(error) = usual.check(key, value) {
                return error.into();
            }
        }
        inner.set_many(entries)
    }
}

#[tokio::test]
async fn a_declared_key_past_the_limits_of_hosts_that_is_refused_is_caught() {
    Caught::with(LongOnPaper)
        .by(limits::the_longest_key_declared_can_do_all_too)
        .await;
}

/// Truncates values, without declaring a limit.
struct CutsColumns;

impl Bug for CutsColumns {
    fn set(&self, inner: &Inner, key: &str, value: Bytes, how: Set) -> Answer<Version> {
        let end = value.len().min(1 << 20);
        inner.set(key, value.slice(..end), how)
    }

    fn set_many(&self, inner: &Inner, entries: Vec<(&str, Bytes)>) -> Answer<()> {
        let sets = entries
            .into_iter()
            .map(|(key, value)| self.set(inner, key, value, Set::default()));
        Answer::sequence(sets).map(drop)
    }
}

#[tokio::test]
async fn a_truncated_value_is_caught() {
    Caught::with(CutsColumns)
        .by(limits::a_value_of_the_largest_size_is_held)
        .await;
}
