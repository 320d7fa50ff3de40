use std::fmt;
use std::sync::Arc;

use keywell_store::backend::Backends;
use keywell_store::{
    Answer, Bucket, BucketName, Check, Making, Result, Store, StoreId, Transacted, Write,
};

use crate::account::Account;
use crate::backing::Backing;
use crate::options::CosmosOptions;
use crate::reading;
use crate::transact::Transaction;

/// A store whose buckets are the logical partitions of a container of Cosmos DB.
///
/// A clone is the same store.
#[derive(Clone)]
pub struct CosmosStore(Arc<Inner>);

struct Inner {
    account: Arc<Account>,
    buckets: Backends<Backing>,
}

// === impl CosmosStore ===

impl CosmosStore {
    /// Connects to the account, and makes the container if that is wanted.
    ///
    /// # Errors
    ///
    /// [`AccessDenied`](keywell_store::Error::AccessDenied) for a key or a token that the service
    /// refuses, [`Unavailable`](keywell_store::Error::Unavailable) if it cannot be reached, or if there
    /// is no such container or one of another shape.
    pub async fn open(options: CosmosOptions, making: Making) -> Result<Self> {
        let account = Arc::new(Account::open(options, making).await?);
        let shared = account.clone();
        Ok(Self(Arc::new(Inner {
            account,
            buckets: Backends::new(move |name| Backing::new(shared.clone(), name)),
        })))
    }
}

impl Store for CosmosStore {
    fn id(&self) -> Option<StoreId> {
        Some(self.0.buckets.store())
    }

    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        self.0.buckets.bucket(name)
    }

    fn transact(&self, checks: Vec<Check>, writes: Vec<Write>) -> Answer<Transacted> {
        let backings = match self.0.buckets.transacting(&checks, &writes) {
            Ok(backings) => backings,
            Err(error) => return error.into(),
        };
        // They are all of one bucket.
        let Some(backing) = backings.into_values().next() else {
            return Answer::now(Transacted::Done(Vec::new()));
        };
        let store = self.0.clone();
        Answer::later(async move {
            let _in_flight = store.buckets.enter()?;
            let transaction = Transaction {
                backing: &backing,
                checks: &checks,
                writes: &writes,
            };
            transaction.run().await
        })
    }

    fn buckets(&self) -> Answer<Vec<BucketName>> {
        let store = self.0.clone();
        Answer::later(async move { reading::buckets(&store.account).await })
    }

    fn health(&self) -> Answer<()> {
        let store = self.0.clone();
        Answer::later(async move { store.account.probe().await })
    }

    /// Waits until the writes that were sent are answered.
    fn close(&self) -> Answer<()> {
        let (store, closed) = (self.0.clone(), self.0.buckets.close());
        Answer::later(async move {
            closed.await;
            store.account.close();
            Ok(())
        })
    }
}

impl fmt::Debug for CosmosStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CosmosStore")
            .field("options", &self.0.account.options)
            .finish_non_exhaustive()
    }
}
