//! Appending to the journal of a worker that this process has claimed.
//!
//! An append is its chunks and then a swap of the head, which is the commit: until then its chunks
//! are behind the end. Where the store transacts, the last chunk and the head are one transaction,
//! and writes to other buckets of the store can join it.
//!
//! 1. Each claim swaps the head, so the swap of an earlier holder is stale from then on.
//! 2. A chunk behind the end is of an append that was not committed. It is replaced only by a holder
//!    of a later epoch, or of the same; an earlier one never reaches its swap.
//! 3. A swap without an answer is settled by reading the head: it is the new one, the old one, or
//!    that of another process. The swap of the old one may be sent again, as only one can win.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use keywell_store::{
    Change, Check, Error as StoreError, Expected, Set, Swap, Transacted, Transacting, Version,
    Write, Written,
};

use crate::chunk::Chunk;
use crate::error::{Error, Result};
use crate::frame;
use crate::head::{Base, Head};
use crate::name::WorkerName;
use crate::place::{Place, decode};
use crate::record::Event;
use crate::time::Time;

/// How often a write without an answer is sent.
const ATTEMPTS: usize = 8;

/// The journal of a worker, for the one process that may append to it.
pub struct Journal {
    pub(crate) place: Arc<Place>,
    pub(crate) name: WorkerName,
    pub(crate) head: Head,
    pub(crate) version: Version,
    pub(crate) lease: Duration,
    /// Whether the head is as the store has it.
    is_sound: bool,
    /// Whether an append may have been committed whose answer was lost.
    is_in_doubt: bool,
}

/// Operations of the same store that join an append.
#[derive(Clone, Debug, Default)]
pub(crate) struct Joined {
    pub(crate) checks: Vec<Check>,
    pub(crate) writes: Vec<Write>,
}

/// How an append ended.
#[derive(Debug)]
pub(crate) enum Appended {
    /// It is committed. What the joined writes did is unknown where the answer was lost.
    Done(Option<Vec<Written>>),
    /// The joined check at this place did not hold, and nothing was written.
    Stale(usize),
    /// The store refused a joined operation, and nothing was written.
    Refused(StoreError),
}

// === impl Journal ===

impl Journal {
    pub(crate) fn new(
        place: Arc<Place>,
        name: WorkerName,
        (head, version): (Head, Version),
        lease: Duration,
    ) -> Self {
        Self {
            place,
            name,
            head,
            version,
            lease,
            is_sound: true,
            is_in_doubt: false,
        }
    }

    /// The worker.
    pub fn name(&self) -> &WorkerName {
        &self.name
    }

    /// Where the worker is, after the last append.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Whether the record at a position was not committed, also after an error.
    pub(crate) fn is_before(&self, position: u64) -> bool {
        self.head.position <= position && !self.is_in_doubt
    }

    /// Appends records and changes the head, as one step.
    ///
    /// # Errors
    ///
    /// [`Error::Fenced`] if another process has the worker. After any error it has to be claimed
    /// again.
    pub(crate) async fn append(
        &mut self,
        events: &[Event],
        now: Time,
        change: impl FnOnce(&mut Head),
    ) -> Result<()> {
        let joined = Joined::default();
        match self.append_with(events, now, change, joined).await? {
            Appended::Done(_) => Ok(()),
            Appended::Refused(error) => Err(error.into()),
            Appended::Stale(_) => unreachable!("nothing joined it"),
        }
    }

