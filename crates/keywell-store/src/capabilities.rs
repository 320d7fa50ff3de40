use std::time::Duration;

use crate::limits::Limits;
use crate::{Alphabet, Result, Transacting};

/// What a bucket can do. The conformance suite checks all that is declared, and that what is not
/// declared is refused with [`Error::Unsupported`](crate::Error::Unsupported).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Capabilities {
    /// Whether every answer is ready at once.
    pub promptness: Promptness,
    /// What compare-and-swap compares.
    pub cas: Cas,
    /// Whether counters can be incremented.
    pub increment: bool,
    /// Whether and how keys are listed.
    pub list: Listing,
    /// Whether a batch of writes happens as one.
    pub batch: Batching,
    /// Over what transactions run.
    pub transact: Transacting,
    /// Whether and how changes can be watched.
    pub watch: Watching,
    /// Whether a value can be set with a time to live.
    pub ttl: bool,
    /// What watches deliver when a time to live ends. It says nothing of a bucket without times to
    /// live or without watches.
    ///
    /// A process of an earlier version sends none; its stores all sweep.
    #[cfg_attr(feature = "serde", serde(default))]
    pub ends: Ends,
    /// Whether a key can hold a list or a set.
    #[cfg_attr(feature = "serde", serde(default))]
    pub collections: bool,
    /// What an acknowledged write survives.
    pub durability: Durability,
    /// Which writes a read sees.
    ///
    /// A process of an earlier version sends none; its stores all read the latest.
    #[cfg_attr(feature = "serde", serde(default))]
    pub reads: Reads,
    /// The longest key it takes, in bytes of UTF-8.
    ///
    /// A write of a longer one is refused as [`KeyTooLong`](crate::Invalid::KeyTooLong), by the bucket
    /// itself and with nothing written of the whole call; a read may find it absent instead. What
    /// takes more than hosts allow declares what it takes, for embedders who allow more, and
    /// `usize::MAX` without a limit.
    pub key_bytes: usize,
    /// The largest value it takes, in bytes, under the longest key and with all else that can go
    /// with it. A larger one is refused as [`ValueTooLarge`](crate::Invalid::ValueTooLarge), as a key is.
    pub value_bytes: usize,
    /// The most keys of one batch that it writes, reads or deletes. A longer one is refused as
    /// [`BatchTooLong`](crate::Invalid::BatchTooLong), by the bucket itself and with nothing written.
    pub batch_keys: usize,
    /// The most bytes of keys and values of one batch. A larger one is refused as
    /// [`BatchTooLarge`](crate::Invalid::BatchTooLarge), as a longer one is.
    pub batch_bytes: usize,
    /// The characters of keys that it can hold. A write under another key is refused as
    /// [`KeyCharacter`](crate::Invalid::KeyCharacter), by the bucket itself and with nothing written
    /// of the whole call; a read may find it absent instead.
    pub alphabet: Alphabet,
    /// The step in which it counts times to live. One that is no multiple of it is rounded by less
    /// than a step.
    pub ttl_step: Duration,
}

/// Whether answers are ready at once. A host links components whose stores all answer at once
/// without fibres, so a bucket that declares `AtOnce` must never answer
/// [`Later`](crate::Answer::Later), [`watch`](crate::Bucket::watch) excepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Promptness {
    /// Some answers have to be waited for.
    #[default]
    Waits,
    /// Every answer is [`Now`](crate::Answer::Now).
    AtOnce,
}

/// What compare-and-swap compares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Cas {
    /// There is none.
    #[default]
    None,
    /// The value: a key that was changed and changed back counts as unchanged.
    ByValue,
    /// The version: every write in between is seen.
    ByVersion,
}

/// How keys are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Listing {
    /// Not at all.
    #[default]
    None,
    /// Each key once, in no particular order.
    Unordered,
    /// Each key once, in the order of their bytes.
    Ordered,
}

/// How a batch of writes happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Batching {
    /// One after the other; an error leaves the earlier ones written.
    #[default]
    Sequential,
    /// All or none, and readers see all or none.
    Atomic,
}

/// How changes can be watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Watching {
    /// Not at all.
    #[default]
    None,
    /// Events may be lost; where the store knows that some were, it delivers a
    /// [`Gap`](crate::Event::Gap).
    Lossy,
    /// Events carry tokens. A watch, and one that resumes from a token, delivers the last state of
    /// every key that changed, in order: never an older state of a key after a newer one. States
    /// in between may be [coalesced](crate::Watch::coalesced) into a later one, and states that
    /// were delivered may come again.
    Latest,
    /// Events carry tokens; a watch resumed from one misses none while the history is kept.
    Resumable,
}

