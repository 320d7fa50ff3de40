use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use keywell_store::{
    Answer, Bucket, BucketName, Check, Error, Making, Result, Store, StoreId, Transacted, Write,
};
use parking_lot::Mutex;

use crate::account::Account;
use crate::backing::Backing;
use crate::bucket::CosmosBucket;
use crate::options::CosmosOptions;
use crate::reading;
use crate::transact::Transaction;

/// A store whose buckets are the logical partitions of a container of Cosmos DB.
///
/// A clone is the same store.
#[derive(Clone)]
pub struct CosmosStore(Arc<Inner>);

struct Inner {
    id: StoreId,
    account: Arc<Account>,
    /// Those that were opened.
    buckets: Mutex<HashMap<BucketName, Arc<Backing>>>,
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
        let account = Account::open(options, making).await?;
        Ok(Self(Arc::new(Inner {
            id: StoreId::unique(),
            account: Arc::new(account),
            buckets: Mutex::default(),
        })))
    }
}

// === impl Inner ===

impl Inner {
    fn backing(&self, name: &BucketName) -> Arc<Backing> {
        let mut buckets = self.buckets.lock();
        let backing = buckets.entry(name.clone());
        let made = || Arc::new(Backing::new(self.account.clone(), name));
        backing.or_insert_with(made).clone()
    }
}

impl Store for CosmosStore {
    fn id(&self) -> Option<StoreId> {
        Some(self.0.id)
    }

    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        Answer::now(Arc::new(CosmosBucket {
            store: self.0.id,
            name: name.clone(),
            backing: self.0.backing(name),
        }))
    }

    fn transact(&self, checks: Vec<Check>, writes: Vec<Write>) -> Answer<Transacted> {
        let checked = checks.iter().map(|check| &check.bucket);
        let mut named = checked.chain(writes.iter().map(|write| &write.bucket));
        let Some(first) = named.next() else {
            return Answer::now(Transacted::Done(Vec::new()));
        };
        if named.any(|name| name != first) {
            return Error::Unsupported("transactions over several buckets").into();
        }
        let backing = self.0.backing(first);
        Answer::later(async move {
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

    fn close(&self) -> Answer<()> {
        self.0.account.close();
        Answer::now(())
    }
}

impl fmt::Debug for CosmosStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CosmosStore")
            .field("options", &self.0.account.options)
            .finish_non_exhaustive()
    }
}
