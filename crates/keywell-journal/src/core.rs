//! What a session has of its worker: the records that are left to replay, and those to append.

use std::collections::{HashMap, HashSet, VecDeque};

use bytes::Bytes;

use crate::cursor::Cursor;
use crate::error::{Divergence, Error, Result};
use crate::head::{Base, Head, Status};
use crate::journal::{Appended, Joined, Journal};
use crate::name::WorkerName;
use crate::record::{Created, Decision, Event, Invoked, Record};
use crate::time::Time;

/// How many bytes of records wait for an append before they get one of their own.
const BUFFER_BYTES: usize = 1 << 20;

pub(crate) struct Core {
    pub(crate) worker: WorkerName,
    /// None where nothing is appended: where a replay is a rehearsal.
    pub(crate) writer: Option<Journal>,
    /// The end of a rehearsal.
    pub(crate) end: (Head, u64),
    pub(crate) cursor: Cursor,
    peeked: Option<(u64, Event)>,
    /// Whether all records were replayed.
    pub(crate) is_live: bool,
    pub(crate) failed: HashSet<u64>,
    /// Accepted invocations that replay has met, with their times.
    pub(crate) queue: VecDeque<(u64, Time, Invoked)>,
    /// The keys of all invocations that have not ended: position, and digest of the arguments.
    pub(crate) keys: HashMap<String, (u64, Invoked)>,
    /// What operators decided of calls of the running invocation. A decision is recorded behind all
    /// that was known, which need not be where the component waits for the call.
    pub(crate) decisions: HashMap<u64, Decision>,
    buffer: Vec<Event>,
    buffered: usize,
    pub(crate) created: Created,
    pub(crate) born: Time,
    pub(crate) state: Option<Bytes>,
    /// When the first record was made that is replayed.
    pub(crate) start: Time,
    /// The time of the last record that was made, whichever it is.
    pub(crate) last: Time,
    pub(crate) wake: Option<Time>,
    pub(crate) running: Option<(u64, Invoked)>,
}

// === impl Core ===

impl Core {
    /// A core before its first record, which is read.
    pub(crate) async fn new(
        worker: WorkerName,
        writer: Option<Journal>,
        end: (Head, u64),
        cursor: Cursor,
    ) -> Result<Self> {
        let mut core = Self {
            worker,
            writer,
            end,
            cursor,
            peeked: None,
            is_live: false,
            failed: HashSet::new(),
            queue: VecDeque::new(),
            keys: HashMap::new(),
            decisions: HashMap::new(),
            buffer: Vec::new(),
            buffered: 0,
            created: Created::default(),
            born: Time::default(),
            state: None,
            start: Time::default(),
            last: Time::default(),
            wake: None,
            running: None,
        };
        match core.read().await? {
            Some((_, event)) => match event.record {
                Record::Created(created) => (core.created, core.born) = (created, event.at),
                Record::Snapshot(snapshot) => {
                    let pending = snapshot.pending.into_iter();
                    core.queue
                        .extend(pending.map(|(position, invoked)| (position, event.at, invoked)));
                    (core.created, core.born) = (snapshot.created, snapshot.born);
                    core.state = Some(snapshot.state);
                }
                other => return Err(core.misplaced(&other)),
            },
            None => return Err(core.place("has no records")),
        }
        core.start = core.last;
        Ok(core)
    }

    async fn read(&mut self) -> Result<Option<(u64, Event)>> {
        let (head, until) = match &self.writer {
            Some(journal) => (&journal.head, u64::MAX),
            None => (&self.end.0, self.end.1),
        };
        let next = self.cursor.next(head).await?;
        if let Some((_, event)) = &next {
            self.last = self.last.max(event.at);
        }
        Ok(next.filter(|(position, _)| *position < until))
    }

    /// The next record of a call or of the end of an invocation; none at the end of the journal.
    /// Others are applied on the way.
    pub(crate) async fn peek(&mut self) -> Result<Option<&(u64, Event)>> {
        while !self.is_live && self.peeked.is_none() {
            let Some((position, event)) = self.read().await? else {
                self.is_live = true;
                break;
            };
            match event.record {
                Record::Invoked(invoked) => self.queue.push_back((position, event.at, invoked)),
                Record::Upgraded { digest } => self.created.digest = digest,
                Record::Resolved { call, decision } => {
                    self.decisions.insert(call, decision);
                }
                Record::Forked { seed, .. } => {
                    self.created.seed = seed;
                    self.queue.clear();
                }
                // One that was not trimmed to. Replay has its state.
                Record::Snapshot(_) => {}
                Record::Created(_) => return Err(self.misplaced(&event.record)),
                _ => self.peeked = Some((position, event)),
            }
        }
        Ok(self.peeked.as_ref())
    }

    /// Takes the record that was peeked at.
    pub(crate) fn take(&mut self) -> Option<(u64, Event)> {
        self.peeked.take()
    }

    /// The time of a record that is made now.
    pub(crate) fn stamp(&mut self, now: Time) -> Time {
        self.last = self.last.max(now);
        self.last
    }

    /// Records something that no other process has to know yet. Much of it is appended.
    pub(crate) async fn push(&mut self, record: Record, now: Time) -> Result<Time> {
        let at = self.stamp(now);
        self.buffered += record.bytes();
        self.buffer.push(Event { at, record });
        if self.buffered > BUFFER_BYTES {
            self.append(None, now).await?;
        }
        Ok(at)
    }

