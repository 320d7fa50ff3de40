use std::sync::Arc;

use crate::{
    Answer, Bucket, BucketName, Check, Error, Maintenance, Promptness, StoreId, Transacted, Write,
};

/// One connection to one place that keeps data, shared by all who use it.
pub trait Store: Send + Sync {
    /// Whether [`Store::open`] and every bucket it gives answer at once. Constant.
    fn promptness(&self) -> Promptness {
        Promptness::Waits
    }

    /// Whether it excludes every other process and machine while it is open, so that its user need not
    /// coordinate with others. Constant.
    fn is_exclusive(&self) -> bool {
        false
    }

    /// Its identity, by which its buckets [admit](Bucket::admit) operations to a transaction; `None`
    /// in a store without transactions. Constant.
    fn id(&self) -> Option<StoreId> {
        None
    }

    /// Opens a bucket. Opening one twice gives two handles on the same data.
    ///
    /// A store without a fixed set of buckets opens every name; a bucket comes into being with its
    /// first key.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchBucket`] in a store with fixed buckets, [`Error::Unavailable`].
    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>>;

    /// Performs writes if all checks hold: all of them or none, at one instant. Keys are the store's:
    /// callers go through a [`Transaction`](crate::Transaction), which applies the layers of the
    /// buckets. Nothing is retried.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] past what the buckets declare as
    /// [`Transacting`](crate::Transacting), which also finds
    /// [`WrittenTwice`](crate::Invalid::WrittenTwice); what a write would fail with as a call of its
    /// own. Then nothing is written.
    fn transact(&self, checks: Vec<Check>, writes: Vec<Write>) -> Answer<Transacted> {
        let _ = (checks, writes);
        Error::Unsupported("transactions").into()
    }

    /// The names of the buckets that hold something, in order.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] where the store does not know.
    fn buckets(&self) -> Answer<Vec<BucketName>> {
        Error::Unsupported("a list of its buckets").into()
    }

    /// Removes what the store keeps of a bucket in which there is no key: its history, its place in
    /// a registry. Does nothing where there is one. Watches of the bucket may end, and its tokens
    /// may be refused from then on, so it should not be in use elsewhere.
    fn forget(&self, name: &BucketName) -> Answer<()> {
        let _ = name;
        Answer::now(())
    }

    /// How the store keeps a bucket, in a line for people, such as `3 replicas, storage: file`; none where
    /// there is nothing to say that its declaration does not.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`].
    fn description(&self, name: &BucketName) -> Answer<Option<String>> {
        let _ = name;
        Answer::now(None)
    }

    /// Whether the store can be reached and written to, checked at each call.
    fn health(&self) -> Answer<()> {
        Answer::now(())
    }

    /// Performs maintenance, while the store is in use.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] in a store whose server is maintained with its own tools.
    fn maintain(&self, task: Maintenance) -> Answer<()> {
        let _ = task;
        Error::Unsupported("backup and compact").into()
    }

    /// Waits until everything accepted so far is written, and takes no more.
    ///
    /// Writes after it answer [`Error::Unavailable`]. Dropping a store without closing it loses
    /// nothing that was acknowledged.
    fn close(&self) -> Answer<()> {
        Answer::now(())
    }
}
