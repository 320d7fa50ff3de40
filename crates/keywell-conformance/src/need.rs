use keywell_store::{
    Alphabet, Batching, Capabilities, Cas, Listing, Promptness, Transacting, Watching,
};

use crate::refusals::Refusal;
use crate::subject::Subject;

/// What a behaviour requires of the store or the subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Compare-and-swap of any kind.
    Cas,
    /// Compare-and-swap that compares versions.
    CasByVersion,
    /// Counters.
    Increment,
    /// A listing of keys.
    List,
    /// A listing in the order of the keys' bytes.
    OrderedList,
    /// Batches that are written whole or not at all.
    AtomicBatch,
    /// Transactions over the keys of a bucket.
    Transact,
    /// Transactions over the keys of several buckets.
    TransactStore,
    /// Lists and sets.
    Collections,
    /// Watching, though events may be lost.
    Watch,
    /// Watching that can be resumed.
    ResumableWatch,
    /// Watching that can be resumed and coalesces nothing.
    EveryChange,
    /// Times to live.
    Ttl,
    /// A longest key that the suite can exceed.
    LongestKey,
    /// A largest value that the suite can exceed.
    LargestValue,
    /// A longest batch that the suite can exceed.
    LongestBatch,
    /// A largest batch that the suite can exceed.
    LargestBatch,
    /// Characters that no key can have.
    Alphabet,
    /// A store that answers at once.
    AtOnce,
    /// A store in which the suite may use any bucket.
    Buckets,
    /// A way to open the store again, and a store that keeps its data across restarts.
    Restart,
    /// A way to create a store of little history.
    BriefHistory,
}

/// The longest keys that the suite tries on a store without limits in front, in bytes.
const LONGEST_TRIED: usize = 64 << 10;

/// The largest values that the suite tries, in bytes: those of hosts.
const LARGEST_TRIED: usize = 16 << 20;

/// The longest batches that the suite tries on a store without limits in front, in keys.
const LONGEST_BATCH_TRIED: usize = 20_000;

/// The largest batches that the suite tries, in bytes: those of hosts.
const LARGEST_BATCH_TRIED: usize = 64 << 20;

/// What the suite does instead of a behaviour whose need is not met.
pub(crate) enum Unmet {
    /// Check that the store refuses the undeclared capability.
    Refuse(Refusal),
    /// Skip the behaviour; this is why.
    Skip(&'static str),
}

// === impl Need ===

impl Need {
    pub(crate) fn unmet(self, subject: &Subject, declared: Capabilities) -> Option<Unmet> {
        let (is_met, otherwise) = match self {
            Self::Cas => (declared.cas != Cas::None, Unmet::Refuse(Refusal::Cas)),
            Self::CasByVersion => (
                declared.cas == Cas::ByVersion,
                match declared.cas {
                    Cas::ByValue => Unmet::Skip("swaps are declared to compare values"),
                    _ => Unmet::Refuse(Refusal::Cas),
                },
            ),
            Self::Increment => (declared.increment, Unmet::Refuse(Refusal::Increment)),
            Self::List => (declared.list != Listing::None, Unmet::Refuse(Refusal::List)),
            Self::OrderedList => (
                declared.list == Listing::Ordered,
                match declared.list {
                    Listing::Unordered => Unmet::Skip("listings are declared to have no order"),
                    _ => Unmet::Refuse(Refusal::List),
                },
            ),
            Self::AtomicBatch => (
                declared.batch == Batching::Atomic,
                Unmet::Refuse(Refusal::AtomicBatch),
            ),
            Self::Transact => (
                declared.transact != Transacting::None,
                Unmet::Refuse(Refusal::Transact),
            ),
            Self::TransactStore => (
                matches!(declared.transact, Transacting::Store { .. }),
                match declared.transact {
                    Transacting::Bucket { .. } => {
                        Unmet::Skip("transactions are declared over one bucket")
                    }
                    _ => Unmet::Refuse(Refusal::Transact),
                },
            ),
            Self::Collections => (declared.collections, Unmet::Refuse(Refusal::Collections)),
            Self::Watch | Self::ResumableWatch | Self::EveryChange
                if subject.is_unwatched() && declared.watch != Watching::None =>
            {
                (false, Unmet::Skip("watching was not tried"))
            }
            Self::Watch => (
                declared.watch != Watching::None,
                Unmet::Refuse(Refusal::Watch),
            ),
            Self::ResumableWatch | Self::EveryChange => (
                declared.watch == Watching::Resumable
                    || (self == Self::ResumableWatch && declared.watch.resumes()),
                match declared.watch {
                    Watching::Latest => Unmet::Skip("watches are declared to coalesce"),
                    Watching::Lossy => Unmet::Refuse(Refusal::Resume),
                    _ => Unmet::Refuse(Refusal::Watch),
                },
            ),
            Self::Ttl => (declared.ttl, Unmet::Refuse(Refusal::Ttl)),
            Self::LongestKey => (
                declared.key_bytes <= LONGEST_TRIED,
                Unmet::Skip("keys are declared to be longer than the suite tries"),
            ),
            Self::LargestValue => (
                declared.value_bytes <= LARGEST_TRIED,
                Unmet::Skip("values are declared to be larger than the suite tries"),
            ),
            Self::LongestBatch => (
                declared.batch_keys <= LONGEST_BATCH_TRIED,
                Unmet::Skip("batches are declared to be longer than the suite tries"),
            ),
            Self::LargestBatch => (
                declared.batch_bytes <= LARGEST_BATCH_TRIED,
                Unmet::Skip("batches are declared to be larger than the suite tries"),
            ),
            Self::Alphabet => (
                declared.alphabet != Alphabet::ALL,
                Unmet::Skip("keys are declared to have any character"),
            ),
            Self::AtOnce => (
                declared.promptness == Promptness::AtOnce,
                Unmet::Skip("the store does not declare to answer at once"),
            ),
            Self::Buckets => (
                subject.has_many_buckets(),
                Unmet::Skip("only one bucket may be used"),
            ),
            Self::Restart => (
                subject.survives(declared.durability),
                Unmet::Skip("the store cannot be opened again with its data"),
            ),
            Self::BriefHistory => (
                subject.brief.is_some(),
                Unmet::Skip("no store of little history is available"),
            ),
        };
        (!is_met).then_some(otherwise)
    }
}
