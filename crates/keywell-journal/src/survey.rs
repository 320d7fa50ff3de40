//! What a journal says before it is replayed: which invocations failed, and how it ends.

use std::collections::{HashSet, VecDeque};

use crate::cursor::Cursor;
use crate::error::Result;
use crate::head::Head;
use crate::record::{Asked, Decision, Invoked, Record};
use crate::time::Time;

/// The name of the call that sleeps; its intent is the time at which it ends.
pub(crate) const SLEEP: &str = "sleep";

/// One reading of a journal from the place where replay begins.
///
/// It keeps the positions of the invocations that failed, and those that have not ended.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// The invocations that replay skips.
    pub(crate) failed: HashSet<u64>,
    /// The invocations that have not ended.
    pub(crate) pending: VecDeque<(u64, Invoked)>,
    /// The effects and sleeps that have not ended.
    pub(crate) open: Vec<Open>,
    /// The last invocation that ended.
    pub(crate) ended: Option<(Invoked, Ended)>,
    pub(crate) records: u64,
    pub(crate) last: Time,
}

/// An effect that was intended and not settled.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) position: u64,
    pub(crate) call: u64,
    pub(crate) asked: Asked,
    pub(crate) intent: bytes::Bytes,
    pub(crate) decision: Option<Decision>,
}

/// How an invocation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) at: Time,
    pub(crate) outcome: Result<bytes::Bytes, String>,
}

// === impl Survey ===

impl Survey {
    /// Reads to the end that a head has, or to a position before it.
    pub(crate) async fn read(mut cursor: Cursor, head: &Head, until: u64) -> Result<Self> {
        let mut survey = Self::default();
        while let Some((position, event)) = cursor.next(head).await? {
            if position >= until {
                break;
            }
            survey.records += 1;
            survey.last = event.at;
            survey.add(position, event.at, event.record);
        }
        Ok(survey)
    }

    fn add(&mut self, position: u64, at: Time, record: Record) {
        match record {
            Record::Invoked(invoked) => self.pending.push_back((position, invoked)),
            Record::Intended {
                call,
                asked,
                intent,
            } => {
                self.open.retain(|open| open.call != call);
                self.open.push(Open {
                    position,
                    call,
                    asked,
                    intent,
                    decision: None,
                });
            }
            Record::Settled { call, .. } | Record::Woke { call } => {
                self.open.retain(|open| open.call != call);
            }
            Record::Resolved { call, decision } => {
                for open in self.open.iter_mut().filter(|open| open.call == call) {
                    open.decision = Some(decision);
                }
            }
            Record::Returned { invocation, answer } => self.end(invocation, at, Ok(answer)),
            Record::Failed { invocation, why } => {
                self.failed.insert(invocation);
                self.end(invocation, at, Err(why));
            }
            Record::Snapshot(snapshot) => self.pending = snapshot.pending.into(),
            Record::Forked { .. } => {
                self.pending.clear();
                // Its answer was given by the other worker.
                self.ended = None;
            }
            Record::Created(_) | Record::Answered { .. } | Record::Upgraded { .. } => {}
        }
    }

    fn end(&mut self, invocation: u64, at: Time, outcome: Result<bytes::Bytes, String>) {
        self.open.clear();
        let place = self.pending.iter().position(|(own, _)| *own == invocation);
        if let Some((_, invoked)) = place.and_then(|place| self.pending.remove(place)) {
            self.ended = Some((invoked, Ended { at, outcome }));
        }
    }

    /// The effect whose outcome an operator has to decide.
    pub(crate) fn in_doubt(&self) -> Option<&Open> {
        let open = self.open.iter();
        open.filter(|open| open.asked.name != SLEEP && open.decision.is_none())
            .min_by_key(|open| open.position)
    }

    /// The effect that was intended at a position, if it has not ended.
    pub(crate) fn open_at(&self, position: u64) -> Option<&Open> {
        self.open.iter().find(|open| open.position == position)
    }

    /// When the first sleep ends.
    pub(crate) fn wake(&self) -> Option<Time> {
        let sleeps = self.open.iter().filter(|open| open.asked.name == SLEEP);
        sleeps
            .filter_map(|open| postcard::from_bytes(&open.intent).ok())
            .min()
    }
}
