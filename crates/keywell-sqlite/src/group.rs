//! One transaction of the writer.

use bytes::Bytes;
use keywell_store::{Error, Expected, Invalid, Result, Transacted, Version, Written, counter};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::Fault;
use crate::history::History;
use crate::log::{Kind, Log};
use crate::marks::Marks;
use crate::queue::Request;
use crate::time;
use crate::unit::{Act, Unit};

/// The most expired entries that one transaction removes. The next transactions remove the rest, so
/// that writers do not wait for a million expired entries.
const SWEEP: i64 = 1024;

/// The longest text of a counter.
const COUNTER_BYTES: i64 = 20;

/// Units on their way through one transaction.
pub(crate) struct Group<'c> {
    connection: &'c Connection,
    marks: Marks,
    /// The last version before this transaction.
    before: i64,
    history: History,
    /// The time of the whole transaction.
    now: i64,
}

/// The result of a transaction that was committed, or needed no commit.
pub(crate) struct Settled {
    pub(crate) outcomes: Vec<Result<Transacted>>,
    /// The version of the last write.
    pub(crate) sequence: i64,
    /// When the next entry expires.
    pub(crate) due: Option<i64>,
}

/// Why a transaction failed.
#[derive(Debug)]
pub(crate) enum CommitError {
    /// Nothing was written.
    Nothing(Fault),
    /// It may be found committed after a crash.
    InDoubt(Fault),
}

/// An entry that has not expired.
struct Current {
    version: i64,
    expires: Option<i64>,
}

/// What a step comes to once all checks hold.
enum Effect<'u> {
    Set(&'u Bytes, Option<i64>),
    Count(i64, Option<i64>),
    Delete,
}

/// Runs units as one transaction, and does not return before it is committed.
pub(crate) fn run(
    connection: &Connection,
    history: History,
    requests: &[Request],
) -> Result<Settled, CommitError> {
    let execute = |sql| connection.prepare_cached(sql)?.execute([]);
    execute("BEGIN IMMEDIATE").map_err(|error| CommitError::Nothing(error.into()))?;
    let evaluated = Group::evaluate(connection, history, requests);
    let (settled, has_changed) = match evaluated {
        Ok(evaluated) => evaluated,
        Err(fault) => {
            // Some errors have rolled it back already.
            let _ = execute("ROLLBACK");
            return Err(CommitError::Nothing(fault));
        }
    };
    if !has_changed {
        let _ = execute("ROLLBACK");
        return Ok(settled);
    }
    match execute("COMMIT") {
        Ok(_) => Ok(settled),
        Err(error) => {
            let _ = execute("ROLLBACK");
            let fault = Fault::from(error);
            Err(if fault.leaves_doubt() {
                CommitError::InDoubt(fault)
            } else {
                CommitError::Nothing(fault)
            })
        }
    }
}

/// When the next entry expires.
pub(crate) fn due(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    let mut select = connection.prepare_cached(
        "SELECT expires FROM entries WHERE expires IS NOT NULL ORDER BY expires LIMIT 1",
    )?;
    select.query_row([], |row| row.get(0)).optional()
}

// === impl Group ===

impl<'c> Group<'c> {
    /// The outcome of each unit, and whether there is something to commit.
    fn evaluate(
        connection: &'c Connection,
        history: History,
        requests: &[Request],
    ) -> Result<(Settled, bool), Fault> {
        let marks = Marks::load(connection)?;
        let mut group = Self {
            connection,
            before: marks.sequence,
            marks,
            history,
            now: time::now(),
        };
        group.sweep()?;
        let mut outcomes = Vec::with_capacity(requests.len());
        let mut is_probed = false;
        for request in requests {
            // A unit without anything in it asks whether the store can commit.
            is_probed |= request.unit.is_empty();
            outcomes.push(match group.perform(&request.unit) {
                Ok(outcome) => Ok(outcome),
                Err(Fault::Answer(error @ Error::Invalid(_))) => Err(error),
                Err(fault) => return Err(fault),
            });
        }
        let has_changed = is_probed || group.marks.sequence != group.before;
        if has_changed {
            group.trim()?;
            group.marks.save(connection)?;
        }
        let settled = Settled {
            outcomes,
            sequence: group.marks.sequence,
            due: due(connection)?,
        };
        Ok((settled, has_changed))
    }

    /// Performs the steps if all checks hold. What is refused is found before anything is written.
    fn perform(&mut self, unit: &Unit) -> Result<Transacted, Fault> {
        for (place, check) in unit.checks.iter().enumerate() {
            let current = self.current(check.bucket.as_str(), &check.key)?;
            let holds = match (&check.expected, current) {
                (Expected::Absent, None) => true,
                (Expected::At(version), Some(current)) => {
                    version.as_u64() == u64::try_from(current.version).ok()
                }
                (Expected::Absent, Some(_)) | (Expected::At(_), None) => false,
            };
            if !holds {
                return Ok(Transacted::Stale(place));
            }
        }
        let mut effects = Vec::with_capacity(unit.steps.len());
        for step in &unit.steps {
            effects.push(match &step.act {
                Act::Set(value, ttl) => Effect::Set(value, self.end(*ttl)),
                Act::Delete => Effect::Delete,
                Act::Increment(delta, ttl) => {
                    let (sum, expires) = self.sum(step.bucket.as_str(), &step.key, *delta, *ttl)?;
                    Effect::Count(sum, expires)
                }
            });
        }
        let mut written = Vec::with_capacity(effects.len());
        for (step, effect) in unit.steps.iter().zip(effects) {
            let (bucket, key) = (step.bucket.as_str(), &*step.key);
            written.push(match effect {
                Effect::Set(value, expires) => Written::set(self.set(bucket, key, value, expires)?),
                Effect::Count(sum, expires) => {
                    let version = self.set(bucket, key, &counter::text(sum), expires)?;
                    Written::counted(version, sum)
                }
                Effect::Delete => Written::deleted(self.delete(bucket, key)?),
            });
        }
        Ok(Transacted::Done(written))
    }