/// What watches deliver when a time to live ends. No read finds the key from then on, whatever is
/// declared. No watch delivers an expiration as a deletion by a caller, twice, or after the next
/// write of the key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Ends {
    /// The expiration, within seconds and before the next write of the key: the store or its
    /// server deletes expired keys, also those that nobody reads.
    #[default]
    Swept,
    /// The expiration when the service collects the key, hours later perhaps. There is none if the
    /// key is written before that.
    Late,
    /// Nothing.
    Untold,
}

/// What an acknowledged write survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Durability {
    /// Nothing: it is gone with the process that holds it.
    #[default]
    Volatile,
    /// The end of Keywell's process, not necessarily that of the server or the machine.
    Process,
    /// The loss of power.
    Synced,
}

/// Which writes a read sees, where several processes share a bucket. Within a process, a read sees
/// every write that was acknowledged before it began, through any handle on the bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Reads {
    /// Every write that was acknowledged before the read began, whichever process wrote.
    #[default]
    Latest,
    /// Those of its own process. It may lag behind the writes of others, but never returns to an
    /// older state of a key than the process has read or written. This concerns reads and listings:
    /// where there is compare-and-swap, swaps and increments compare and change the latest state.
    OwnWrites,
}

// === impl Watching ===

impl Watching {
    /// Whether a watch can be resumed from the token of an event.
    pub fn resumes(self) -> bool {
        matches!(self, Self::Latest | Self::Resumable)
    }

    /// Whether changes of a key may be coalesced into a later one.
    pub fn coalesces(self) -> bool {
        matches!(self, Self::Lossy | Self::Latest)
    }
}

// === impl Capabilities ===

impl Default for Capabilities {
    /// Nothing that could be left out, and keys, values and batches as large as hosts allow: 1 KiB,
    /// 16 MiB, and 10,000 keys or 64 MiB, see [`Limits`].
    fn default() -> Self {
        Self::of(Limits::default())
    }
}

impl Capabilities {
    /// Nothing that could be left out, within these limits.
    #[must_use]
    pub fn of(limits: Limits) -> Self {
        let Limits {
            key_bytes,
            value_bytes,
            batch_keys,
            batch_bytes,
            alphabet,
        } = limits;
        Self {
            promptness: Promptness::default(),
            cas: Cas::default(),
            increment: false,
            list: Listing::default(),
            batch: Batching::default(),
            transact: Transacting::default(),
            watch: Watching::default(),
            ttl: false,
            ends: Ends::default(),
            collections: false,
            durability: Durability::default(),
            reads: Reads::default(),
            key_bytes,
            value_bytes,
            batch_keys,
            batch_bytes,
            alphabet,
            ttl_step: Duration::from_millis(1),
        }
    }

    /// The limits that the bucket declares.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.within(Limits::NONE)
    }

    /// The limits of a host, or what the bucket declares where it takes less.
    #[must_use]
    pub fn within(&self, limits: Limits) -> Limits {
        Limits {
            key_bytes: self.key_bytes.min(limits.key_bytes),
            value_bytes: self.value_bytes.min(limits.value_bytes),
            batch_keys: self.batch_keys.min(limits.batch_keys),
            batch_bytes: self.batch_bytes.min(limits.batch_bytes),
            alphabet: if self.alphabet == Alphabet::ALL {
                limits.alphabet
            } else {
                self.alphabet
            },
        }
    }

    /// Checks what is about to be written against what is declared. An increment has no value to
    /// check.
    ///
    /// # Errors
    ///
    /// As [`Limits::check_entry`].
    pub fn check(&self, key: &str, value: &[u8]) -> Result<()> {
        self.limits().check_entry(key, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, Invalid};

    #[test]
    fn what_is_at_the_limit_is_taken_and_what_is_past_it_is_not() {
        let declared = Capabilities {
            key_bytes: 4,
            value_bytes: 2,
            ..Capabilities::default()
        };
        declared.check("🗝", b"vv").unwrap();
        let long = declared.check("🗝k", b"").unwrap_err();
        let is_long = matches!(
            long,
            Error::Invalid(Invalid::KeyTooLong { bytes: 5, max: 4 })
        );
        assert!(is_long, "{long}");
        let large = declared.check("k", b"vvv").unwrap_err();
        let is_large = matches!(
            large,
            Error::Invalid(Invalid::ValueTooLarge { bytes: 3, max: 2 })
        );
        assert!(is_large, "{large}");
    }
}
