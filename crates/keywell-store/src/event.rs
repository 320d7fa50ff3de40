use bytes::Bytes;

use crate::Version;

/// A change of a bucket, as a watch delivers it. Events of one key arrive in the order of its writes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Event {
    /// A key was written, by whatever operation.
    Set {
        /// The key.
        key: String,
        /// The value that this write stored, not what is there by now. A watch that
        /// [coalesces](crate::Watching::coalesces) may deliver one that a later write stored
        /// instead, and then counts the write as [coalesced](crate::Watch::coalesced).
        #[cfg_attr(feature = "serde", serde(with = "crate::wire::base64"))]
        value: Bytes,
        /// The version of this write, where the store knows it.
        version: Option<Version>,
        /// Where to resume after this event, where the store can.
        token: Option<ResumeToken>,
    },
    /// A key is gone.
    Delete {
        /// The key.
        key: String,
        /// Whether its time to live ended, rather than a caller deleting it.
        expired: bool,
        /// Where to resume after this event, where the store can.
        token: Option<ResumeToken>,
    },
    /// Events were missed here. What is watched should be read again.
    Gap,
}

/// Where to resume a watch: opaque text that survives a restart where the store does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ResumeToken(String);

// === impl Event ===

impl Event {
    /// The key that changed; none for a gap.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Set { key, .. } | Self::Delete { key, .. } => Some(key),
            Self::Gap => None,
        }
    }

    /// The same event, after which nothing resumes.
    #[must_use]
    pub fn without_token(mut self) -> Self {
        match &mut self {
            Self::Set { token, .. } | Self::Delete { token, .. } => *token = None,
            Self::Gap => {}
        }
        self
    }

    /// The same event, with where to resume after it. A gap has no place for that.
    pub(crate) fn with_token(mut self, resume: ResumeToken) -> Self {
        match &mut self {
            Self::Set { token, .. } | Self::Delete { token, .. } => *token = Some(resume),
            Self::Gap => {}
        }
        self
    }

    /// Where to resume after this event, where the store can.
    pub fn token(&self) -> Option<&ResumeToken> {
        match self {
            Self::Set { token, .. } | Self::Delete { token, .. } => token.as_ref(),
            Self::Gap => None,
        }
    }
}

// === impl ResumeToken ===

impl ResumeToken {
    /// The token as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for ResumeToken {
    /// Takes text for a token; whether it is one shows when it is used.
    fn from(text: String) -> Self {
        Self(text)
    }
}
