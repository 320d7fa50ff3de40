//! What a journal records.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::time::Time;

/// A record, and when it was made. The clock of the worker shows that time from then on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Time,
    /// What.
    pub record: Record,
}

/// One thing that a worker was asked, learned or did.
///
/// The encoding has the place of a variant and of a field, and not its name: new variants go to the
/// end, and fields are not changed. `encoded.txt` has the bytes of each.
///
/// Calls are numbered within their invocation, in the order in which the component made them. An
/// invocation is known by the position of its [`Invoked`](Record::Invoked).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// The worker exists: the first record.
    Created(Created),
    /// An invocation was accepted. Invocations run in this order.
    Invoked(Invoked),
    /// A call that changes nothing was answered.
    Answered {
        /// Its number.
        call: u64,
        /// What was asked.
        asked: Asked,
        /// The answer, as the recording layer encodes it.
        #[serde(with = "crate::raw")]
        outcome: Bytes,
    },
    /// A call is about to have an effect.
    Intended {
        /// Its number.
        call: u64,
        /// What was asked.
        asked: Asked,
        /// How it can be settled if it is interrupted.
        #[serde(with = "crate::raw")]
        intent: Bytes,
    },
    /// An effect ended. The response to a request over HTTP is one of these.
    Settled {
        /// The number of the call.
        call: u64,
        /// The answer.
        #[serde(with = "crate::raw")]
        outcome: Bytes,
    },
    /// A sleep ended.
    Woke {
        /// The number of the call.
        call: u64,
    },
    /// An invocation ended with an answer.
    Returned {
        /// The invocation.
        invocation: u64,
        /// The answer.
        #[serde(with = "crate::raw")]
        answer: Bytes,
    },
    /// An invocation ended without one. Its effects stay; its variables are as before it, and replay
    /// skips it.
    Failed {
        /// The invocation.
        invocation: u64,
        /// Why.
        why: String,
    },
    /// The state of the component between two invocations. Replay can begin here.
    Snapshot(Box<Snapshot>),
    /// Another component goes on from here.
    Upgraded {
        /// Its digest.
        digest: String,
    },
    /// All before was copied from another worker, and all behind is this worker's own. What was
    /// accepted before and had not ended is not run.
    Forked {
        /// The other worker.
        from: String,
        /// How many of its records were copied.
        at: u64,
        /// The seed from here on.
        seed: [u8; 32],
    },
    /// An operator decided what became of an interrupted effect.
    Resolved {
        /// The number of the call.
        call: u64,
        /// The decision.
        decision: Decision,
    },
}

/// What a worker is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    /// The digest of the component.
    pub digest: String,
    /// What its random numbers come from.
    pub seed: [u8; 32],
    /// Its environment variables.
    pub environment: BTreeMap<String, String>,
    /// Its limits, by name, in the units of the host that set them.
    pub limits: BTreeMap<String, u64>,
}

/// An accepted invocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoked {
    /// The idempotency key, if the caller gave one.
    pub key: Option<String>,
    /// The function.
    pub function: String,
    /// Its arguments, as the host encodes them.
    #[serde(with = "crate::raw")]
    pub arguments: Bytes,
}

/// What a component asked for: compared with what it asks for on replay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The name of the call.
    pub name: String,
    /// Its arguments for people, values shortened.
    pub brief: String,
    /// The SHA-256 of all its arguments.
    pub digest: [u8; 32],
}

/// The state of a component, and what of earlier records is still needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The worker, with the digest of the component that made the snapshot and the present seed.
    pub created: Created,
    /// When the worker was created, for clocks relative to that.
    pub born: Time,
    /// The accepted invocations that have not run, with their positions.
    pub pending: Vec<(u64, Invoked)>,
    /// What the component saved.
    #[serde(with = "crate::raw")]
    pub state: Bytes,
}

/// What became of an interrupted effect, as an operator decides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decision {
    /// It happened.
    Applied,
    /// It did not happen; the component reads that the store was unavailable.
    NotApplied,
    /// It is done again, whether it happened or not.
    Retry,
}

// === impl Record ===

impl Record {
    /// The number of the call that it is of.
    pub fn call(&self) -> Option<u64> {
        match self {
            Self::Answered { call, .. }
            | Self::Intended { call, .. }
            | Self::Settled { call, .. }
            | Self::Woke { call }
            | Self::Resolved { call, .. } => Some(*call),
            _ => None,
        }
    }

    /// About how many bytes it has.
    pub(crate) fn bytes(&self) -> usize {
        const FIELDS: usize = 128;
        FIELDS
            + match self {
                Self::Invoked(invoked) => invoked.arguments.len(),
                Self::Answered { outcome, .. } | Self::Settled { outcome, .. } => outcome.len(),
                Self::Intended { intent, .. } => intent.len(),
                Self::Returned { answer, .. } => answer.len(),
                Self::Snapshot(snapshot) => snapshot.state.len(),
                _ => 0,
            }
    }

    /// Its name, and what it is of, in a line for people.
    pub fn brief(&self) -> String {
        match self {
            Self::Created(created) => format!("created of {}", created.digest),
            Self::Invoked(Invoked { function, key, .. }) => match key {
                Some(key) => format!("invocation of {function} with the key {key:?}"),
                None => format!("invocation of {function}"),
            },
            Self::Answered { asked, .. } | Self::Intended { asked, .. } => asked.to_string(),
            Self::Settled { call, .. } => format!("end of the effect {call}"),
            Self::Woke { call } => format!("end of the sleep {call}"),
            Self::Returned { answer, .. } => format!("return of {}", shown(answer)),
            Self::Failed { why, .. } => format!("failure: {why}"),
            Self::Snapshot(snapshot) => format!("snapshot of {} bytes", snapshot.state.len()),
            Self::Upgraded { digest } => format!("upgrade to {digest}"),
            Self::Forked { from, at, .. } => format!("fork of {from} at {at}"),
            Self::Resolved { call, decision } => format!("effect {call} resolved: {decision:?}"),
        }
    }
}

/// The beginning of an answer, in a line.
fn shown(answer: &[u8]) -> String {
    const SHOWN: usize = 100;
    let start = &answer[..answer.len().min(SHOWN)];
    let line = String::from_utf8_lossy(start).replace(char::is_control, " ");
    if start.len() < answer.len() {
        format!("{line}… ({} bytes)", answer.len())
    } else {
        line
    }
}

impl std::fmt::Display for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.brief)
    }
}
