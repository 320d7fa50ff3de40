use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use keywell_client::Deadline;
use keywell_store::{Error, Expected, Failure, Result, StoreId, Transacted, Version, Written};
use tokio::sync::{Notify, watch};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::error::{breaks, refused, sent};
use crate::pool::Pool;
use crate::unit::{Act, Unit};
use crate::{Options, log};

/// The parameters of a query.
type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

const APPLY: &str = "SELECT * FROM apply($1, $2, $3, $4, $5, $6, $7, $8, $9)";

/// The database of a store, as its buckets, watches and tasks share it.
pub(crate) struct Server {
    pub(crate) id: StoreId,
    /// The random number of the store.
    pub(crate) store: i64,
    pub(crate) is_synced: bool,
    pub(crate) options: Options,
    pub(crate) pool: Arc<Pool>,
    /// Counts what may be news for watches; `None` once the store is closed.
    progress: watch::Sender<Option<u64>>,
    /// Wakes what announces writes to other processes.
    pub(crate) unannounced: Notify,
    /// Wakes what removes expired keys, when one expires sooner than it knows.
    pub(crate) expiring: watch::Sender<Option<tokio::time::Instant>>,
    /// How many changes were logged since the last trim, of each log.
    logged: [AtomicI64; 2],
}

/// Whether a query may have written something when its answer is lost.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read,
    Write,
}

// === impl Server ===

impl Server {
    pub(crate) fn new(store: i64, is_synced: bool, options: Options, pool: Arc<Pool>) -> Self {
        Self {
            id: StoreId::unique(),
            store,
            is_synced,
            options,
            pool,
            progress: watch::Sender::new(Some(0)),
            unannounced: Notify::new(),
            expiring: watch::Sender::new(None),
            logged: [AtomicI64::new(0), AtomicI64::new(0)],
        }
    }

    /// Reads by one statement, which sees one instant.
    pub(crate) async fn read(
        &self,
        sql: &'static str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>> {
        self.query(sql, parameters, Kind::Read).await
    }

    async fn query(
        &self,
        sql: &'static str,
        parameters: Parameters<'_>,
        kind: Kind,
    ) -> Result<Vec<Row>> {
        let deadline = Deadline::after(self.options.answer_timeout);
        let mut lease = self.pool.lease(deadline).await?;
        let late = |late| Failure::caused_by("waiting for PostgreSQL", late);
        let statement = match deadline.bound(lease.link.statement(sql)).await {
            Ok(Ok(statement)) => statement,
            Ok(Err(error)) => return Err(refused(error)),
            Err(error) => return Err(Error::Unavailable(late(error))),
        };
        if lease.link.client.is_closed() {
            return Err(Error::Unavailable(
                "the connection to PostgreSQL ended".into(),
            ));
        }
        let answer = lease.link.client.query(&statement, parameters);
        match deadline.bound(answer).await {
            Ok(Ok(rows)) => {
                lease.keep();
                Ok(rows)
            }
            Ok(Err(error)) => {
                if !breaks(&error) {
                    lease.keep();
                }
                Err(match kind {
                    Kind::Read => refused(error),
                    Kind::Write => sent(error),
                })
            }
            Err(error) => Err(match kind {
                Kind::Read => Error::Unavailable(late(error)),
                Kind::Write => Error::Ambiguous(late(error)),
            }),
        }
    }