    /// The value of a counter after this increment, and when its key expires.
    fn sum(
        &mut self,
        bucket: &str,
        key: &str,
        delta: i64,
        ttl: Option<u64>,
    ) -> Result<(i64, Option<i64>), Fault> {
        let Some(current) = self.current(bucket, key)? else {
            return Ok((counter::add(None, delta)?, self.end(ttl)));
        };
        let mut select = self.connection.prepare_cached(
            "SELECT CASE WHEN length(value) <= ?3 THEN value END FROM entries \
             WHERE bucket = ?1 AND key = ?2",
        )?;
        let place = params![bucket, key, COUNTER_BYTES];
        let value: Option<Vec<u8>> = select.query_row(place, |row| row.get(0))?;
        let value = value.ok_or(Error::Invalid(Invalid::NotANumber))?;
        Ok((counter::add(Some(&value), delta)?, current.expires))
    }

    fn set(
        &mut self,
        bucket: &str,
        key: &str,
        value: &[u8],
        expires: Option<i64>,
    ) -> Result<Version, Fault> {
        // If it has expired, that is delivered first.
        self.current(bucket, key)?;
        let version = self.log(bucket, key, Kind::Set(value))?;
        let mut upsert = self.connection.prepare_cached(
            "INSERT INTO entries (bucket, key, version, expires, value) \
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (bucket, key) DO UPDATE \
             SET version = excluded.version, expires = excluded.expires, value = excluded.value",
        )?;
        upsert.execute(params![bucket, key, version, expires, value])?;
        let version = u64::try_from(version);
        let version = version.map_err(|_| Fault::corrupt("the last version is negative"))?;
        Ok(Version::from(version))
    }

    /// Removes a key; whether it was there.
    fn delete(&mut self, bucket: &str, key: &str) -> Result<bool, Fault> {
        let is_there = self.current(bucket, key)?.is_some();
        if is_there {
            self.remove(bucket, key, Kind::Deleted)?;
        }
        Ok(is_there)
    }

    fn remove(&mut self, bucket: &str, key: &str, kind: Kind<'_>) -> Result<(), Fault> {
        let sql = "DELETE FROM entries WHERE bucket = ?1 AND key = ?2";
        let mut delete = self.connection.prepare_cached(sql)?;
        delete.execute(params![bucket, key])?;
        self.log(bucket, key, kind)?;
        Ok(())
    }

    /// The entry of a key. Removes it if it has expired, so that watches deliver the expiration before
    /// the next write.
    fn current(&mut self, bucket: &str, key: &str) -> Result<Option<Current>, Fault> {
        let sql = "SELECT version, expires FROM entries WHERE bucket = ?1 AND key = ?2";
        let mut select = self.connection.prepare_cached(sql)?;
        let found = select.query_row(params![bucket, key], |row| {
            Ok(Current {
                version: row.get(0)?,
                expires: row.get(1)?,
            })
        });
        match found.optional()? {
            Some(current) if time::expires(current.expires, self.now).is_none() => {
                self.remove(bucket, key, Kind::Expired)?;
                Ok(None)
            }
            found => Ok(found),
        }
    }

    /// Assigns a version to a change, and records it for watches.
    fn log(&mut self, bucket: &str, key: &str, kind: Kind<'_>) -> Result<i64, Fault> {
        self.marks.sequence += 1;
        let sequence = self.marks.sequence;
        let log = Log::of(bucket);
        let extent = log.extent_mut(&mut self.marks);
        if !self.history.is_kept() {
            // Watches of other processes have to notice that they miss it.
            extent.floor = sequence;
            return Ok(sequence);
        }
        log.append(self.connection, sequence, bucket, key, kind)?;
        extent.events += 1;
        extent.bytes += kind.bytes(bucket, key);
        Ok(sequence)
    }

    /// Removes expired entries.
    fn sweep(&mut self) -> Result<(), Fault> {
        let mut select = self.connection.prepare_cached(
            "SELECT bucket, key FROM entries WHERE expires <= ?1 ORDER BY expires LIMIT ?2",
        )?;
        let rows = select.query_map([self.now, SWEEP], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })?;
        let expired = rows.collect::<rusqlite::Result<Vec<_>>>()?;
        drop(select);
        for (bucket, key) in expired {
            self.remove(&bucket, &key, Kind::Expired)?;
        }
        Ok(())
    }

    /// Drops events past the limits, but none of this transaction: a watch that keeps up misses no
    /// event.
    fn trim(&mut self) -> Result<(), Fault> {
        let written = self.marks.sequence - self.before;
        for (log, limits) in [
            (Log::Changes, self.history),
            (Log::Reserved, History::RESERVED),
        ] {
            let extent = log.extent_mut(&mut self.marks);
            log.trim(self.connection, extent, limits, self.before, written)?;
        }
        Ok(())
    }

    fn end(&self, ttl: Option<u64>) -> Option<i64> {
        let ttl = i64::try_from(ttl?).unwrap_or(i64::MAX);
        Some(self.now.saturating_add(ttl))
    }
}
