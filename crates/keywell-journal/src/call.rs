//! One call of a component, as it is recorded and replayed.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use crate::core::Core;
use crate::error::{Error, Result};
use crate::journal::{Appended, Joined};
use crate::record::{Asked, Decision, Record};
use crate::shared::Shared;
use crate::time::Time;

/// A call of a component that is to be recorded. Its number is its place among the calls of the
/// invocation, so it has to be made when the component calls.
///
/// ```text
/// begin ─> Answer                         it was recorded
///       ─> Fresh ─> answered              it changes nothing
///                └> intend ─> settled     it has an effect
///       ─> Interrupted ─> settled         it was intended, and how it ended is not recorded
/// ```
///
/// A call that goes on while the component does is [opened](Self::open) instead, and
/// [resumed](Self::resume) when the next record is of it.
///
/// Answers come in the order in which they were recorded, whichever call was made first. A call whose
/// answer was never awaited has none.
pub struct Call {
    shared: Arc<Shared>,
    number: u64,
    asked: Asked,
}

/// How a call begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It was recorded, with this answer.
    Answer(Bytes),
    /// It has to be done.
    Fresh,
    /// Its effect may have happened.
    Interrupted {
        /// What was recorded before it.
        intent: Bytes,
        /// The position of that.
        position: u64,
        /// What an operator decided.
        decision: Option<Decision>,
    },
}

/// The position of an intent, what it has, and what an operator decided.
type Intended = (u64, Bytes, Option<Decision>);

impl From<Intended> for Begun {
    fn from((position, intent, decision): Intended) -> Self {
        Self::Interrupted {
            intent,
            position,
            decision,
        }
    }
}

// === impl Call ===

impl Call {
    pub(crate) fn new(shared: Arc<Shared>, asked: Asked) -> Self {
        let number = shared.calls.fetch_add(1, Ordering::AcqRel);
        Self {
            shared,
            number,
            asked,
        }
    }

    /// What distinguishes it from every other call of every worker, for services that take an
    /// idempotency key.
    pub fn key(&self) -> String {
        use std::fmt::Write as _;
        let mut key = String::new();
        for byte in self.shared.identity {
            write!(key, "{byte:02x}").expect("a string has room");
        }
        let invocation = self.shared.invocation.load(Ordering::Acquire);
        format!("{key}-{invocation}-{}", self.number)
    }

    /// Its place among the calls of the invocation.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The invocation and its number.
    pub(crate) fn id(&self) -> (u64, u64) {
        let invocation = self.shared.invocation.load(Ordering::Acquire);
        (invocation, self.number)
    }

    /// Looks for it in the journal.
    ///
    /// # Errors
    ///
    /// [`Error::Diverged`] if another call was recorded, by name or arguments; [`Error::Refused`] in
    /// a rehearsal if none was; [`Error::Quiet`].
    pub async fn begin(&self) -> Result<Begun> {
        self.shared.admit(&self.asked)?;
        self.replay(None, true).await
    }

    /// As [`begin`](Self::begin), for an effect that goes on while the component does. Where its intent
    /// is recorded it is [`Begun::Interrupted`], whether it was or not: once the component waits for
    /// it, [`Session::upcoming`](crate::Session::upcoming) has whether there is more of it.
    ///
    /// # Errors
    ///
    /// As [`begin`](Self::begin).
    pub async fn open(&self) -> Result<Begun> {
        self.shared.admit(&self.asked)?;
        self.replay(None, false).await
    }

    /// Takes the next record of a call that was opened: its answer. At the end of the journal there is
    /// none, and it answers what an operator decided.
    ///
    /// # Errors
    ///
    /// As [`begin`](Self::begin).
    pub async fn resume(&self, opened: Begun) -> Result<Begun> {
        match opened {
            Begun::Interrupted {
                intent,
                position,
                decision,
            } => {
                let intended = Some((position, intent, decision));
                self.replay(intended, false).await
            }
            begun => Ok(begun),
        }
    }

