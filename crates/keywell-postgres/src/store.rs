use std::sync::Arc;

use keywell_store::{
    Answer, Bucket, BucketName, Check, Error, Failure, Store, StoreId, Transacted, Write,
};

use crate::bucket::PostgresBucket;
use crate::link::Dialler;
use crate::listener;
use crate::open::Open;
use crate::passwords::Passwords;
use crate::pool::Pool;
use crate::server::Server;
use crate::unit::Unit;
use crate::{OpenError, Options, reading, schema, sweeper};

const CHECK: &str = "UPDATE keywell SET checked = clock_timestamp()";

/// A store in a PostgreSQL database.
///
/// It stays open until it is closed, or until the store and its buckets are dropped.
#[derive(Clone, Debug)]
pub struct PostgresStore(Arc<Open>);

// === impl PostgresStore ===

impl PostgresStore {
    /// Connects to the database, and makes the tables if there are none.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub async fn connect(options: &Options) -> Result<Self, OpenError> {
        let options = options.clone();
        let (tls, password) = (options.tls.clone(), options.password.clone());
        let reading = tokio::task::spawn_blocking(move || {
            let tls = tls.map(|tls| tls.connector()).transpose()?;
            Ok::<_, OpenError>((Passwords::find(password), tls))
        });
        let (passwords, tls) = reading.await.map_err(|error| {
            let what = "the thread that reads passwords and certificates ended early";
            Error::Internal(Failure::caused_by(what, error))
        })??;
        let dialler = Dialler::new(options.clone(), passwords, tls);
        let mut link = dialler.connect(None).await.map_err(Error::from)?;
        let found = schema::open(&mut link.client, &options).await?;
        let pool = Arc::new(Pool::new(dialler, options.connections));
        let server = Arc::new(Server::new(found.store, found.is_synced, options, pool));
        let tasks = [
            tokio::spawn(sweeper::sweep(server.clone())),
            tokio::spawn(listener::announce(server.clone())),
        ];
        Ok(Self(Arc::new(Open::new(server, tasks))))
    }
}

impl Store for PostgresStore {
    fn id(&self) -> Option<StoreId> {
        Some(self.0.server.id)
    }

    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        Answer::now(Arc::new(PostgresBucket::new(self.0.clone(), name.clone())))
    }

    fn transact(&self, checks: Vec<Check>, writes: Vec<Write>) -> Answer<Transacted> {
        match Unit::transaction(checks, writes) {
            Ok(unit) if unit.is_empty() => Answer::now(Transacted::Done(Vec::new())),
            Ok(unit) => self.0.write(unit),
            Err(error) => error.into(),
        }
    }

    fn buckets(&self) -> Answer<Vec<BucketName>> {
        let server = self.0.server.clone();
        Answer::later(async move { reading::buckets(&server).await })
    }

    /// Writes a row.
    fn health(&self) -> Answer<()> {
        let server = self.0.server.clone();
        Answer::later(async move { server.read(CHECK, &[]).await.map(drop) })
    }

    /// Waits until what was sent is answered, and closes the connections.
    fn close(&self) -> Answer<()> {
        let open = self.0.clone();
        Answer::later(async move {
            open.server.close().await;
            open.end();
            Ok(())
        })
    }
}
