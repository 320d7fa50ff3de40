//! A worker that runs: first its journal is replayed, then it goes on.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::answers;
use crate::call::Call;
use crate::core::Core;
use crate::entropy::Entropy;
use crate::error::{Error, Result};
use crate::head::{Head, Status};
use crate::journal::Journal;
use crate::journals::Journals;
use crate::name::WorkerName;
use crate::quiet::Quiet;
use crate::record::{Asked, Created, Invoked, Record, Snapshot};
use crate::shared::{Clock, Shared};
use crate::survey::{Ended, Survey};
use crate::time::Time;

/// A worker in this process. Clones are handles of one.
///
/// The host makes an instance, [loads](Self::state) the snapshot if there is one,
/// and then runs every invocation that [`next`](Self::next) gives, one at a time. Those that ended
/// are given again, and what the component asks for is answered from the journal. At its end the
/// instance is as it was, and the same calls have effects.
///
/// A session that answered an error answers it from then on. Its instance has to be dropped, and
/// nothing of it may leave.
#[derive(Clone)]
pub struct Session(Arc<Shared>);

/// How an invocation was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It is recorded at this position, and runs after those before it.
    Queued(u64),
    /// Its key is that of the invocation at this position, which has not ended.
    Pending(u64),
    /// Its key is that of an invocation that ended like this.
    Ended(Result<Bytes, String>),
}

/// A sleep of a component.
pub struct Sleep {
    call: Call,
    until: Time,
}

// === impl Session ===

impl Session {
    /// Opens a worker that was claimed. `most_records` bounds how many records are replayed.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`] if an operator has to decide first; [`Error::TooLong`];
    /// [`Error::Corrupt`].
    pub async fn open(journal: Journal, clock: Clock, most_records: u64) -> Result<Self> {
        let (worker, head) = (journal.name.clone(), journal.head.clone());
        match &head.status {
            Status::Idle | Status::Running => {}
            Status::Paused => return Err(stopped(&worker, "it is paused; resume it")),
            Status::Ambiguous { why, .. } | Status::Stopped { why } => {
                return Err(stopped(&worker, why));
            }
        }
        let journals = Journals::of(journal.place.clone());
        let survey = Survey::read(journals.read(&worker, &head), &head, u64::MAX).await?;
        if survey.records > most_records {
            return Err(Error::TooLong {
                worker: worker.to_string(),
                records: survey.records,
                max: most_records,
            });
        }
        if let Some((invoked, ended)) = &survey.ended {
            answers::keep(&journal.place, &worker, invoked, ended).await?;
        }
        let cursor = journals.read(&worker, &head);
        let identity = head.identity;
        let end = (head, u64::MAX);
        let mut core = Core::new(worker, Some(journal), end, cursor).await?;
        core.wake = survey.wake();
        core.last = survey.last;
        core.failed = survey.failed;
        let keyed = survey
            .pending
            .into_iter()
            .filter_map(|(position, invoked)| {
                let key = invoked.key.clone()?;
                Some((key, (position, invoked)))
            });
        core.keys = keyed.collect();
        Ok(Self::of(core, identity, clock))
    }

    pub(crate) fn of(core: Core, identity: [u8; 16], clock: Clock) -> Self {
        Self(Arc::new(Shared::new(core, identity, clock)))
    }

    /// The worker.
    pub fn worker(&self) -> &WorkerName {
        &self.0.worker
    }

    /// What the worker is made of.
    pub async fn created(&self) -> Result<Created> {
        Ok(self.0.core().await?.created.clone())
    }

    /// The snapshot that the component has to load before its first invocation. It is answered once,
    /// as it may be large.
    pub async fn state(&self) -> Result<Option<Bytes>> {
        Ok(self.0.core().await?.state.take())
    }

    /// Refuses the calls of the component until the answer is dropped: while it saves its state, and
    /// while an instance is made that loads one.
    pub fn quiet(&self) -> Quiet {
        Quiet::begin(self.0.clone())
    }

    /// Lets a new instance begin as one that is opened from the [snapshot](Self::snapshot) which
    /// is taken next: with the same time, and with random numbers from their beginning.
    pub async fn restart(&self) -> Result<()> {
        let mut core = self.0.core().await?;
        let at = core.stamp((self.0.clock)());
        self.0.show(at);
        *self.0.entropy.lock() = Entropy::new(core.created.seed);
        Ok(())
    }

    /// Where the worker is, after the last append of this process.
    pub async fn head(&self) -> Result<Head> {
        let core = self.0.core().await?;
        let journal = core.writer.as_ref();
        Ok(journal.map_or_else(|| core.end.0.clone(), |journal| journal.head.clone()))
    }

    /// Why the session ended, if it has.
    pub fn error(&self) -> Option<Error> {
        self.0.error()
    }

    /// Whether records are left to replay, so that nothing may be printed.
    pub async fn is_replaying(&self) -> Result<bool> {
        let mut core = self.0.core().await?;
        let peeked = core.peek().await.map(|peeked| peeked.is_some());
        self.0.settle(&mut core, peeked).await
    }

