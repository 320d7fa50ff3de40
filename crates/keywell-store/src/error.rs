use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::Kind;

/// What a store answers, or why it does not.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a store did not do what it was asked, sorted by what the caller does next.
///
/// Cloning is cheap: one failed commit is reported to every writer in it.
#[derive(Clone, Debug, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Error {
    /// The store has a fixed set of buckets, and this is none of them.
    #[error("there is no bucket named {0:?}")]
    NoSuchBucket(String),

    /// The caller has no grant for this. The same answer whether or not the thing exists.
    #[error("access denied: {0}")]
    AccessDenied(Cow<'static, str>),

    /// The caller's fault. Nothing was written; the same call fails again.
    #[error(transparent)]
    Invalid(#[from] Invalid),

    /// This store cannot do it, and declares so in its [`Capabilities`](crate::Capabilities).
    #[error("this store does not offer {0}")]
    Unsupported(#[cfg_attr(feature = "serde", serde(deserialize_with = "crate::wire::text"))] Text),

    /// Nothing happened, because the store cannot be reached or is busy. It may be tried again.
    #[error("the store is unavailable: {0}")]
    Unavailable(Failure),

    /// A write was sent, and no answer came: it may have happened. Never retried by Keywell.
    #[error("the write was sent but not acknowledged, and may have happened: {0}")]
    Ambiguous(Failure),

    /// What the store holds cannot be read.
    #[error("the stored data is corrupt: {0}")]
    Corrupt(Failure),

    /// A defect in the store or in Keywell.
    #[error("internal error: {0}")]
    Internal(Failure),
}

/// By this name, as `serde` takes what it sees to be a reference for a part of its input.
type Text = &'static str;

/// What was wrong with a call that only its caller can mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Invalid {
    /// A key of no bytes.
    #[error("a key must not be empty")]
    EmptyKey,
    /// A key past the limit.
    #[error("the key is {bytes} bytes long, more than the {max} allowed")]
    KeyTooLong {
        /// The key's length, in bytes.
        bytes: usize,
        /// The limit, in bytes.
        max: usize,
    },
    /// A key with a character that the store's keys cannot have.
    #[error("the store holds no keys with the character {0:?}")]
    KeyCharacter(char),
    /// A value past the limit.
    #[error("the value is {bytes} bytes long, more than the {max} allowed")]
    ValueTooLarge {
        /// The value's length, in bytes.
        bytes: usize,
        /// The limit, in bytes.
        max: usize,
    },
    /// More keys in one call than the limit.
    #[error("the batch has {keys} keys, more than the {max} allowed")]
    BatchTooLong {
        /// How many keys were given.
        keys: usize,
        /// The limit.
        max: usize,
    },
    /// A transaction writes one key twice.
    #[error("the transaction writes a key twice")]
    WrittenTwice,
    /// More bytes in one call, or in its answer, than the limit.
    #[error("the batch is {bytes} bytes large, more than the {max} allowed")]
    BatchTooLarge {
        /// Keys and values together, in bytes.
        bytes: usize,
        /// The limit, in bytes.
        max: usize,
    },
    /// A bucket name past 255 bytes or with control characters.
    #[error("a bucket name is at most 255 bytes, without control characters")]
    BucketName,
    /// A cursor that this bucket did not hand out for this listing.
    #[error("the cursor was not handed out by this bucket for this listing")]
    Cursor,
    /// A resume token that this bucket did not hand out.
    #[error("the resume token was not handed out by this bucket")]
    Token,
    /// A resume token, or a watcher, so far behind that events it needs are no longer kept.
    #[error("the watch is behind the history that the store keeps; read the bucket again")]
    Compacted,
    /// An increment of a value that is not the decimal text of a counter.
    #[error("the value is not a number")]
    NotANumber,
    /// An increment past the range of the counter.
    #[error("the counter would leave its range")]
    Overflow,
    /// A time to live of nothing, or one that ends past the store's calendar.
    #[error("the time to live must be at least a millisecond and at most 100 years")]
    Ttl,
    /// The key holds a value of this kind, and the operation is for another.
    #[error("the key holds a {0}")]
    Kind(Kind),
}

/// What went wrong in a store: a sentence for people, and the error beneath it.
#[derive(Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(into = "String", from = "String"))]
pub struct Failure {
    what: Cow<'static, str>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

// === impl Error ===

impl Error {
    /// The error as a guest may read it: never an address, a path or a driver's own text.
    ///
    /// Hosts log the error itself, which may have all of those.
    pub fn for_guest(&self) -> Cow<'static, str> {
        match self {
            Self::NoSuchBucket(_) => "there is no such bucket".into(),
            Self::AccessDenied(what) => format!("access denied: {what}").into(),
            Self::Invalid(invalid) => invalid.to_string().into(),
            Self::Unsupported(what) => format!("this store does not offer {what}").into(),
            Self::Unavailable(_) => "the store is unavailable; try again later".into(),
            Self::Ambiguous(_) => "the write was not acknowledged, and may have happened".into(),
            Self::Corrupt(_) => "the stored data is corrupt".into(),
            Self::Internal(_) => "internal error".into(),
        }
    }

    /// Whether it certainly had no effect, so that the caller may try again.
    pub fn nothing_happened(&self) -> bool {
        !matches!(self, Self::Ambiguous(_) | Self::Internal(_))
    }

    /// Whether the store may do later what it did not do now, if nothing else is changed.
    ///
    /// A write that is [`Ambiguous`](Self::Ambiguous) may have happened, so to do it again takes a
    /// caller to whom that makes no difference.
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(_) | Self::Ambiguous(_) | Self::Internal(_)
        )
    }

    /// The error of a batch in which this part failed and another may have been written, so that the
    /// outcome of the whole is unknown.
    #[must_use]
    pub fn of_a_part(self) -> Self {
        let cause = match self {
            Self::Ambiguous(cause) => cause.to_string(),
            error => error.to_string(),
        };
        let partial = "a part of the batch may be written, and another failed";
        Self::Ambiguous(Failure::new(format!("{partial}: {cause}")))
    }
}