    /// Performs a unit, by one call that is never sent twice.
    pub(crate) async fn apply(&self, unit: &Unit) -> Result<Transacted> {
        let checks = &unit.checks;
        let steps = &unit.steps;
        let check_buckets: Vec<&str> = checks.iter().map(|check| check.bucket.as_str()).collect();
        let check_keys: Vec<&[u8]> = checks.iter().map(|check| check.key.as_bytes()).collect();
        let check_versions: Vec<Option<i64>> = checks
            .iter()
            .map(|check| version(&check.expected))
            .collect();
        let buckets: Vec<&str> = steps.iter().map(|step| step.bucket.as_str()).collect();
        let keys: Vec<&[u8]> = steps.iter().map(|step| step.key.as_bytes()).collect();
        let (mut kinds, mut values) = (Vec::new(), Vec::new());
        let (mut deltas, mut ttls) = (Vec::new(), Vec::new());
        let mut shortest = None;
        for step in steps {
            let (kind, value, delta, ttl): (i16, Option<&[u8]>, _, _) = match &step.act {
                Act::Set(value, ttl) => (0, Some(value), None, *ttl),
                Act::Delete => (1, None, None, None),
                Act::Expire => (2, None, None, None),
                Act::Increment(delta, ttl) => (3, None, Some(*delta), *ttl),
            };
            kinds.push(kind);
            values.push(value);
            deltas.push(delta);
            ttls.push(ttl.map(|ttl| i64::try_from(ttl).unwrap_or(i64::MAX)));
            shortest = shortest.into_iter().chain(ttl).min();
        }
        let parameters: Parameters<'_> = &[
            &check_buckets,
            &check_keys,
            &check_versions,
            &buckets,
            &keys,
            &kinds,
            &values,
            &deltas,
            &ttls,
        ];
        let rows = self.query(APPLY, parameters, Kind::Write).await?;
        let row = rows.first().ok_or_else(unreadable)?;
        if let Some(place) = row.get::<_, Option<i32>>("out_stale") {
            let place = usize::try_from(place).map_err(|_| unreadable())?;
            return Ok(Transacted::Stale(place));
        }
        let written = written(row)?;
        self.written(unit, shortest).await;
        Ok(Transacted::Done(written))
    }

    /// Does what follows a write.
    async fn written(&self, unit: &Unit, shortest: Option<u64>) {
        self.wake();
        self.unannounced.notify_one();
        if let Some(ttl) = shortest {
            self.expires_in(std::time::Duration::from_millis(ttl));
        }
        for (at, is_reserved) in [false, true].into_iter().enumerate() {
            let steps = unit.steps.iter();
            let events = steps.filter(|step| log::is_reserved(&step.bucket) == is_reserved);
            let events = i64::try_from(events.count()).unwrap_or(i64::MAX);
            let (most, bytes) = log::limits(&self.options, is_reserved);
            let logged = self.logged[at].fetch_add(events, Ordering::Relaxed) + events;
            // Several processes write, and each trims now and then.
            if events > 0 && logged >= (most / 8).max(1) {
                self.logged[at].store(0, Ordering::Relaxed);
                let trim = "SELECT trim_changes($1, $2, $3)";
                let trimmed = self.read(trim, &[&is_reserved, &most, &bytes]).await;
                if let Err(error) = trimmed {
                    tracing::warn!(%error, "the history in PostgreSQL cannot be trimmed");
                }
            }
        }
    }

    /// Says that a key expires after so long.
    pub(crate) fn expires_in(&self, ttl: std::time::Duration) {
        let now = tokio::time::Instant::now();
        let end = now.checked_add(ttl).unwrap_or(now);
        self.expiring.send_if_modified(|next| {
            let is_sooner = next.is_none_or(|next| end < next);
            if is_sooner {
                *next = Some(end);
            }
            is_sooner
        });
    }

    /// Wakes the watches of this process.
    pub(crate) fn wake(&self) {
        self.progress.send_modify(|count| {
            if let Some(count) = count {
                *count += 1;
            }
        });
    }

    /// What a watch waits for.
    pub(crate) fn follow(&self) -> watch::Receiver<Option<u64>> {
        self.progress.subscribe()
    }

    /// Takes no more calls, and ends the watches. Writes that were sent are done.
    pub(crate) async fn close(&self) {
        // Who has a connection gives it back first.
        let deadline = Deadline::after(self.options.answer_timeout);
        let _ = deadline.bound(self.pool.drain()).await;
        self.pool.close();
        self.progress.send_replace(None);
    }
}

/// The version that a check compares; none of a version that is not of this store is ever equal.
fn version(expected: &Expected) -> Option<i64> {
    match expected {
        Expected::Absent => None,
        Expected::At(version) => {
            let number = version
                .as_u64()
                .and_then(|number| i64::try_from(number).ok());
            Some(number.unwrap_or(-1))
        }
    }
}

fn written(row: &Row) -> Result<Vec<Written>> {
    let Some(changed) = row.get::<_, Option<Vec<bool>>>("out_changed") else {
        return Ok(Vec::new());
    };
    let versions: Vec<Option<i64>> = row.get("out_versions");
    let counters: Vec<Option<i64>> = row.get("out_counters");
    let each = changed.into_iter().zip(versions).zip(counters);
    let each = each.map(|((has_changed, version), counter)| {
        let version = version.map(u64::try_from).transpose();
        let version = version.map_err(|_| unreadable())?;
        Ok(Written {
            version: version.map(Version::from),
            counter,
            has_changed,
        })
    });
    each.collect()
}

fn unreadable() -> Error {
    Error::Internal(Failure::new(
        "PostgreSQL answered what the store never returns",
    ))
}
