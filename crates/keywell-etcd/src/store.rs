use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use keywell_store::{Answer, Bucket, BucketName, Check, Result, Store, StoreId, Transacted, Write};
use parking_lot::Mutex;

use crate::backing::Backing;
use crate::bucket::EtcdBucket;
use crate::lease::Leases;
use crate::link::Link;
use crate::names::{behind_all, bucket_of};
use crate::options::EtcdOptions;
use crate::rpc::messages::{RangeRequest, TxnRequest};
use crate::transact::{Buckets, Transaction};
use crate::txn;

/// A store whose buckets are ranges of keys in etcd.
///
/// A clone is the same store.
#[derive(Clone)]
pub struct EtcdStore(Arc<Inner>);

struct Inner {
    id: StoreId,
    options: EtcdOptions,
    link: Arc<Link>,
    leases: Arc<Leases>,
    /// Those that were opened.
    buckets: Mutex<HashMap<BucketName, Arc<Backing>>>,
}

// === impl EtcdStore ===

impl EtcdStore {
    /// Connects to etcd.
    ///
    /// # Errors
    ///
    /// [`AccessDenied`](keywell_store::Error::AccessDenied) for a login that etcd refuses or that
    /// cannot read the prefix, [`Unavailable`](keywell_store::Error::Unavailable) if no server can be
    /// reached.
    pub async fn open(options: EtcdOptions) -> Result<Self> {
        let probed = txn::look(&format!("{}/", options.prefix).into());
        let link = Arc::new(Link::open(options.clone(), probed).await?);
        let leases = Arc::new(Leases::new(link.clone()));
        Ok(Self(Arc::new(Inner {
            id: StoreId::unique(),
            options,
            link,
            leases,
            buckets: Mutex::default(),
        })))
    }
}

// === impl Inner ===

impl Inner {
    fn backing(&self, name: &BucketName) -> Arc<Backing> {
        let mut buckets = self.buckets.lock();
        let backing = buckets.entry(name.clone()).or_insert_with(|| {
            let (link, leases) = (self.link.clone(), self.leases.clone());
            Arc::new(Backing::new(link, leases, &self.options.prefix, name))
        });
        backing.clone()
    }

    /// The buckets that have keys, found by leaping from one to the next.
    async fn inhabited(&self) -> Result<Vec<BucketName>> {
        let prefix = &self.options.prefix;
        let all = format!("{prefix}/");
        let (mut first, end) = (all.clone().into(), behind_all(all.as_bytes()));
        let mut inhabited = Vec::new();
        loop {
            let range = RangeRequest {
                key: first,
                range_end: end.clone(),
                limit: 1,
                keys_only: true,
                revision: 0,
            };
            let found = self.link.read(range).await?.kvs;
            let Some(found) = found.into_iter().next() else {
                break;
            };
            let name = std::str::from_utf8(&found.key).ok();
            first = match name.and_then(|name| Some((name, bucket_of(prefix, name)?))) {
                // A bucket with a marker alone has no keys.
                Some((name, (_, marker))) if name == marker => crate::names::next(&found.key),
                Some((_, (bucket, marker))) => {
                    inhabited.push(bucket);
                    behind_all(marker.as_bytes())
                }
                None => crate::names::next(&found.key),
            };
        }
        inhabited.sort_unstable();
        Ok(inhabited)
    }
}

impl Store for EtcdStore {
    fn id(&self) -> Option<StoreId> {
        Some(self.0.id)
    }

    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        Answer::now(Arc::new(EtcdBucket {
            store: self.0.id,
            name: name.clone(),
            backing: self.0.backing(name),
        }))
    }

    fn transact(&self, checks: Vec<Check>, writes: Vec<Write>) -> Answer<Transacted> {
        let store = self.0.clone();
        Answer::later(async move {
            let checked = checks.iter().map(|check| &check.bucket);
            let named = checked.chain(writes.iter().map(|write| &write.bucket));
            let buckets: Buckets = named
                .map(|name| (name.clone(), store.backing(name)))
                .collect();
            let transaction = Transaction {
                link: &store.link,
                leases: &store.leases,
                buckets: &buckets,
                checks: &checks,
                writes: &writes,
            };
            transaction.run().await
        })
    }

    fn buckets(&self) -> Answer<Vec<BucketName>> {
        let store = self.0.clone();
        Answer::later(async move { store.inhabited().await })
    }

    /// Deletes the marker of a bucket without keys.
    fn forget(&self, name: &BucketName) -> Answer<()> {
        let (link, backing) = (self.0.link.clone(), self.0.backing(name));
        Answer::later(async move {
            let names = &backing.names;
            let when = vec![txn::is_empty(names.keys())];
            let request = TxnRequest::when(when, vec![txn::delete(&names.marker())]);
            link.write(request).await.map(drop)
        })
    }

    fn health(&self) -> Answer<()> {
        let store = self.0.clone();
        Answer::later(async move { store.link.probe().await })
    }

    fn close(&self) -> Answer<()> {
        self.0.link.close();
        Answer::now(())
    }
}

impl fmt::Debug for EtcdStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdStore")
            .field("options", &self.0.options)
            .finish_non_exhaustive()
    }
}
