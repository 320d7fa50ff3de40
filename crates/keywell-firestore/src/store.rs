use std::fmt;
use std::sync::Arc;

use keywell_store::backend::{Backends, Reader as _};
use keywell_store::{
    Answer, Bucket, BucketName, Check, List, Result, Store, StoreId, Transacted, Write,
};

use crate::backing::Backing;
use crate::link::Link;
use crate::names::{escaped, unescaped};
use crate::options::FirestoreOptions;
use crate::rpc::messages::{DocumentMask, ListDocumentsRequest};
use crate::transact::Transaction;

/// A store whose buckets are collections of documents in Firestore.
///
/// A clone is the same store.
#[derive(Clone)]
pub struct FirestoreStore(Arc<Inner>);

struct Inner {
    options: FirestoreOptions,
    link: Arc<Link>,
    buckets: Backends<Backing>,
}

// === impl FirestoreStore ===

impl FirestoreStore {
    /// Connects to Firestore.
    ///
    /// # Errors
    ///
    /// [`AccessDenied`](keywell_store::Error::AccessDenied) for a login that is refused or missing,
    /// and for a project that it cannot reach; [`Unavailable`](keywell_store::Error::Unavailable)
    /// if the service cannot be reached, or has no such database.
    pub async fn open(options: FirestoreOptions) -> Result<Self> {
        let link = Arc::new(Link::open(&options).await?);
        let (shared, collection) = (link.clone(), options.collection.clone());
        let make = move |name: &BucketName| Backing::new(shared.clone(), &collection, name);
        Ok(Self(Arc::new(Inner {
            options,
            link,
            buckets: Backends::new(make),
        })))
    }
}

// === impl Inner ===

impl Inner {
    /// The buckets that have keys. Their own documents need not exist: a collection below one is
    /// enough for it to be listed.
    async fn inhabited(&self) -> Result<Vec<BucketName>> {
        let mut inhabited = Vec::new();
        let mut request = ListDocumentsRequest {
            parent: format!("{}/documents", self.link.database),
            collection_id: self.options.collection.clone(),
            mask: Some(DocumentMask::default()),
            show_missing: true,
            ..ListDocumentsRequest::default()
        };
        loop {
            let listed = self.link.read(request.clone()).await?;
            for document in listed.documents {
                let id = document.name.rsplit('/').next().unwrap_or_default();
                // What another program wrote there may be no bucket of ours.
                let name = unescaped(id).filter(|name| escaped(name) == id);
                let Some(name) = name.and_then(|name| BucketName::parse(&name).ok()) else {
                    continue;
                };
                if self.has_keys(&name).await? {
                    inhabited.push(name);
                }
            }
            if listed.next_page_token.is_empty() {
                break;
            }
            request.page_token = listed.next_page_token;
        }
        inhabited.sort_unstable();
        Ok(inhabited)
    }

    async fn has_keys(&self, name: &BucketName) -> Result<bool> {
        let backing = self.buckets.of(name);
        let mut request = List {
            limit: 1,
            ..List::default()
        };
        loop {
            let page = backing.page(&request).await?;
            if !page.keys.is_empty() {
                return Ok(true);
            }
            if page.cursor.is_none() {
                return Ok(false);
            }
            request.cursor = page.cursor;
            // What comes first has expired; there may be much of it.
            request.limit = keywell_store::MAX_PAGE_KEYS;
        }
    }
}

impl Store for FirestoreStore {
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

    fn health(&self) -> Answer<()> {
        let link = self.0.link.clone();
        Answer::later(async move { link.probe().await })
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

impl fmt::Debug for FirestoreStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirestoreStore")
            .field("options", &self.0.options)
            .finish_non_exhaustive()
    }
}
