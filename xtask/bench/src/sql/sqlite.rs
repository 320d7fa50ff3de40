use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use keywell_sqlite::SqliteStore;
use keywell_store::{Bucket, BucketName, Set, Store as _};
use parking_lot::Mutex;
use rusqlite::{Connection, params};
use tokio::runtime::Runtime;

use super::tasks::{TASKS, VALUE, key, per_second};
use crate::Done;

/// What the bare client reads and writes.
const TABLE: &str = "CREATE TABLE bare (key TEXT PRIMARY KEY, version INTEGER, value BLOB) \
     WITHOUT ROWID";
const GET: &str = "SELECT version, value FROM bare WHERE key = ?1";
const SET: &str = "INSERT INTO bare (key, version, value) VALUES (?1, 1, ?2) \
     ON CONFLICT (key) DO UPDATE SET version = version + 1, value = excluded.value \
     RETURNING version";

/// A store, and a file of the bare client.
pub(super) struct Sqlite<'a> {
    runtime: &'a Runtime,
    bucket: Arc<dyn Bucket>,
    bare: PathBuf,
}

// === impl Sqlite ===

impl<'a> Sqlite<'a> {
    pub(super) fn open(runtime: &'a Runtime, folder: &Path) -> Done<Self> {
        let store = SqliteStore::open(folder.join("ours.db"))?;
        let bucket = runtime.block_on(store.open(&BucketName::default()))?;
        let bare = folder.join("bare.db");
        let connection = connect(&bare)?;
        connection.execute_batch(TABLE)?;
        for task in 0..TASKS {
            let value = Bytes::from_static(VALUE);
            drop(runtime.block_on(bucket.set(&key(task), value, Set::default()))?);
            set(&connection, &key(task))?;
        }
        Ok(Self {
            runtime,
            bucket,
            bare,
        })
    }

    pub(super) fn gets_of_store(&self, time: Duration) -> Done<f64> {
        per_second(self.runtime, time, |task| {
            let (bucket, key) = (self.bucket.clone(), key(task));
            move || {
                let answer = bucket.get(&key);
                async { check(answer.await?.is_some()) }
            }
        })
    }

    pub(super) fn gets_of_client(&self, time: Duration) -> Done<f64> {
        let connections: Done<Vec<_>> = (0..TASKS).map(|_| connect(&self.bare)).collect();
        let connections: Vec<_> = connections?
            .into_iter()
            .map(|connection| Arc::new(Mutex::new(connection)))
            .collect();
        per_second(self.runtime, time, |task| {
            let (connection, key) = (connections[task].clone(), key(task));
            move || {
                let read = get(&connection.lock(), &key);
                async { check(read? == VALUE) }
            }
        })
    }

    pub(super) fn sets_of_store(&self, time: Duration) -> Done<f64> {
        per_second(self.runtime, time, |task| {
            let (bucket, key) = (self.bucket.clone(), key(task));
            move || {
                let answer = bucket.set(&key, Bytes::from_static(VALUE), Set::default());
                async {
                    drop(answer.await?);
                    Ok(())
                }
            }
        })
    }

    pub(super) fn sets_of_client(&self, time: Duration) -> Done<f64> {
        // Several that write would only wait for each other, asleep.
        let connection = Arc::new(Mutex::new(connect(&self.bare)?));
        per_second(self.runtime, time, |task| {
            let connection = connection.clone();
            move || {
                let (connection, key) = (connection.clone(), key(task));
                let writing = tokio::task::spawn_blocking(move || {
                    set(&connection.lock(), &key).map_err(|error| error.to_string())
                });
                async { Ok(writing.await??) }
            }
        })
    }
}

fn connect(path: &Path) -> Done<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

fn get(connection: &Connection, key: &str) -> rusqlite::Result<Vec<u8>> {
    let mut select = connection.prepare_cached(GET)?;
    select.query_row([key], |row| row.get(1))
}

fn set(connection: &Connection, key: &str) -> rusqlite::Result<()> {
    let mut upsert = connection.prepare_cached(SET)?;
    upsert.query_row(params![key, &VALUE[..]], |_| Ok(()))
}

fn check(is_there: bool) -> Done {
    if is_there {
        Ok(())
    } else {
        Err("the key is missing".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_are_called() {
        let runtime = Runtime::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let sqlite = Sqlite::open(&runtime, folder.path()).unwrap();
        let time = Duration::from_millis(5);
        assert!(sqlite.gets_of_store(time).unwrap() > 0.0);
        assert!(sqlite.gets_of_client(time).unwrap() > 0.0);
        assert!(sqlite.sets_of_store(time).unwrap() > 0.0);
        assert!(sqlite.sets_of_client(time).unwrap() > 0.0);
    }
}
