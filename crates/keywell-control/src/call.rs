use bytes::Bytes;
use keywell_store::{
    BucketName, Change, Check, Collect, Event, Expected, Filter, List, Maintenance, Result,
    ResumeToken, Set, Since, Write,
};
use serde::{Deserialize, Serialize};

/// The path of calls of the store. Its first part changes when a call, or a type in one, changes
/// its meaning, so that two versions of Keywell never mistake each other.
pub(crate) const STORE: &str = "/v1/store";

/// The path of the report.
pub(crate) const STATUS: &str = "/v1/status";

/// The most bytes of a request or of an answer: a batch as large as hosts allow, 64 MiB, in base64,
/// whose 10,000 keys are of characters that JSON escapes.
pub(crate) const MOST_BYTES: usize = 160 << 20;

/// A call of a store, as a request has it. It is answered with what the store answers: a `Result`.
#[derive(Serialize, Deserialize)]
pub(crate) enum Call {
    Buckets,
    Forget(BucketName),
    Health,
    /// May take long.
    Maintain(Maintenance),
    Transact(Vec<Check>, Vec<Write>),
    In(BucketName, BucketCall),
}

/// A call of a bucket.
#[derive(Serialize, Deserialize)]
pub(crate) enum BucketCall {
    /// Answered with the bucket's capabilities.
    Open,
    Get(String, usize),
    Set(String, Value, Set),
    Delete(String),
    Exists(String),
    Swap(String, Expected, Change),
    Increment(String, i64, Set),
    GetMany(Vec<String>, usize),
    GetWithExpiry(Vec<String>, usize),
    SetMany(Vec<(String, Value)>),
    DeleteMany(Vec<String>),
    List(List),
    /// On a list or a set.
    Collect(Collect),
    /// Answered with a line for [`Started`], then one for each [`Step`].
    Watch(Filter, Since),
}

/// A value that is written.
#[derive(Serialize, Deserialize)]
pub(crate) struct Value(#[serde(with = "keywell_store::wire::base64")] pub(crate) Bytes);

/// A watch that is open.
#[derive(Serialize, Deserialize)]
pub(crate) struct Started {
    pub(crate) start: Option<ResumeToken>,
    /// How far it has come, if the store knows it.
    pub(crate) reached: Option<ResumeToken>,
}

/// What follows of a watch.
#[derive(Serialize, Deserialize)]
pub(crate) struct Step {
    /// None where it has only come further.
    pub(crate) event: Option<Result<Event>>,
    /// How far it has come, if the store knows it.
    pub(crate) reached: Option<ResumeToken>,
    /// How many changes it has coalesced.
    pub(crate) coalesced: u64,
}

// === impl Call ===

impl Call {
    /// Whether it may have changed something if it was sent and no answer came.
    pub(crate) fn writes(&self) -> bool {
        match self {
            Self::Buckets | Self::Health => false,
            Self::Forget(_) | Self::Maintain(_) | Self::Transact(..) => true,
            Self::In(_, call) => match call {
                BucketCall::Open
                | BucketCall::Get(..)
                | BucketCall::Exists(_)
                | BucketCall::GetMany(..)
                | BucketCall::GetWithExpiry(..)
                | BucketCall::List(_)
                | BucketCall::Watch(..) => false,
                BucketCall::Set(..)
                | BucketCall::Delete(_)
                | BucketCall::Swap(..)
                | BucketCall::Increment(..)
                | BucketCall::SetMany(_)
                | BucketCall::DeleteMany(_) => true,
                BucketCall::Collect(operation) => operation.writes(),
            },
        }
    }
}
