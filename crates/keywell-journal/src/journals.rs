//! The journals of a store.

use std::sync::Arc;
use std::time::Duration;

use keywell_store::{Change, Expected, List, Set, Store, Swap};
use sha2::{Digest as _, Sha256};

use crate::answers;
use crate::boundary::Boundary;
use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::head::{Base, Head, Status};
use crate::journal::Journal;
use crate::name::WorkerName;
use crate::place::{Place, decode};
use crate::record::{Created, Decision, Event, Record};
use crate::survey::Survey;
use crate::time::Time;

/// How many bytes of records a fork appends at once.
const COPIED_BYTES: usize = 1 << 20;

/// The journals in a store, each of a worker. Clones are handles of one.
#[derive(Clone)]
pub struct Journals {
    place: Arc<Place>,
}

/// Which process wants a worker.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The process, as other processes report it. It has to be another text for each process.
    pub holder: String,
    /// The time.
    pub now: Time,
    /// How long no other process takes the worker over after an append. A convenience: what keeps
    /// two processes apart is that only one of their appends wins.
    pub lease: Duration,
}

// === impl Journals ===

impl Journals {
    /// Opens the journals of a store.
    ///
    /// # Errors
    ///
    /// [`Error::Unfit`] for a store that cannot keep them.
    pub async fn open(store: Arc<dyn Store>) -> Result<Self> {
        let place = Arc::new(Place::open(store).await?);
        Ok(Self { place })
    }

    pub(crate) fn of(place: Arc<Place>) -> Self {
        Self { place }
    }

    /// Makes a worker and claims it.
    ///
    /// # Errors
    ///
    /// [`Error::Exists`].
    pub async fn create(
        &self,
        name: &WorkerName,
        created: Created,
        claim: &Claim,
    ) -> Result<Journal> {
        let head = first_head(name, &created, claim, Base::default());
        let mut journal = self.begin(name, head, claim).await?;
        let event = Event {
            at: claim.now,
            record: Record::Created(created),
        };
        journal.append(&[event], claim.now, |_| {}).await?;
        Ok(journal)
    }

