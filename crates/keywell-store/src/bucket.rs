use bytes::Bytes;

use crate::{
    Answer, Capabilities, Change, Collect, Collected, Entry, Error, Expected, Expires, Filter,
    List, Page, Part, Result, Set, Since, Swap, ValueBytes, Version, Watch,
};

/// A named set of keys in a store.
///
/// A bucket is shared by many callers at once. It reads its own writes: once a write is acknowledged,
/// every later read through any handle of its store sees it, and [`Reads`](crate::Reads) declares
/// whether reads in other processes do. Hosts put [`layer::Limited`](crate::layer::Limited)
/// in front, which refuses empty keys, long batches, and keys and values past the host's limits. A
/// bucket itself refuses the keys and values past what it declares in its [`Capabilities`].
///
/// A write that was sent and not acknowledged is [`Error::Ambiguous`]. A store never sends an
/// increment or a swap twice on its own.
pub trait Bucket: Send + Sync {
    /// What this bucket can do. Constant for its lifetime.
    fn capabilities(&self) -> Capabilities;

    /// The value and the version of a key, read at one instant, for a caller that can hold a value
    /// of at most `max` bytes.
    ///
    /// Of a larger value, a store has no more in memory than it needs to learn its length.
    ///
    /// # Errors
    ///
    /// [`Invalid::ValueTooLarge`](crate::Invalid::ValueTooLarge) for a larger value;
    /// [`Entry::within`] makes it.
    fn get_within(&self, key: &str, max: usize) -> Answer<Option<Entry>>;

    /// Writes a value, whatever was there, and with it the key's time to live: the one given, or
    /// none though there was one.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] for a time to live in a store without.
    fn set(&self, key: &str, value: Bytes, how: Set) -> Answer<Version>;

    /// Removes a key; succeeds where there is none.
    fn delete(&self, key: &str) -> Answer<()>;

    /// Whether a key is there.
    fn exists(&self, key: &str) -> Answer<bool> {
        self.get_within(key, usize::MAX)
            .map(|entry| entry.is_some())
    }

    /// Writes only if the expectation still holds, as one step. What is written ends an earlier
    /// time to live as [`Bucket::set`] does; a stale swap changes none.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] in a store without compare-and-swap.
    fn swap(&self, key: &str, expected: Expected, change: Change) -> Answer<Swap> {
        let _ = (key, expected, change);
        Error::Unsupported("compare-and-swap").into()
    }

    /// Adds to a counter as one step and answers the new value; see [`counter`](crate::counter).
    ///
    /// Where there is no key, it is created with the time to live in `created`. That of a key that
    /// is there ends when it would have, neither sooner nor later.
    ///
    /// # Errors
    ///
    /// [`Invalid::NotANumber`](crate::Invalid::NotANumber),
    /// [`Invalid::Overflow`](crate::Invalid::Overflow) or [`Invalid::Ttl`](crate::Invalid::Ttl), and
    /// nothing is changed; [`Error::Unsupported`] in a store without counters, and for a time to
    /// live in one without, whether or not the key is there.
    fn increment_or_create(&self, key: &str, delta: i64, created: Set) -> Answer<i64> {
        let _ = (key, delta, created);
        Error::Unsupported("counters").into()
    }

    /// The entries of many keys, in the order asked, duplicates included, for a caller that can
    /// hold values of at most `max` bytes together. The value of a key that is given twice counts
    /// twice, and is read once.
    ///
    /// # Errors
    ///
    /// [`Invalid::BatchTooLarge`](crate::Invalid::BatchTooLarge) for more, or
    /// [`Invalid::ValueTooLarge`](crate::Invalid::ValueTooLarge) for one value that is more by
    /// itself; a store stops reading there. [`ValueBytes`] counts.
    fn get_many_within(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        if let Err(error) = self.capabilities().limits().check_batch_of(keys) {
            return error.into();
        }
        let mut bytes = ValueBytes::new(max);
        let answers = keys.iter().map(|key| self.get_within(key, max));
        Answer::sequence_while(answers, move |entry: &Option<Entry>| {
            bytes.add_entry(entry.as_ref())
        })
    }

    /// [`Bucket::get_many_within`], with [`Entry::expires`] of every entry.
    ///
    /// The default is for stores that read it anyway, and for those without times to live. A store
    /// that has to look it up overrides this, so that other readings do not pay for it.
    ///
    /// # Errors
    ///
    /// As [`Bucket::get_many_within`].
    fn get_with_expiry(&self, keys: &[&str], max: usize) -> Answer<Vec<Option<Entry>>> {
        let entries = self.get_many_within(keys, max);
        if self.capabilities().ttl {
            return entries;
        }
        entries.map(|mut entries| {
            for entry in entries.iter_mut().flatten() {
                entry.expires = Expires::Never;
            }
            entries
        })
    }

    /// Writes many values, each as [`Bucket::set`] without a time to live; of a key given twice, the
    /// last value stands.
    ///
    /// See [`Batching`](crate::Batching) for whether they are written as one. Where one is past what
    /// the bucket declares, none is written, whatever the batching.
    fn set_many(&self, entries: Vec<(&str, Bytes)>) -> Answer<()> {
        if let Err(error) = self.capabilities().limits().check_entries(&entries) {
            return error.into();
        }
        let answers = entries
            .into_iter()
            .map(|(key, value)| self.set(key, value, Set::default()).map(drop));
        parts(answers)
    }

