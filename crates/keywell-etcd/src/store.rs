use std::fmt;
use std::sync::Arc;

use keywell_store::backend::Backends;
use keywell_store::{Answer, Bucket, BucketName, Check, Result, Store, StoreId, Transacted, Write};

use crate::backing::Backing;
use crate::lease::Leases;
use crate::link::Link;
use crate::names::{behind_all, bucket_of};
use crate::options::EtcdOptions;
use crate::rpc::messages::{RangeRequest, TxnRequest};
use crate::transact::Transaction;
use crate::txn;

/// A store whose buckets are ranges of keys in etcd.
///
/// A clone is the same store.
#[derive(Clone)]
pub struct EtcdStore(Arc<Inner>);

struct Inner {
    options: EtcdOptions,
    link: Arc<Link>,
    leases: Arc<Leases>,
    buckets: Backends<Backing>,
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
        let (shared, granting, prefix) = (link.clone(), leases.clone(), options.prefix.clone());
        let make =
            move |name: &BucketName| Backing::new(shared.clone(), granting.clone(), &prefix, name);
        Ok(Self(Arc::new(Inner {
            options,
            link,
            leases,
            buckets: Backends::new(make),
        })))
    }
}

// === impl Inner ===

impl Inner {
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
        Some(self.0.buckets.store())
    }

    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        self.0.buckets.bucket(name)
    }

    fn transact(&self, checks: Vec<Check>, writes: Vec<Write>) -> Answer<Transacted> {
        let store = self.0.clone();
        Answer::later(async move {
            let buckets = store.buckets.transacting(&checks, &writes)?;
            let _in_flight = store.buckets.enter()?;
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
        let (store, backing) = (self.0.clone(), self.0.buckets.of(name));
        Answer::later(async move {
            let _in_flight = store.buckets.enter()?;
            let names = &backing.names;
            let when = vec![txn::is_empty(names.keys())];
            let request = TxnRequest::when(when, vec![txn::delete(&names.marker())]);
            store.link.write(request).await.map(drop)
        })
    }

    fn health(&self) -> Answer<()> {
        let store = self.0.clone();
        Answer::later(async move { store.link.probe().await })
    }

    /// Waits until the writes that were sent are answered.
    fn close(&self) -> Answer<()> {
        let (link, closed) = (self.0.link.clone(), self.0.buckets.close());
        Answer::later(async move {
            closed.await;
            link.close();
            Ok(())
        })
    }
}

impl fmt::Debug for EtcdStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdStore")
            .field("options", &self.0.options)
            .finish_non_exhaustive()
    }
}
