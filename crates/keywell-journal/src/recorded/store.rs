use std::sync::Arc;

use keywell_store::{
    Answer, Bucket, BucketName, Check, Maintenance, Promptness, Store, StoreId, Transacted, Write,
};

use super::asking::Asking;
use super::bucket::{Recorded, perform, read};
use super::effect::{Effect, Method};
use super::site::Site;
use crate::session::Session;

/// A store as the component of a worker has it: what it reads is recorded and replayed, and what it
/// writes happens once, or is [ambiguous](crate::Error::Ambiguous).
///
/// It has to be next to the store itself. Layers that change keys or refuse them, such as grants, go
/// around it.
///
/// | Store | Writes | An interrupted one |
/// |---|---|---|
/// | transacts over all buckets, and has the journal | in the transaction of their record | is recorded or did not happen |
/// | transacts over all buckets | in a transaction with a receipt | is found by its receipt, or done |
/// | compares versions | sets and deletions as swaps on the version that was recorded | is settled by looking; others' writes since then stay |
/// | compares versions | increments, swaps, lists, sets, and transactions over a bucket | stops the worker |
/// | any other | as they are | stops the worker |
pub struct RecordedStore {
    site: Arc<Site>,
}

// === impl RecordedStore ===

impl RecordedStore {
    /// A store in the session of a worker. `label` is its name there, which has to stay.
    pub fn new(session: &Session, label: &str, store: Arc<dyn Store>) -> Self {
        let site = Site::new(session.clone(), label.to_owned(), store);
        Self {
            site: Arc::new(site),
        }
    }
}

#[deny(clippy::missing_trait_methods)]
impl Store for RecordedStore {
    fn promptness(&self) -> Promptness {
        Promptness::Waits
    }

    fn is_exclusive(&self) -> bool {
        self.site.store.is_exclusive()
    }

    fn id(&self) -> Option<StoreId> {
        self.site.store.id()
    }

    /// Not recorded: what it answers is in the configuration, and an error of the moment ends the
    /// invocation at its start.
    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        let (site, name) = (self.site.clone(), name.clone());
        self.site.store.open(&name).map(move |bucket| {
            site.keep(&name, &bucket);
            Arc::new(Recorded::new(site, name, bucket)) as Arc<dyn Bucket>
        })
    }

    fn transact(&self, checks: Vec<Check>, writes: Vec<Write>) -> Answer<Transacted> {
        let effect = Effect {
            checks,
            writes,
            method: Method::Transact,
        };
        perform(&self.site, effect)
    }

    fn buckets(&self) -> Answer<Vec<BucketName>> {
        let call = self.call("buckets", "");
        let store = self.site.store.clone();
        Answer::later(async move {
            let names = read(&call, || {
                store
                    .buckets()
                    .map(|names| names.into_iter().map(String::from).collect::<Vec<_>>())
            });
            let names = names.await?.into_iter();
            names.map(BucketName::try_from).collect()
        })
    }

    fn forget(&self, name: &BucketName) -> Answer<()> {
        self.site.store.forget(name)
    }

    /// Of no component, and not recorded.
    fn maintain(&self, task: Maintenance) -> Answer<()> {
        self.site.store.maintain(task)
    }

    fn description(&self, name: &BucketName) -> Answer<Option<String>> {
        self.site.store.description(name)
    }

    fn health(&self) -> Answer<()> {
        self.site.store.health()
    }

    fn close(&self) -> Answer<()> {
        self.site.store.close()
    }
}

impl RecordedStore {
    fn call(&self, name: &str, bucket: &str) -> crate::call::Call {
        let (brief, digest) = Asking::of(&self.site.label, bucket).finish();
        self.site.session.call(name, brief, digest)
    }
}