    /// The time that clocks of the component show: that of the last event that it has seen.
    pub fn now(&self) -> Time {
        self.0.time()
    }

    /// How long after the worker was created that is, for monotonic clocks.
    pub async fn age(&self) -> Result<Duration> {
        let born = self.0.core().await?.born;
        Ok(self.now().since(born))
    }

    /// What the random numbers of the running invocation come from: another seed after a fork.
    pub fn seed(&self) -> [u8; 32] {
        self.0.entropy.lock().seed
    }

    /// Random bytes, which a replay draws again.
    pub fn random(&self, bytes: &mut [u8]) {
        self.0.entropy.lock().fill(bytes);
    }

    /// Accepts an invocation: records it behind those that were accepted before, once for each key.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] if its key was used for another invocation within 24 hours.
    pub async fn accept(&self, invoked: Invoked) -> Result<Accepted> {
        self.take(invoked, true).await
    }

    /// As [`accept`](Self::accept), for a caller that waits for the answer: an invocation that is the
    /// next to run is committed with its first effect or with its end. If the process ends before
    /// that, it was never accepted, and nothing of it has happened.
    pub async fn enqueue(&self, invoked: Invoked) -> Result<Accepted> {
        self.take(invoked, false).await
    }

    /// Whether nothing of an invocation was recorded, so that another session may accept it where
    /// this one has failed.
    pub async fn is_unrecorded(&self, position: u64) -> bool {
        self.0.is_unrecorded(position).await
    }

    async fn take(&self, invoked: Invoked, commits: bool) -> Result<Accepted> {
        let mut core = self.0.core().await?;
        if let Some(key) = &invoked.key
            && let Some((position, earlier)) = core.keys.get(key)
        {
            if !answers::are_same(earlier, &invoked) {
                return Err(Error::Conflict);
            }
            let pending = Accepted::Pending(*position);
            if commits {
                let committed = core.commit_invocation((self.0.clock)()).await;
                self.0.settle(&mut core, committed).await?;
            }
            return Ok(pending);
        }
        let now = (self.0.clock)().max(core.last);
        if let Some(journal) = &core.writer {
            let kept = answers::kept(&journal.place, &self.0.worker, &invoked, now).await?;
            if let Some(outcome) = kept {
                return Ok(Accepted::Ended(outcome));
            }
        }
        let position = if commits {
            core.invoke(invoked, now).await
        } else {
            core.enqueue(invoked, now).await
        };
        Ok(Accepted::Queued(self.0.settle(&mut core, position).await?))
    }

    /// Begins the next invocation, and answers its position; none if all that were accepted have
    /// ended.
    ///
    /// # Errors
    ///
    /// [`Error::Place`] if the one before has not ended.
    pub async fn next(&self) -> Result<Option<(u64, Invoked)>> {
        let mut core = self.0.core().await?;
        let next = self.begin(&mut core).await;
        self.0.settle(&mut core, next).await
    }

    async fn begin(&self, core: &mut Core) -> Result<Option<(u64, Invoked)>> {
        if core.running.is_some() {
            return Err(Error::Place {
                worker: self.0.worker.to_string(),
                why: "has an invocation that has not ended".to_owned(),
            });
        }
        loop {
            let is_rehearsal = core.writer.is_none();
            if core.peek().await?.is_none() && (is_rehearsal || core.queue.is_empty()) {
                return Ok(None);
            }
            let Some((position, at, invoked)) = core.queue.pop_front() else {
                let record = core.take().map(|(_, event)| event.record);
                return Err(match record {
                    Some(record) => core.misplaced(&record),
                    None => Error::Broken(self.0.worker.to_string()),
                });
            };
            if core.failed.contains(&position) {
                while let Some((_, event)) = core.peek().await?.cloned() {
                    core.take();
                    if matches!(event.record, Record::Failed { invocation, .. } if invocation == position)
                    {
                        self.0.show(event.at);
                        break;
                    }
                }
                continue;
            }
            self.0.show(at);
            self.0.begin(position, core.created.seed);
            core.decisions.clear();
            core.running = Some((position, invoked.clone()));
            return Ok(Some((position, invoked)));
        }
    }

    /// Ends the running invocation with an answer, which may leave once this has returned. Whether it
    /// is a new one, rather than one that was recorded.
    ///
    /// # Errors
    ///
    /// [`Error::Diverged`] if another answer was recorded.
    pub async fn returned(&self, answer: Bytes) -> Result<bool> {
        let mut core = self.0.core().await?;
        let ended = self.end(&mut core, Ok(answer)).await;
        self.0.settle(&mut core, ended).await
    }

    /// Ends the running invocation without an answer. The session ends with it, because the
    /// variables of the component have to be as before: claim the worker and open it again.
    ///
    /// # Errors
    ///
    /// [`Error::Diverged`] if the recorded invocation went on.
    pub async fn failed(&self, why: &str) -> Result<()> {
        let mut core = self.0.core().await?;
        let ended = self.end(&mut core, Err(why.to_owned())).await;
        self.0.settle(&mut core, ended).await?;
        self.0.finish();
        Ok(())
    }