    /// Takes the records of it: all that there are, or one.
    async fn replay(&self, mut intended: Option<Intended>, all: bool) -> Result<Begun> {
        loop {
            let mut core = self.shared.core().await?;
            let peeked = match core.peek().await {
                Ok(peeked) => peeked.map(|(position, event)| (*position, event.record.call())),
                Err(error) => return self.shared.fail(&mut core, error).await,
            };
            self.shared.entropy.lock().seed = core.created.seed;
            let Some((position, number)) = peeked else {
                self.shared.turn.notify_waiters();
                if core.writer.is_none() {
                    let error = Error::Refused {
                        worker: self.shared.worker.to_string(),
                        asked: self.asked.to_string(),
                    };
                    return self.shared.fail(&mut core, error).await;
                }
                return Ok(match intended {
                    Some((position, intent, _)) => {
                        let decision = core.decisions.get(&self.number).copied();
                        (position, intent, decision).into()
                    }
                    None => Begun::Fresh,
                });
            };
            if let Some(number) = number.filter(|number| *number != self.number) {
                if self.shared.is_opened(number) {
                    // It would be taken where the component waits for it, which is not here.
                    let recorded = core.take().map(|(_, event)| event.record.brief());
                    let recorded = recorded.unwrap_or_default();
                    let error = core.diverged(position, recorded, self.asked.to_string());
                    return self.shared.fail(&mut core, error).await;
                }
                let turn = self.shared.turn.notified();
                drop(core);
                turn.await;
                continue;
            }
            let (_, event) = core.take().expect("it was peeked at");
            match event.record {
                Record::Answered { asked, outcome, .. } if intended.is_none() => {
                    self.compare(&mut core, position, &asked).await?;
                    return Ok(Begun::Answer(self.show(event.at, outcome)));
                }
                Record::Intended { asked, intent, .. } => {
                    self.compare(&mut core, position, &asked).await?;
                    intended = Some((position, intent, None));
                }
                Record::Settled { outcome, .. } if intended.is_some() => {
                    return Ok(Begun::Answer(self.show(event.at, outcome)));
                }
                Record::Woke { .. } if intended.is_some() => {
                    return Ok(Begun::Answer(self.show(event.at, Bytes::new())));
                }
                record => {
                    let asked = self.asked.to_string();
                    let error = core.diverged(position, record.brief(), asked);
                    return self.shared.fail(&mut core, error).await;
                }
            }
            self.shared.turn.notify_waiters();
            if let Some(intended) = intended.take_if(|_| !all) {
                self.shared.opened(self.number);
                return Ok(intended.into());
            }
        }
    }

    async fn compare(&self, core: &mut Core, position: u64, recorded: &Asked) -> Result<()> {
        if recorded.name == self.asked.name && recorded.digest == self.asked.digest {
            return Ok(());
        }
        let error = core.diverged(position, recorded.to_string(), self.asked.to_string());
        self.shared.fail(core, error).await
    }

    /// Lets the component see an answer.
    fn show(&self, at: Time, outcome: Bytes) -> Bytes {
        self.shared.show(at);
        self.shared.turn.notify_waiters();
        outcome
    }

    /// Records the answer of a call that changes nothing. Other processes learn of it with the next
    /// effect.
    pub async fn answered(&self, outcome: Bytes) -> Result<()> {
        let asked = self.asked.clone();
        let call = self.number;
        self.push(Record::Answered {
            call,
            asked,
            outcome,
        })
        .await
    }

    /// Commits that it is about to have an effect, with all that the component knows. Answers the
    /// position.
    ///
    /// # Errors
    ///
    /// [`Error::Fenced`] if another process has the worker; then nothing may leave.
    pub async fn intend(&self, intent: Bytes) -> Result<u64> {
        let record = self.intended(intent);
        let mut core = self.shared.core().await?;
        let appended = core.append(Some(record), (self.shared.clock)()).await;
        self.shared.settle(&mut core, appended).await
    }