    /// Writes the first head of a worker. One that was written before and has no record yet is
    /// claimed.
    async fn begin(&self, name: &WorkerName, head: Head, claim: &Claim) -> Result<Journal> {
        let key = Place::head_key(name);
        let change = Change::Set(head.encode(), Set::default());
        match self.place.bucket.swap(&key, Expected::Absent, change).await {
            Ok(Swap::Done(Some(version))) => {
                let found = (head, version);
                Ok(Journal::new(
                    self.place.clone(),
                    name.clone(),
                    found,
                    claim.lease,
                ))
            }
            Ok(_) | Err(keywell_store::Error::Ambiguous(_)) => {
                let (found, _) = self.place.head(name).await?;
                if found.next > 0 {
                    return Err(Error::Exists(name.to_string()));
                }
                let mut journal = self.claim(name, claim).await?;
                let epoch = journal.head.epoch;
                journal.publish(Head { epoch, ..head }).await?;
                Ok(journal)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Where a worker is.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchWorker`].
    pub async fn head(&self, name: &WorkerName) -> Result<Head> {
        Ok(self.place.head(name).await?.0)
    }

    /// Claims a worker, so that this process can append to its journal and the one that could before
    /// cannot.
    ///
    /// # Errors
    ///
    /// [`Error::Held`] before the lease of another process ends; [`Error::NoSuchWorker`].
    pub async fn claim(&self, name: &WorkerName, claim: &Claim) -> Result<Journal> {
        let (head, entry) = self.place.head(name).await?;
        if head.holder != claim.holder && claim.now < head.lease {
            return Err(Error::Held {
                worker: name.to_string(),
                holder: head.holder,
                until: head.lease,
            });
        }
        let mut next = head.clone();
        next.holder.clone_from(&claim.holder);
        next.epoch += 1;
        next.lease = claim.now.after(claim.lease);
        let found = (head, entry.version);
        let mut journal = Journal::new(self.place.clone(), name.clone(), found, claim.lease);
        journal.publish(next).await?;
        journal.trim().await?;
        Ok(journal)
    }

    /// The workers, in the order of their names where the store lists in order, with the error of
    /// each whose head cannot be read.
    ///
    /// # Errors
    ///
    /// [`keywell_store::Error::Unsupported`] in a store that cannot list.
    pub async fn list(&self) -> Result<Vec<(WorkerName, Result<Head>)>> {
        let (mut workers, mut cursor) = (Vec::new(), None);
        loop {
            let request = List {
                prefix: Place::HEADS.to_owned(),
                cursor,
                values: Some(1 << 20),
                ..List::default()
            };
            let page = self.place.bucket.list(request).await?;
            for (key, entry) in page.keys.iter().zip(&page.entries) {
                let name = key.strip_prefix(Place::HEADS).unwrap_or(key);
                let name: WorkerName = name.parse()?;
                let head = decode(&name, entry);
                workers.push((name, head));
            }
            cursor = page.cursor;
            if cursor.is_none() {
                return Ok(workers);
            }
        }
    }

    /// A cursor at the first record that a journal has, for [`Cursor::next`] with this head.
    pub fn read(&self, name: &WorkerName, head: &Head) -> Cursor {
        Cursor::new(self.place.clone(), name.clone(), head)
    }

    /// Decides what became of an interrupted effect, so that the worker can go on.
    ///
    /// # Errors
    ///
    /// [`Error::Place`] if no effect is in doubt.
    pub async fn resolve(
        &self,
        name: &WorkerName,
        decision: Decision,
        claim: &Claim,
    ) -> Result<()> {
        let mut journal = self.claim(name, claim).await?;
        let survey = self.survey(&journal, u64::MAX).await?;
        let in_doubt = match journal.head.status {
            Status::Ambiguous { position, .. } => survey.open_at(position),
            _ => survey.in_doubt(),
        };
        let Some(open) = in_doubt else {
            return Err(Error::Place {
                worker: name.to_string(),
                why: "has no interrupted effect".to_owned(),
            });
        };
        let call = open.call;
        let event = Event {
            at: claim.now.max(survey.last),
            record: Record::Resolved { call, decision },
        };
        let is_ambiguous = matches!(journal.head.status, Status::Ambiguous { .. });
        journal
            .append(&[event], claim.now, |head| {
                if is_ambiguous {
                    head.status = Status::Running;
                }
            })
            .await
    }

    /// Changes whether a worker can run: to pause it, or to let it go on.
    pub async fn set_status(&self, name: &WorkerName, to: Status, claim: &Claim) -> Result<()> {
        let mut journal = self.claim(name, claim).await?;
        journal
            .append(&[], claim.now, |head| head.status = to)
            .await
    }

    /// Records that another component goes on from here, if the worker has as many records as were
    /// [rehearsed](crate::Session::rehearse) with it.
    ///
    /// # Errors
    ///
    /// [`Error::Place`] if it has others by now, or an invocation that has not ended.
    pub async fn upgrade(
        &self,
        name: &WorkerName,
        digest: &str,
        rehearsed: u64,
        claim: &Claim,
    ) -> Result<()> {
        if self.head(name).await?.status == Status::Running {
            return Err(Error::Place {
                worker: name.to_string(),
                why: "has an invocation that has not ended; let it end first".to_owned(),
            });
        }
        let mut journal = self.claim(name, claim).await?;
        let records = journal.head.position;
        if records != rehearsed {
            return Err(Error::Place {
                worker: name.to_string(),
                why: format!(
                    "has {records} records by now, and {rehearsed} were rehearsed; try again"
                ),
            });
        }
        let event = Event {
            at: claim.now,
            record: Record::Upgraded {
                digest: digest.to_owned(),
            },
        };
        let digest = digest.to_owned();
        journal
            .append(&[event], claim.now, |head| head.digest = digest)
            .await
    }

    /// Makes a worker of the records of another, up to the last end of an invocation that is not
    /// behind the record at a position. It goes on by itself with a seed of its own. What was
    /// accepted and had not ended, and kept answers, stay with the other.
    ///
    /// # Errors
    ///
    /// [`Error::Place`] for a position before the last snapshot or past the end; [`Error::Exists`].
    pub async fn fork(
        &self,
        from: &WorkerName,
        position: u64,
        to: &WorkerName,
        seed: [u8; 32],
        claim: &Claim,
    ) -> Result<Journal> {
        let head = self.head(from).await?;
        let boundary = Boundary::find(self.read(from, &head), from, &head, position).await?;
        let created = Created {
            digest: boundary.digest,
            seed,
            ..Created::default()
        };
        let base = Base {
            position: head.base.position,
            ..Base::default()
        };
        let mut own = first_head(to, &created, claim, base);
        own.status = Status::Stopped {
            why: "its fork was interrupted; delete it, and fork again".to_owned(),
        };
        let mut journal = self.begin(to, own, claim).await?;
        let (mut cursor, mut events, mut bytes) = (self.read(from, &head), Vec::new(), 0);
        while let Some((at, event)) = cursor.next(&head).await?
            && at < boundary.records
        {
            bytes += event.record.bytes();
            events.push(event);
            if bytes > COPIED_BYTES {
                journal.append(&events, claim.now, |_| {}).await?;
                events.clear();
                bytes = 0;
            }
        }
        events.push(Event {
            at: claim.now.max(boundary.at),
            record: Record::Forked {
                from: from.to_string(),
                at: boundary.records,
                seed,
            },
        });
        let done = |head: &mut Head| head.status = Status::Idle;
        journal.append(&events, claim.now, done).await?;
        Ok(journal)
    }

    /// Deletes a worker with its journal and its kept answers. Done again after a failure, it
    /// deletes the rest.
    pub async fn delete(&self, name: &WorkerName, claim: &Claim) -> Result<()> {
        let mut journal = self.claim(name, claim).await?;
        answers::sweep(&self.place, name, None).await?;
        let end = journal.end();
        let why = "it is being deleted; delete it again".to_owned();
        journal
            .append(&[], claim.now, |head| {
                head.status = Status::Stopped { why };
                head.base = end;
            })
            .await?;
        journal.trim().await?;
        let expected = Expected::At(journal.version.clone());
        let key = Place::head_key(name);
        match self
            .place
            .bucket
            .swap(&key, expected, Change::Delete)
            .await?
        {
            Swap::Done(_) => Ok(()),
            Swap::Stale => Err(Error::Broken(name.to_string())),
        }
    }

    /// Deletes the answers of a worker that are older than 24 hours; how many. In a store that
    /// cannot list they stay.
    pub async fn sweep_answers(&self, name: &WorkerName, now: Time) -> Result<usize> {
        answers::sweep(&self.place, name, Some(now)).await
    }

    async fn survey(&self, journal: &Journal, until: u64) -> Result<Survey> {
        let cursor = self.read(&journal.name, &journal.head);
        Survey::read(cursor, &journal.head, until).await
    }
}

fn first_head(name: &WorkerName, created: &Created, claim: &Claim, base: Base) -> Head {
    let mut identity = Sha256::new();
    identity.update(created.seed);
    identity.update(claim.now.0.to_le_bytes());
    identity.update(name.as_str());
    let digest: [u8; 32] = identity.finalize().into();
    Head {
        identity: *digest.first_chunk().expect("a hash is longer"),
        position: base.position,
        digest: created.digest.clone(),
        status: Status::Idle,
        wake: None,
        holder: claim.holder.clone(),
        lease: claim.now.after(claim.lease),
        // Later than every epoch of an earlier worker of this name.
        epoch: claim.now.0,
        next: 0,
        chain: base.chain,
        base,
        lowest: 0,
    }
}