    async fn end(&self, core: &mut Core, outcome: Result<Bytes, String>) -> Result<bool> {
        let Some((invocation, invoked)) = core.running.clone() else {
            return Err(Error::Place {
                worker: self.0.worker.to_string(),
                why: "runs no invocation that could end".to_owned(),
            });
        };
        let record = match outcome.clone() {
            Ok(answer) => Record::Returned { invocation, answer },
            Err(why) => Record::Failed { invocation, why },
        };
        if let Some((position, event)) = core.peek().await?.cloned() {
            if event.record != record {
                return Err(core.diverged(position, event.record.brief(), record.brief()));
            }
            core.take();
            core.running = None;
            self.0.show(event.at);
            return Ok(false);
        }
        core.running = None;
        core.wake = None;
        core.append(Some(record), (self.0.clock)()).await?;
        let at = core.last;
        self.0.show(at);
        if let Some(journal) = &core.writer {
            let ended = Ended { at, outcome };
            answers::keep(&journal.place, &self.0.worker, &invoked, &ended).await?;
        }
        if let Some(key) = &invoked.key {
            core.keys.remove(key);
        }
        Ok(true)
    }

    /// Records the state of the component between two invocations, and trims the records before it.
    /// The instance goes on as the replay does if it has loaded this state after a
    /// [restart](Self::restart).
    ///
    /// # Errors
    ///
    /// [`Error::Place`] while an invocation runs, and before the replay has ended.
    pub async fn snapshot(&self, state: Bytes) -> Result<()> {
        let mut core = self.0.core().await?;
        let peeked = core.peek().await.map(|peeked| peeked.is_some());
        if self.0.settle(&mut core, peeked).await? || core.running.is_some() {
            return Err(Error::Place {
                worker: self.0.worker.to_string(),
                why: "takes a snapshot between invocations, and not while it replays".to_owned(),
            });
        }
        let pending = core.queue.iter();
        let snapshot = Snapshot {
            created: core.created.clone(),
            born: core.born,
            pending: pending
                .map(|(position, _, invoked)| (*position, invoked.clone()))
                .collect(),
            state,
        };
        let record = Record::Snapshot(Box::new(snapshot));
        let done = core.rebase(record, (self.0.clock)()).await;
        self.0.settle(&mut core, done).await?;
        let at = core.last;
        self.0.show(at);
        Ok(())
    }

    /// Prolongs the lease of this process, which each append does, too.
    ///
    /// # Errors
    ///
    /// [`Error::Fenced`] if another process has the worker.
    pub async fn renew(&self) -> Result<()> {
        let mut core = self.0.core().await?;
        let renewed = core.lease((self.0.clock)(), false).await;
        self.0.settle(&mut core, renewed).await
    }

    /// Ends the lease and the session, so that any process can claim the worker at once.
    pub async fn release(&self) -> Result<()> {
        let mut core = self.0.core().await?;
        let released = core.lease((self.0.clock)(), true).await;
        self.0.settle(&mut core, released).await?;
        self.0.finish();
        Ok(())
    }

    /// A call of the component, to be made when the component calls. `digest` is of all its
    /// arguments, and `brief` shows them to people.
    pub fn call(&self, name: &str, brief: String, digest: [u8; 32]) -> Call {
        let name = name.to_owned();
        let asked = Asked {
            name,
            brief,
            digest,
        };
        Call::new(self.0.clone(), asked)
    }

    /// Which of these open calls the next record is of; none at the end of the journal. `asked` is
    /// what the component does, for people.
    ///
    /// # Errors
    ///
    /// [`Error::Diverged`] if it is of another call; [`Error::Ended`] at the end of a rehearsal.
    pub async fn upcoming(&self, calls: &[u64], asked: &str) -> Result<Option<u64>> {
        self.0.upcoming(calls, asked).await
    }

    /// Lets the component sleep until a time.
    pub fn sleep(&self, until: Time) -> Sleep {
        use sha2::{Digest as _, Sha256};
        let digest = Sha256::digest(until.0.to_le_bytes()).into();
        let brief = format!("until {}", until.0);
        let call = self.call(crate::survey::SLEEP, brief, digest);
        Sleep { call, until }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0
    }
}

fn stopped(worker: &WorkerName, why: &str) -> Error {
    Error::Stopped {
        worker: worker.to_string(),
        why: why.to_owned(),
    }
}

// === impl Sleep ===

impl Sleep {
    /// When it ends.
    pub fn until(&self) -> Time {
        self.until
    }

    /// Its place among the calls of the invocation.
    pub fn number(&self) -> u64 {
        self.call.number()
    }

    /// Begins it: whether it is over. Else it is committed, and the head of the worker has when it
    /// ends; the instance can be dropped until then, or the sleep [ended](Self::end) later.
    pub async fn begin(&self) -> Result<bool> {
        self.call.sleep(self.until).await
    }

    /// Ends it if its time has come; whether it has.
    pub async fn end(&self) -> Result<bool> {
        self.call.wake(self.until).await
    }
}