    /// As [`intend`](Self::intend), in one transaction with the effect. Answers the position, too.
    pub(crate) async fn intend_with(
        &self,
        intent: Bytes,
        joined: Joined,
    ) -> Result<(u64, Appended)> {
        let record = self.intended(intent);
        let mut core = self.shared.core().await?;
        let now = (self.shared.clock)();
        let appended = core.append_with(Some(record), now, joined).await;
        self.shared.settle(&mut core, appended).await
    }

    fn intended(&self, intent: Bytes) -> Record {
        Record::Intended {
            call: self.number,
            asked: self.asked.clone(),
            intent,
        }
    }

    /// How often the worker was claimed, up to this process.
    pub(crate) async fn epoch(&self) -> Result<u64> {
        let core = self.shared.core().await?;
        Ok(core.writer.as_ref().map_or(0, |journal| journal.head.epoch))
    }

    /// The store of the journal.
    pub(crate) async fn store(&self) -> Result<Option<keywell_store::StoreId>> {
        let core = self.shared.core().await?;
        let journal = core.writer.as_ref();
        Ok(journal.and_then(|journal| journal.place.store.id()))
    }

    /// Whether operations fit into the transaction of an intent.
    pub(crate) async fn has_room(&self, joined: &Joined) -> Result<bool> {
        let core = self.shared.core().await?;
        let journal = core.writer.as_ref();
        Ok(journal.is_some_and(|journal| journal.has_room(joined)))
    }

    /// Records how an effect ended.
    pub async fn settled(&self, outcome: Bytes) -> Result<()> {
        let call = self.number;
        self.push(Record::Settled { call, outcome }).await
    }

    async fn push(&self, record: Record) -> Result<()> {
        let mut core = self.shared.core().await?;
        let pushed = core.push(record, (self.shared.clock)()).await;
        let at = self.shared.settle(&mut core, pushed).await?;
        self.shared.show(at);
        Ok(())
    }

    /// Stops the worker, because it is unknown whether its effect happened. Answers the error with
    /// which the call ends.
    pub async fn stop(&self, position: u64) -> Error {
        let error = Error::Ambiguous {
            worker: self.shared.worker.to_string(),
            position,
            what: self.asked.to_string(),
        };
        match self.shared.core().await {
            Ok(mut core) => {
                let failed: Result<()> = self.shared.fail(&mut core, error.clone()).await;
                failed.err().unwrap_or(error)
            }
            Err(earlier) => earlier,
        }
    }

    /// Goes to sleep until a time: commits it, and lets the head show it. Answers whether the sleep
    /// is over, else the worker needs no instance until then; on the next replay, or
    /// [after the wait](Self::wake), the call goes on.
    pub(crate) async fn sleep(&self, until: Time) -> Result<bool> {
        match self.begin().await? {
            Begun::Answer(_) => return Ok(true),
            Begun::Fresh => {
                let intent = postcard::to_stdvec(&until).expect("it is a number");
                let record = self.intended(intent.into());
                let mut core = self.shared.core().await?;
                core.wake = Some(core.wake.map_or(until, |wake| wake.min(until)));
                let appended = core.append(Some(record), (self.shared.clock)()).await;
                self.shared.settle(&mut core, appended).await?;
            }
            Begun::Interrupted { .. } => {
                let mut core = self.shared.core().await?;
                core.wake = Some(core.wake.map_or(until, |wake| wake.min(until)));
            }
        }
        self.wake(until).await
    }

    /// Ends a sleep whose time has come; whether it has.
    pub(crate) async fn wake(&self, until: Time) -> Result<bool> {
        if (self.shared.clock)() < until {
            return Ok(false);
        }
        self.shared.core().await?.wake = None;
        let call = self.number;
        self.push(Record::Woke { call }).await?;
        Ok(true)
    }
}