    /// Removes many keys; see [`Batching`](crate::Batching) for whether as one.
    fn delete_many(&self, keys: &[&str]) -> Answer<()> {
        if let Err(error) = self.capabilities().limits().check_batch_of(keys) {
            return error.into();
        }
        parts(keys.iter().map(|key| self.delete(key)))
    }

    /// Admits an operation to a [transaction](crate::Transaction).
    ///
    /// A layer refuses what it would refuse as a call of its own, changes what it would change, and
    /// passes the rest on. The store's own bucket adds its name and its store ([`Part::of`]).
    ///
    /// # Errors
    ///
    /// Those of the layers; [`Error::Unsupported`] in a store without transactions.
    fn admit(&self, part: Part) -> Result<Part> {
        let _ = part;
        Err(Error::Unsupported("transactions"))
    }

    /// A page of keys, or of keys and their entries; see [`Page`] for what is promised of them.
    ///
    /// # Errors
    ///
    /// [`Invalid::Cursor`](crate::Invalid::Cursor) for a cursor of another bucket or listing;
    /// [`Error::Unsupported`] in a store that cannot list.
    fn list(&self, request: List) -> Answer<Page> {
        let _ = request;
        Error::Unsupported("a listing of keys").into()
    }

    /// Delivers changes as they happen.
    ///
    /// # Errors
    ///
    /// [`Invalid::Token`](crate::Invalid::Token) or
    /// [`Invalid::Compacted`](crate::Invalid::Compacted) for a token that cannot be resumed from;
    /// [`Error::Unsupported`] in a store that cannot watch.
    fn watch(&self, filter: Filter, since: Since) -> Answer<Watch> {
        let _ = (filter, since);
        Error::Unsupported("watching").into()
    }

    /// Does an operation on a list or on a set, as one step.
    ///
    /// A key that holds one has no value: [`Bucket::get_within`] and the other operations on values
    /// refuse it as [`Invalid::Kind`](crate::Invalid::Kind), and so does [`Bucket::list`] where it
    /// would have to return its value. [`Bucket::exists`] finds it, [`Bucket::set`] replaces it, and
    /// [`Bucket::delete`] removes it.
    ///
    /// # Errors
    ///
    /// [`Invalid::Kind`](crate::Invalid::Kind) for a key that holds something else, and nothing is
    /// changed; [`Invalid::BatchTooLarge`](crate::Invalid::BatchTooLarge) for texts that are more than
    /// the caller can hold; [`Error::Unsupported`] in a store without collections.
    fn collect(&self, operation: Collect) -> Answer<Collected> {
        let _ = operation;
        Error::Unsupported("lists and sets").into()
    }
}

impl dyn Bucket + '_ {
    /// [`Bucket::get_within`] without a bound.
    pub fn get(&self, key: &str) -> Answer<Option<Entry>> {
        self.get_within(key, usize::MAX)
    }

    /// [`Bucket::increment_or_create`] that creates a key without a time to live.
    pub fn increment(&self, key: &str, delta: i64) -> Answer<i64> {
        self.increment_or_create(key, delta, Set::default())
    }

    /// [`Bucket::get_many_within`] without a bound.
    pub fn get_many(&self, keys: &[&str]) -> Answer<Vec<Option<Entry>>> {
        self.get_many_within(keys, usize::MAX)
    }
}

/// A batch that is written one part after the other, up to the first that fails.
fn parts(answers: impl Iterator<Item = Answer<()>>) -> Answer<()> {
    let answers = answers.enumerate().map(|(at, answer)| {
        let partial = move |error: Error| if at > 0 { error.of_a_part() } else { error };
        match answer {
            Answer::Now(done) => done.map_err(partial).into(),
            Answer::Later(doing) => Answer::later(async move { doing.await.map_err(partial) }),
        }
    });
    Answer::sequence(answers).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bucket that answers at once, or later, and refuses one key.
    struct Refusing {
        at_once: bool,
    }

    impl Refusing {
        fn answer<T: Send + 'static>(&self, key: &str, value: T) -> Answer<T> {
            let answer = match key {
                "refused" => Err(Error::Unavailable("no connection".into())),
                _ => Ok(value),
            };
            if self.at_once {
                answer.into()
            } else {
                Answer::later(async { answer })
            }
        }
    }

    impl Bucket for Refusing {
        fn capabilities(&self) -> Capabilities {
            Capabilities::default()
        }

        fn get_within(&self, key: &str, _: usize) -> Answer<Option<Entry>> {
            self.answer(key, None)
        }

        fn set(&self, key: &str, value: Bytes, _: Set) -> Answer<Version> {
            self.answer(key, value.into())
        }

        fn delete(&self, key: &str) -> Answer<()> {
            self.answer(key, ())
        }
    }

    #[tokio::test]
    async fn a_batch_of_which_a_part_was_written_is_in_doubt() {
        for at_once in [true, false] {
            let bucket = Refusing { at_once };
            let set = |keys: [&'static str; 2]| {
                bucket.set_many(keys.map(|key| (key, Bytes::new())).to_vec())
            };
            for ending in [set(["k", "refused"]), bucket.delete_many(&["k", "refused"])] {
                let ended = ending.await;
                assert!(matches!(ended, Err(Error::Ambiguous(_))), "{ended:?}");
            }
            for ending in [set(["refused", "k"]), bucket.delete_many(&["refused", "k"])] {
                let ended = ending.await;
                assert!(matches!(ended, Err(Error::Unavailable(_))), "{ended:?}");
            }
        }
    }
}