    /// As [`append`](Self::append), with operations on other keys of a store that transacts. See
    /// [`has_room`](Self::has_room).
    pub(crate) async fn append_with(
        &mut self,
        events: &[Event],
        now: Time,
        change: impl FnOnce(&mut Head),
        joined: Joined,
    ) -> Result<Appended> {
        if !self.is_sound {
            return Err(Error::Broken(self.name.to_string()));
        }
        let mut next = self.head.clone();
        next.lease = now.after(self.lease);
        let mut chunks = self.chunks(events, &mut next)?;
        change(&mut next);
        // Also if this future is dropped.
        self.is_sound = false;
        let transacts = self.place.capabilities.transact != Transacting::None;
        let last = if transacts { chunks.pop() } else { None };
        for (number, chunk) in chunks {
            self.put(number, chunk).await?;
        }
        self.is_in_doubt = false;
        let appended = if transacts {
            self.transact(next, last, joined).await?
        } else {
            self.publish(next).await?;
            Appended::Done(None)
        };
        self.is_sound = true;
        Ok(appended)
    }

    /// Whether operations can join an append of few records.
    pub(crate) fn has_room(&self, joined: &Joined) -> bool {
        let Transacting::Store { operations, bytes } = self.place.capabilities.transact else {
            return false;
        };
        // The chunk, the head, and the version of a store that compares values.
        let own = self.place.piece_bytes + 4 * self.head.encode().len() + 1024;
        let (operations, bytes) = (operations.saturating_sub(3), bytes.saturating_sub(own));
        let most = Transacting::Store { operations, bytes };
        most.check(&joined.checks, &joined.writes).is_ok()
    }

    /// Encodes records as chunks, and moves a head behind them.
    fn chunks(&self, events: &[Event], next: &mut Head) -> Result<Vec<(u64, Bytes)>> {
        let (mut stream, mut starts) = (Vec::new(), Vec::with_capacity(events.len()));
        for event in events {
            starts.push(stream.len());
            frame::write(event, &mut stream)?;
        }
        let mut chunks = Vec::new();
        for (at, piece) in stream.chunks(self.place.piece_bytes).enumerate() {
            let start = at * self.place.piece_bytes;
            let before = starts.partition_point(|begin| *begin < start) as u64;
            let position = self.head.position + before;
            let (chunk, chain) = Chunk::seal(next.epoch, next.next, position, &next.chain, piece);
            chunks.push((next.next, chunk));
            next.chain = chain;
            next.next += 1;
        }
        next.position += events.len() as u64;
        Ok(chunks)
    }

    /// Writes a chunk behind the end.
    async fn put(&self, number: u64, chunk: Bytes) -> Result<()> {
        let key = Place::chunk_key(&self.name, self.head.identity, number);
        let mut expected = Expected::Absent;
        for _ in 0..ATTEMPTS {
            let change = Change::Set(chunk.clone(), Set::default());
            let bucket = &self.place.bucket;
            match bucket.swap(&key, expected, change).await {
                Ok(Swap::Done(_)) => return Ok(()),
                Ok(Swap::Stale) | Err(StoreError::Ambiguous(_)) => {}
                Err(error) => return Err(error.into()),
            }
            let found = bucket.get(&key).await?;
            match &found {
                Some(entry) if entry.value == chunk => return Ok(()),
                Some(entry) => {
                    let epoch = Chunk::open(&entry.value, number).map(|chunk| chunk.epoch);
                    if epoch.is_ok_and(|epoch| epoch > self.head.epoch) {
                        return Err(self.fenced().await);
                    }
                }
                None => {}
            }
            expected = Expected::from(found.as_ref());
        }
        Err(unanswered("a chunk"))
    }

    /// Swaps the head.
    pub(crate) async fn publish(&mut self, next: Head) -> Result<()> {
        let (key, value) = (Place::head_key(&self.name), next.encode());
        for _ in 0..ATTEMPTS {
            let expected = Expected::At(self.version.clone());
            let change = Change::Set(value.clone(), Set::default());
            match self.place.bucket.swap(&key, expected, change).await {
                Ok(Swap::Done(Some(version))) => {
                    (self.head, self.version) = (next, version);
                    return Ok(());
                }
                Ok(Swap::Stale) => {}
                Ok(Swap::Done(None)) | Err(StoreError::Ambiguous(_)) => self.is_in_doubt = true,
                Err(error) => return Err(error.into()),
            }
            if self.has_reached(&next, &value).await? {
                return Ok(());
            }
        }
        Err(unanswered("the head"))
    }

