//! Stores that take other batches than they declare.

use bytes::Bytes;
use keywell_conformance::limits;
use keywell_store::{Answer, Capabilities, Entry, Error, Invalid};

use crate::bug::{Bug, Caught, Inner};

/// How a store treats batches past those that it declares.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Batches {
    /// It takes them.
    TakesMore,
    /// It takes them where they only read.
    ReadsMore,
    /// It writes as many as it takes.
    WritesSome,
    /// It blames a value.
    BlamesAValue,
    /// It takes fewer keys than it declares.
    TakesLess,
}

impl Batches {
    fn check(self, inner: &Inner, keys: usize, bytes: usize) -> Result<(), Error> {
        let mut limits = self.capabilities(inner).limits();
        if self == Self::TakesLess {
            limits.batch_keys -= 1;
        }
        let checked = limits.check_batch(keys, bytes);
        checked.map_err(|error| match self {
            Self::BlamesAValue => Invalid::ValueTooLarge { bytes, max: bytes }.into(),
            _ => error,
        })
    }
}

impl Bug for Batches {
    fn capabilities(&self, inner: &Inner) -> Capabilities {
        Capabilities {
            value_bytes: 1000,
            batch_keys: 50,
            batch_bytes: 20_000,
            ..inner.capabilities()
        }
    }

    fn get_many_within(
        &self,
        inner: &Inner,
        keys: &[&str],
        max: usize,
    ) -> Answer<Vec<Option<Entry>>> {
        let bytes = keys.iter().map(|key| key.len()).sum();
        match self.check(inner, keys.len(), bytes) {
            Err(error) if !matches!(self, Self::TakesMore | Self::ReadsMore) => error.into(),
            _ => inner.get_many_within(keys, max),
        }
    }

    fn set_many(&self, inner: &Inner, entries: Vec<(&str, Bytes)>) -> Answer<()> {
        let bytes = entries.iter().map(|(key, value)| key.len() + value.len());
        match self.check(inner, entries.len(), bytes.sum()) {
            Ok(()) => inner.set_many(entries),
            Err(_) if *self == Self::TakesMore => inner.set_many(entries),
            Err(error) => {
                if *self == Self::WritesSome {
                    drop(inner.set_many(entries.into_iter().take(10).collect()));
                }
                error.into()
            }
        }
    }

    fn delete_many(&self, inner: &Inner, keys: &[&str]) -> Answer<()> {
        let bytes = keys.iter().map(|key| key.len()).sum();
        match self.check(inner, keys.len(), bytes) {
            Err(error) if *self != Self::TakesMore => error.into(),
            _ => inner.delete_many(keys),
        }
    }
}

#[tokio::test]
async fn a_store_that_takes_other_batches_than_it_declares_is_caught() {
    for batches in [
        Batches::TakesMore,
        Batches::ReadsMore,
        Batches::WritesSome,
        Batches::BlamesAValue,
        Batches::TakesLess,
    ] {
        Caught::with(batches)
            .by(limits::a_store_refuses_longer_batches_than_it_declares)
            .await;
    }
    for batches in [
        Batches::TakesMore,
        Batches::WritesSome,
        Batches::BlamesAValue,
    ] {
        Caught::with(batches)
            .by(limits::a_store_refuses_larger_batches_than_it_declares)
            .await;
    }
}
