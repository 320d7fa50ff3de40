use std::sync::Arc;

use keywell_client::Deadline;
use keywell_store::{
    BucketName, Error, Expected, Failure, Result, StoreId, Transacted, Version, Written,
};
use tokio::sync::{Notify, Semaphore, watch};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, ToSql};

use crate::error::{breaks, refused, sent};
use crate::log::Logged;
use crate::pool::Pool;
use crate::unit::{Act, Step, Unit};
use crate::{Options, log};

/// The parameters of a query.
type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

const APPLY: &str = "SELECT * FROM apply($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const APPLY_ONE: &str = "SELECT * FROM apply('{}', '{}', '{}', ARRAY[$1::text], ARRAY[$2::bytea], \
     ARRAY[$3::smallint], ARRAY[$4::bytea], ARRAY[$5::bigint], ARRAY[$6::bigint])";

/// How many times in a row a writer removes a part of what is too much.
const TRIMS: u32 = 8;

/// Past how many keys `apply()` of the schema lets no other unit run meanwhile.
const SMALL_KEYS: usize = 64;
/// How many such units have a connection: one that runs, and the next.
const LARGE_UNITS: usize = 2;

/// The database of a store, as its buckets, watches and tasks share it.
pub(crate) struct Server {
    pub(crate) id: StoreId,
    /// The random number of the store.
    pub(crate) store: i64,
    pub(crate) is_synced: bool,
    pub(crate) options: Options,
    pub(crate) pool: Arc<Pool>,
    /// Lets in units that wait for all others, each of which has a connection meanwhile.
    large: Semaphore,
    /// Counts what may be news for watches; `None` once the store is closed.
    progress: watch::Sender<Option<u64>>,
    /// Wakes what announces writes to other processes.
    pub(crate) unannounced: Notify,
    /// Wakes what removes expired keys, when one expires sooner than it knows.
    pub(crate) expiring: watch::Sender<Option<tokio::time::Instant>>,
    /// What was logged since the last trim: of the history, and of reserved buckets.
    logged: [Logged; 2],
}