    async fn transact(
        &mut self,
        next: Head,
        chunk: Option<(u64, Bytes)>,
        joined: Joined,
    ) -> Result<Appended> {
        let (key, value) = (Place::head_key(&self.name), next.encode());
        for _ in 0..ATTEMPTS {
            let expected = Expected::At(self.version.clone());
            let mut checks = vec![self.place.check(key.clone(), expected)];
            checks.extend(joined.checks.iter().cloned());
            let mut writes = vec![self.place.write(key.clone(), value.clone())];
            writes.extend(chunk.iter().map(|(number, chunk)| {
                let key = Place::chunk_key(&self.name, self.head.identity, *number);
                self.place.write(key, chunk.clone())
            }));
            let own = writes.len();
            writes.extend(joined.writes.iter().cloned());
            match self.place.store.transact(checks, writes).await {
                Ok(Transacted::Done(mut written)) => {
                    let joined = written.split_off(own.min(written.len()));
                    let version = written.into_iter().next().and_then(|head| head.version);
                    self.version = version.ok_or_else(|| unanswered("the head"))?;
                    self.head = next;
                    return Ok(Appended::Done(Some(joined)));
                }
                Ok(Transacted::Stale(0)) => {}
                Err(StoreError::Ambiguous(_)) => self.is_in_doubt = true,
                Ok(Transacted::Stale(at)) => return Ok(Appended::Stale(at - 1)),
                Err(error) if error.nothing_happened() => return Ok(Appended::Refused(error)),
                Err(error) => return Err(error.into()),
            }
            if self.has_reached(&next, &value).await? {
                return Ok(Appended::Done(None));
            }
        }
        Err(unanswered("the head"))
    }

    /// Whether the head in the store is the next one rather than the present.
    ///
    /// # Errors
    ///
    /// [`Error::Fenced`] if it is neither.
    async fn has_reached(&mut self, next: &Head, value: &Bytes) -> Result<bool> {
        let entry = self.place.bucket.get(&Place::head_key(&self.name)).await?;
        match entry {
            Some(entry) if entry.value == *value => {
                (self.head, self.version) = (next.clone(), entry.version);
                Ok(true)
            }
            Some(entry) if entry.version == self.version => Ok(false),
            Some(entry) => {
                decode(&self.name, &entry)?;
                Err(self.fenced().await)
            }
            None => Err(Error::NoSuchWorker(self.name.to_string())),
        }
    }

    async fn fenced(&self) -> Error {
        match self.place.head(&self.name).await {
            Ok((head, _)) => Error::Fenced {
                worker: self.name.to_string(),
                holder: head.holder,
            },
            Err(error) => error,
        }
    }

    /// Where the next append begins.
    pub(crate) fn end(&self) -> Base {
        Base {
            chunk: self.head.next,
            position: self.head.position,
            chain: self.head.chain,
        }
    }

    /// Deletes the chunks before the place where replay begins.
    pub(crate) async fn trim(&mut self) -> Result<()> {
        const BATCH: usize = 100;
        let doomed: Vec<u64> = (self.head.lowest..self.head.base.chunk).collect();
        for batch in doomed.chunks(BATCH.min(self.place.capabilities.batch_keys)) {
            let keys: Vec<_> = batch
                .iter()
                .map(|number| Place::chunk_key(&self.name, self.head.identity, *number))
                .collect();
            let keys: Vec<_> = keys.iter().map(String::as_str).collect();
            self.place.bucket.delete_many(&keys).await?;
        }
        // Stored with the next append; until then it is done again.
        self.head.lowest = self.head.base.chunk;
        Ok(())
    }
}

fn unanswered(what: &str) -> Error {
    let what = format!("{what} of a journal was written several times, and no answer came");
    Error::Store(StoreError::Ambiguous(what.into()))
}