// === impl Failure ===

impl Failure {
    /// A failure that is not caused by another error.
    pub fn new(what: impl Into<Cow<'static, str>>) -> Self {
        Self {
            what: what.into(),
            source: None,
        }
    }

    /// A failure with the error that caused it, which [`Display`](fmt::Display) appends.
    pub fn caused_by(
        what: impl Into<Cow<'static, str>>,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self {
            what: what.into(),
            source: Some(Arc::new(source)),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        let mut next: Option<&(dyn std::error::Error + 'static)> = match &self.source {
            Some(source) => Some(&**source),
            None => None,
        };
        let mut last = String::new();
        while let Some(error) = next {
            let text = error.to_string();
            // Some errors print their cause and have it as their source, too.
            if !last.ends_with(&text) {
                write!(f, ": {text}")?;
                last = text;
            }
            next = error.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Failure({self})")
    }
}

impl From<&'static str> for Failure {
    fn from(what: &'static str) -> Self {
        Self::new(what)
    }
}

impl From<String> for Failure {
    fn from(what: String) -> Self {
        Self::new(what)
    }
}

impl From<Failure> for String {
    fn from(failure: Failure) -> Self {
        failure.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_never_reads_where_the_store_is() {
        let refused = std::io::Error::other("connect to 10.0.0.7:6379 with password hunter2");
        let error = Error::Unavailable(Failure::caused_by("connecting", refused));
        assert!(
            error.to_string().contains("hunter2"),
            "the host's log has it"
        );
        assert!(!error.for_guest().contains("hunter2"));
        assert!(!error.for_guest().contains("10.0.0.7"));
    }

    #[test]
    fn a_cause_that_an_error_prints_itself_is_printed_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("IO error: {0}")]
        struct Connecting(#[source] std::io::Error);

        let refused = Connecting(std::io::Error::other("refused"));
        let failure = Failure::caused_by("NATS cannot be reached", refused);
        assert_eq!(
            failure.to_string(),
            "NATS cannot be reached: IO error: refused"
        );
    }
}