    /// Appends what was recorded, and one more record. Answers the position of that one.
    pub(crate) async fn append(&mut self, record: Option<Record>, now: Time) -> Result<u64> {
        if record.is_none() && self.buffer.is_empty() {
            return Ok(self.last_position());
        }
        let joined = Joined::default();
        let (position, appended) = self.append_with(record, now, joined).await?;
        match appended {
            Appended::Done(_) => Ok(position),
            Appended::Refused(error) => Err(error.into()),
            Appended::Stale(_) => unreachable!("nothing joined it"),
        }
    }

    /// As [`append`](Self::append), with operations on other keys of the journal's store.
    pub(crate) async fn append_with(
        &mut self,
        record: Option<Record>,
        now: Time,
        joined: Joined,
    ) -> Result<(u64, Appended)> {
        let at = self.stamp(now);
        let status = self.status();
        let journal = self.writer.as_mut().ok_or(Error::Ended)?;
        let before = self.buffer.len();
        self.buffer
            .extend(record.map(|record| Event { at, record }));
        let position = (journal.head.position + self.buffer.len() as u64).saturating_sub(1);
        let wake = self.wake;
        let change = |head: &mut Head| {
            head.wake = wake;
            head.status = status;
        };
        let appended = journal.append_with(&self.buffer, now, change, joined).await;
        match appended {
            Ok(Appended::Done(_)) => {
                self.buffer.clear();
                self.buffered = 0;
            }
            _ => self.buffer.truncate(before),
        }
        Ok((position, appended?))
    }

    /// Records an invocation. If it is the next to run, it is appended with what it records.
    pub(crate) async fn enqueue(&mut self, invoked: Invoked, now: Time) -> Result<u64> {
        self.peek().await?;
        let is_busy = !self.is_live || self.running.is_some() || !self.queue.is_empty();
        if is_busy || !self.buffer.is_empty() {
            return self.invoke(invoked, now).await;
        }
        let journal = self.writer.as_ref().ok_or(Error::Ended)?;
        let position = journal.head.position;
        let at = self.push(Record::Invoked(invoked.clone()), now).await?;
        if let Some(key) = &invoked.key {
            self.keys.insert(key.clone(), (position, invoked.clone()));
        }
        self.queue.push_back((position, at, invoked));
        Ok(position)
    }

    /// Appends an invocation that is recorded and not appended, so that it keeps its position.
    pub(crate) async fn commit_invocation(&mut self, now: Time) -> Result<()> {
        let first = self.buffer.first().map(|event| &event.record);
        if matches!(first, Some(Record::Invoked(_))) {
            self.append(None, now).await?;
        }
        Ok(())
    }

    /// Appends an invocation by itself, before what the running one has recorded.
    pub(crate) async fn invoke(&mut self, invoked: Invoked, now: Time) -> Result<u64> {
        self.commit_invocation(now).await?;
        let at = self.stamp(now);
        let wake = self.wake;
        let journal = self.writer.as_mut().ok_or(Error::Ended)?;
        let position = journal.head.position;
        let record = Record::Invoked(invoked.clone());
        let change = |head: &mut Head| {
            head.wake = wake;
            head.status = Status::Running;
        };
        journal.append(&[Event { at, record }], now, change).await?;
        if let Some(key) = &invoked.key {
            self.keys.insert(key.clone(), (position, invoked.clone()));
        }
        // A cursor that is not at the end meets it.
        if self.is_live {
            self.queue.push_back((position, at, invoked));
        }
        Ok(position)
    }

    /// Appends a record from which replay can begin, and lets it begin there. Its time is that of the
    /// last record.
    pub(crate) async fn rebase(&mut self, record: Record, now: Time) -> Result<()> {
        self.append(None, now).await?;
        let at = self.last;
        let journal = self.writer.as_mut().ok_or(Error::Ended)?;
        let base: Base = journal.end();
        let change = |head: &mut Head| head.base = base;
        journal.append(&[Event { at, record }], now, change).await?;
        journal.trim().await
    }

    /// Prolongs the lease, or ends it.
    pub(crate) async fn lease(&mut self, now: Time, ends: bool) -> Result<()> {
        let journal = self.writer.as_mut().ok_or(Error::Ended)?;
        let change = |head: &mut Head| {
            if ends {
                head.lease = now;
            }
        };
        journal.append(&[], now, change).await
    }

    /// Writes down why the worker does not go on, so that no process starts it.
    pub(crate) async fn halt(&mut self, error: &Error, now: Time) -> Result<()> {
        let why = error.to_string();
        let status = match error {
            Error::Ambiguous { position, .. } => {
                let position = *position;
                Status::Ambiguous { position, why }
            }
            Error::Diverged(_) => Status::Stopped { why },
            _ => return Ok(()),
        };
        match &mut self.writer {
            Some(journal) => journal.append(&[], now, |head| head.status = status).await,
            None => Ok(()),
        }
    }

    fn last_position(&self) -> u64 {
        let journal = self.writer.as_ref();
        journal.map_or(0, |journal| journal.head.position.saturating_sub(1))
    }

    fn status(&self) -> Status {
        if self.running.is_some() || !self.queue.is_empty() || !self.is_live {
            Status::Running
        } else {
            Status::Idle
        }
    }

    pub(crate) fn diverged(&self, position: u64, recorded: String, asked: String) -> Error {
        Error::Diverged(Divergence {
            worker: self.worker.to_string(),
            position,
            recorded,
            asked,
        })
    }

    pub(crate) fn misplaced(&self, record: &Record) -> Error {
        self.place(&format!("has a record out of place: {}", record.brief()))
    }

    fn place(&self, why: &str) -> Error {
        Error::Place {
            worker: self.worker.to_string(),
            why: why.to_owned(),
        }
    }
}
