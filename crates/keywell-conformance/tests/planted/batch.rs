use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use keywell_conformance::batch;
use keywell_store::{Answer, Capabilities, Entry, Promptness, Set};

use crate::bug::{Bug, Caught, Inner};

/// Answers the entries in order of arrival, short ones first.
struct InCompletionOrder;

impl Bug for InCompletionOrder {
    fn get_many_within(
        &self,
        inner: &Inner,
        keys: &[&str],
        max: usize,
    ) -> Answer<Vec<Option<Entry>>> {
        inner.get_many_within(keys, max).map(|mut entries| {
            entries.sort_by_key(|entry| entry.as_ref().map_or(0, |entry| entry.value.len()));
            entries
        })
    }
}

#[tokio::test]
async fn entries_in_completion_order_are_caught() {
    let caught = Caught::with(InCompletionOrder);
    caught.by(batch::get_many_answers_in_the_order_asked).await;
    caught
        .by(batch::get_many_separates_absent_keys_from_present_ones)
        .await;
}

struct OncePerKey;

impl Bug for OncePerKey {
    fn get_many_within(
        &self,
        inner: &Inner,
        keys: &[&str],
        max: usize,
    ) -> Answer<Vec<Option<Entry>>> {
        let mut seen = HashSet::new();
        let keys: Vec<&str> = keys
            .iter()
            .copied()
            .filter(|key| seen.insert(*key))
            .collect();
        inner.get_many_within(&keys, max)
    }
}

#[tokio::test]
async fn duplicates_that_are_answered_once_are_caught() {
    Caught::with(OncePerKey)
        .by(batch::get_many_answers_duplicates)
        .await;
}

/// Declares atomic batches, and writes one entry after the other.
#[derive(Default)]
struct HalfDone {
    /// How many reads of several keys have ended.
    reads: Arc<AtomicUsize>,
}

impl HalfDone {
    /// Lets other tasks run until one of them has read, or for a while where none reads, so that a
    /// busy machine hides no half of a batch.
    async fn let_read(reads: &AtomicUsize) {
        let before = reads.load(Ordering::Relaxed);
        for _ in 0..1000 {
            tokio::task::yield_now().await;
            if reads.load(Ordering::Relaxed) > before {
                break;
            }
        }
    }
}

impl Bug for HalfDone {
    fn get_many_within(
        &self,
        inner: &Inner,
        keys: &[&str],
        max: usize,
    ) -> Answer<Vec<Option<Entry>>> {
        let reads = self.reads.clone();
        inner.get_many_within(keys, max).map(move |read| {
            reads.fetch_add(1, Ordering::Relaxed);
            read
        })
    }

    fn capabilities(&self, inner: &Inner) -> Capabilities {
        Capabilities {
            promptness: Promptness::Waits,
            ..inner.capabilities()
        }
    }

    fn set_many(&self, inner: &Inner, entries: Vec<(&str, Bytes)>) -> Answer<()> {
        let (inner, reads) = (inner.clone(), self.reads.clone());
        let entries: Vec<_> = entries
            .into_iter()
            .map(|(key, v)| (key.to_owned(), v))
            .collect();
        Answer::later(async move {
            for (key, value) in entries {
                inner.set(&key, value, Set::default()).await?;
                Self::let_read(&reads).await;
            }
            Ok(())
        })
    }

    fn delete_many(&self, inner: &Inner, keys: &[&str]) -> Answer<()> {
        let (inner, reads) = (inner.clone(), self.reads.clone());
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        Answer::later(async move {
            for key in keys {
                inner.delete(&key).await?;
                Self::let_read(&reads).await;
            }
            Ok(())
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_seen_half_done_is_caught() {
    let caught = Caught::with(HalfDone::default());
    caught.by(batch::readers_see_an_atomic_batch_whole).await;
    caught.by(batch::readers_see_an_atomic_deletion_whole).await;
    caught
        .by(batch::atomic_batches_of_the_same_keys_do_not_mix)
        .await;
}

/// Drops the entries that do not fit into one call of a service.
struct Unsplit;

impl Bug for Unsplit {
    fn set_many(&self, inner: &Inner, mut entries: Vec<(&str, Bytes)>) -> Answer<()> {
        entries.truncate(1024);
        inner.set_many(entries)
    }
}

#[tokio::test]
async fn a_batch_that_is_cut_is_caught() {
    Caught::with(Unsplit)
        .by(batch::a_batch_may_have_thousands_of_keys)
        .await;
}

struct FirstStands;

impl Bug for FirstStands {
    fn set_many(&self, inner: &Inner, mut entries: Vec<(&str, Bytes)>) -> Answer<()> {
        let mut seen = HashSet::new();
        entries.retain(|(key, _)| seen.insert(*key));
        inner.set_many(entries)
    }
}

#[tokio::test]
async fn a_batch_whose_first_value_stands_is_caught() {
    Caught::with(FirstStands)
        .by(batch::of_a_key_set_twice_the_last_value_stands)
        .await;
}

/// Sends a command without arguments, which the server refuses.
struct EmptyIsAnError;

impl Bug for EmptyIsAnError {
    fn get_many_within(
        &self,
        inner: &Inner,
        keys: &[&str],
        max: usize,
    ) -> Answer<Vec<Option<Entry>>> {
        if keys.is_empty() {
            return keywell_store::Error::Internal("wrong number of arguments".into()).into();
        }
        inner.get_many_within(keys, max)
    }
}

#[tokio::test]
async fn a_batch_of_nothing_that_fails_is_caught() {
    Caught::with(EmptyIsAnError)
        .by(batch::a_batch_of_nothing_succeeds)
        .await;
}
