use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use keywell_postgres::{Options, PostgresStore};
use keywell_store::{Bucket, BucketName, Set, Store as _};
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio_postgres::{Client, NoTls, Statement};

use super::tasks::{TASKS, VALUE, key, per_second};
use crate::Done;

/// Of the store, unless it is set, and of the bare client.
const CONNECTIONS: usize = 16;

const TABLE: &str = "CREATE TABLE bare (key bytea PRIMARY KEY, version bigint, value bytea)";
const GET: &str = "SELECT version, value FROM bare WHERE key = $1";
const UPSERT: &str = "INSERT INTO bare AS old (key, version, value) VALUES ($1, 1, $2) \
     ON CONFLICT (key) DO UPDATE SET version = old.version + 1, value = excluded.value \
     RETURNING version";
const APPLY: &str = "SELECT * FROM keywell.apply('{}', '{}', '{}', '{bare}', ARRAY[$1::bytea], \
     '{0}', ARRAY[$2::bytea], '{null}', '{null}')";

/// A server, a store on it, and connections of the bare client.
pub(super) struct Postgres<'a> {
    runtime: &'a Runtime,
    bucket: Arc<dyn Bucket>,
    bare: Arc<Bare>,
    _server: keywell_servers::Postgres,
}

/// Connections that tasks share as those of the store.
struct Bare {
    room: Semaphore,
    idle: Mutex<Vec<Connection>>,
}

struct Connection {
    client: Client,
    get: Statement,
    upsert: Statement,
    apply: Statement,
}

// === impl Postgres ===

impl<'a> Postgres<'a> {
    pub(super) fn start(runtime: &'a Runtime) -> Done<Self> {
        runtime.block_on(async {
            // As it is in production: an answer waits for the disk.
            let builder = keywell_servers::Postgres::builder();
            let builder = builder.setting("fsync=on").setting("full_page_writes=on");
            let server = builder.start().await?;
            let url = server.url(&server.database()?);
            let store = PostgresStore::connect(&Options::from_url(&url)?).await?;
            let bucket = store.open(&BucketName::default()).await?;
            let bare = Arc::new(Bare::connect(server.addr(), &url).await?);
            for task in 0..TASKS {
                let value = Bytes::from_static(VALUE);
                drop(bucket.set(&key(task), value, Set::default()).await?);
                bare.upsert(&key(task)).await?;
            }
            Ok(Self {
                runtime,
                bucket,
                bare,
                _server: server,
            })
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
        per_second(self.runtime, time, |task| {
            let (bare, key) = (self.bare.clone(), key(task));
            move || {
                let (bare, key) = (bare.clone(), key.clone());
                async move { check(bare.get(&key).await? == VALUE) }
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
        per_second(self.runtime, time, |task| {
            let (bare, key) = (self.bare.clone(), key(task));
            move || {
                let (bare, key) = (bare.clone(), key.clone());
                async move { bare.apply(&key).await }
            }
        })
    }

    pub(super) fn upserts_of_client(&self, time: Duration) -> Done<f64> {
        per_second(self.runtime, time, |task| {
            let (bare, key) = (self.bare.clone(), key(task));
            move || {
                let (bare, key) = (bare.clone(), key.clone());
                async move { bare.upsert(&key).await }
            }
        })
    }
}

// === impl Bare ===

impl Bare {
    async fn connect(addr: SocketAddr, url: &str) -> Done<Self> {
        let config: tokio_postgres::Config = url.parse()?;
        let mut idle = Vec::with_capacity(CONNECTIONS);
        for number in 0..CONNECTIONS {
            let stream = TcpStream::connect(addr).await?;
            stream.set_nodelay(true)?;
            let (client, connection) = config.connect_raw(stream, NoTls).await?;
            tokio::spawn(connection);
            if number == 0 {
                client.batch_execute(TABLE).await?;
            }
            let settle = "SET search_path = keywell, public; SELECT settle()";
            client.batch_execute(settle).await?;
            idle.push(Connection {
                get: client.prepare(GET).await?,
                upsert: client.prepare(UPSERT).await?,
                apply: client.prepare(APPLY).await?,
                client,
            });
        }
        Ok(Self {
            room: Semaphore::new(CONNECTIONS),
            idle: Mutex::new(idle),
        })
    }

    async fn get(&self, key: &str) -> Done<Vec<u8>> {
        let _room = self.room.acquire().await?;
        let connection = self.take()?;
        let row = connection
            .client
            .query_one(&connection.get, &[&key.as_bytes()])
            .await?;
        self.idle.lock().push(connection);
        Ok(row.get(1))
    }

    async fn upsert(&self, key: &str) -> Done {
        let _room = self.room.acquire().await?;
        let connection = self.take()?;
        let (key, value) = (key.as_bytes(), &VALUE[..]);
        connection
            .client
            .query_one(&connection.upsert, &[&key, &value])
            .await?;
        self.idle.lock().push(connection);
        Ok(())
    }

    async fn apply(&self, key: &str) -> Done {
        let _room = self.room.acquire().await?;
        let connection = self.take()?;
        let (key, value) = (key.as_bytes(), &VALUE[..]);
        connection
            .client
            .query_one(&connection.apply, &[&key, &value])
            .await?;
        self.idle.lock().push(connection);
        Ok(())
    }

    fn take(&self) -> Done<Connection> {
        let idle = self.idle.lock().pop();
        idle.ok_or_else(|| "a connection was lost".into())
    }
}

fn check(is_there: bool) -> Done {
    if is_there {
        Ok(())
    } else {
        Err("the key is missing".into())
    }
}