/// What a query needs, and whether it may have written something when its answer is lost.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read,
    /// A read in a session that is settled.
    Follow,
    /// A write, in such a session.
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
            large: Semaphore::new(LARGE_UNITS),
            progress: watch::Sender::new(Some(0)),
            unannounced: Notify::new(),
            expiring: watch::Sender::new(None),
            logged: Default::default(),
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

    /// The same, of what compares transactions.
    pub(crate) async fn follow(
        &self,
        sql: &'static str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>> {
        self.query(sql, parameters, Kind::Follow).await
    }

    /// Writes by one statement that is never sent twice.
    pub(crate) async fn write(
        &self,
        sql: &'static str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>> {
        self.query(sql, parameters, Kind::Write).await
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
        let link = &mut lease.link;
        let preparing = async {
            if kind != Kind::Read {
                link.settle().await?;
            }
            link.statement(sql).await
        };
        let statement = match deadline.bound(preparing).await {
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
                    Kind::Read | Kind::Follow => refused(error),
                    Kind::Write => sent(error),
                })
            }
            Err(error) => Err(match kind {
                Kind::Read | Kind::Follow => Error::Unavailable(late(error)),
                Kind::Write => Error::Ambiguous(late(error)),
            }),
        }
    }

    /// Performs a unit, by one call that is never sent twice.
    pub(crate) async fn apply(&self, unit: &Unit) -> Result<Transacted> {
        let steps = &unit.steps;
        let rows = match (&unit.checks[..], &steps[..]) {
            ([], [step]) => self.apply_one(step).await?,
            _ => self.apply_all(unit).await?,
        };
        let row = rows.first().ok_or_else(unreadable)?;
        if let Some(place) = field::<Option<i32>>(row, "out_stale")? {
            let place = usize::try_from(place).map_err(|_| unreadable())?;
            return Ok(Transacted::Stale(place));
        }
        let written = written(row)?;
        let shortest = steps.iter().filter_map(|step| step.act.ttl_millis()).min();
        if let Some(ttl) = shortest {
            self.expires_in(std::time::Duration::from_millis(ttl));
        }
        for is_reserved in [false, true] {
            let steps = steps.iter();
            let steps = steps.filter(|step| log::is_reserved(&step.bucket) == is_reserved);
            let sizes = steps.map(Step::size);
            let (events, bytes) = sizes.fold((0, 0), |(events, bytes), size| {
                (events + 1, bytes + i64::try_from(size).unwrap_or(i64::MAX))
            });
            self.log(is_reserved, events, bytes).await;
        }
        Ok(Transacted::Done(written))
    }

    /// The most usual unit, whose parameters cost less than lists of one.
    async fn apply_one(&self, step: &Step) -> Result<Vec<Row>> {
        let (kind, value, delta, ttl) = parts(&step.act);
        let (bucket, key) = (step.bucket.as_str(), step.key.as_bytes());
        let parameters: Parameters<'_> = &[&bucket, &key, &kind, &value, &delta, &ttl];
        self.write(APPLY_ONE, parameters).await
    }

    async fn apply_all(&self, unit: &Unit) -> Result<Vec<Row>> {
        let (checks, steps) = (&unit.checks, &unit.steps);
        let _permit = if checks.len() + steps.len() > SMALL_KEYS {
            let deadline = Deadline::after(self.options.answer_timeout);
            let permit = deadline.bound(self.large.acquire()).await;
            let permit = permit.map_err(|late| {
                let what = "waiting for other large writes to PostgreSQL";
                Error::Unavailable(Failure::caused_by(what, late))
            })?;
            // It is never closed.
            permit.ok()
        } else {
            None
        };
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
        for step in steps {
            let (kind, value, delta, ttl) = parts(&step.act);
            kinds.push(kind);
            values.push(value);
            deltas.push(delta);
            ttls.push(ttl);
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
        self.write(APPLY, parameters).await
    }

    /// Does what follows a write that logged changes: watches learn of it, and old changes go.
    pub(crate) async fn log(&self, is_reserved: bool, events: i64, bytes: i64) {
        if events == 0 {
            return;
        }
        self.wake();
        self.unannounced.notify_one();
        let (most, most_bytes) = log::limits(&self.options, is_reserved);
        let logged = &self.logged[usize::from(is_reserved)];
        // Several processes write, and each trims now and then.
        if !logged.is_due(events, bytes, (most, most_bytes)) {
            return;
        }
        let trim = "SELECT trim_changes($1, $2, $3)";
        for _ in 0..TRIMS {
            let parameters: Parameters<'_> = &[&is_reserved, &most, &most_bytes];
            match self.follow(trim, parameters).await {
                Ok(rows)
                    if rows
                        .first()
                        .is_some_and(|row| row.try_get(0).unwrap_or(false)) => {}
                Ok(_) => return,
                Err(error) => {
                    tracing::warn!(%error, "the history in PostgreSQL cannot be trimmed");
                    return;
                }
            }
        }
    }

    /// How many events are kept for watches of a bucket.
    pub(crate) fn kept(&self, bucket: &BucketName) -> i64 {
        log::limits(&self.options, log::is_reserved(bucket)).0
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
    pub(crate) fn progress(&self) -> watch::Receiver<Option<u64>> {
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

/// What `apply` takes for a step: its number, value, delta, and time to live in milliseconds.
fn parts(act: &Act) -> (i16, Option<&[u8]>, Option<i64>, Option<i64>) {
    let ttl = act.ttl_millis();
    let ttl = ttl.map(|ttl| i64::try_from(ttl).unwrap_or(i64::MAX));
    match act {
        Act::Set(value, _) => (0, Some(value.as_ref()), None, ttl),
        Act::Delete => (1, None, None, None),
        Act::Increment(delta, _) => (3, None, Some(*delta), ttl),
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
    let Some(changed) = field::<Option<Vec<bool>>>(row, "out_changed")? else {
        return Ok(Vec::new());
    };
    let versions: Vec<Option<i64>> = field(row, "out_versions")?;
    let counters: Vec<Option<i64>> = field(row, "out_counters")?;
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

fn field<'a, T: FromSql<'a>>(row: &'a Row, name: &str) -> Result<T> {
    row.try_get(name).map_err(|_| unreadable())
}

fn unreadable() -> Error {
    Error::Internal(Failure::new(
        "PostgreSQL answered what the store never returns",
    ))
}
