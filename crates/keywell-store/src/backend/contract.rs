use std::future::{Future, ready};
use std::sync::Arc;

use bytes::Bytes;

use crate::{
    Capabilities, Change, Cursor, Entry, Error, Expected, Filter, List, Page, Result, Set, Since,
    Swap, Version, Watch,
};

/// Reads the keys of a bucket. Every key is one that the bucket [can have](Backend::check_key).
pub trait Reader: Send + Sync {
    /// As [`Bucket::get_within`](crate::Bucket::get_within).
    fn get(&self, key: &str, max: usize) -> impl Future<Output = Result<Option<Entry>>> + Send;

    /// As [`Bucket::exists`](crate::Bucket::exists).
    fn exists(&self, key: &str) -> impl Future<Output = Result<bool>> + Send {
        async move { Ok(self.get(key, usize::MAX).await?.is_some()) }
    }

    /// The entries of keys, no two of them the same and at least one, in their order.
    ///
    /// # Errors
    ///
    /// As [`Bucket::get_many_within`](crate::Bucket::get_many_within).
    fn get_many(
        &self,
        keys: Vec<String>,
        max: usize,
    ) -> impl Future<Output = Result<Vec<Option<Entry>>>> + Send;

    /// The same, with [`Entry::expires`] of every entry.
    fn get_with_expiry(
        &self,
        keys: Vec<String>,
        max: usize,
    ) -> impl Future<Output = Result<Vec<Option<Entry>>>> + Send {
        self.get_many(keys, max)
    }

    /// A page of keys, or of keys and their entries. The entries of a page of keys alone are read
    /// for those who asked for them.
    ///
    /// # Errors
    ///
    /// As [`Bucket::list`](crate::Bucket::list).
    fn page(&self, request: &List) -> impl Future<Output = Result<Page>> + Send {
        let _ = request;
        ready(Err(Error::Unsupported("a listing of keys")))
    }

    /// What the cursors of the bucket are sealed for.
    #[expect(
        clippy::unnecessary_literal_bound,
        reason = "stores answer names of their own"
    )]
    fn scope(&self) -> &str {
        ""
    }

    /// A cursor that goes on behind a key.
    fn seal(&self, prefix: &str, last: &str) -> Cursor {
        Cursor::seal(self.scope(), prefix, last.as_bytes())
    }
}

/// Writes the keys of a bucket. Every key, value and time to live is one that the bucket takes.
pub trait Writer: Send + Sync {
    /// As [`Bucket::set`](crate::Bucket::set).
    fn set(
        &self,
        key: &str,
        value: Bytes,
        how: Set,
    ) -> impl Future<Output = Result<Version>> + Send;

    /// As [`Bucket::delete`](crate::Bucket::delete).
    fn delete(&self, key: &str) -> impl Future<Output = Result<()>> + Send;

    /// As [`Bucket::swap`](crate::Bucket::swap).
    fn swap(
        &self,
        key: &str,
        expected: Expected,
        change: Change,
    ) -> impl Future<Output = Result<Swap>> + Send;

    /// As [`Bucket::increment_or_create`](crate::Bucket::increment_or_create).
    fn increment(
        &self,
        key: &str,
        delta: i64,
        created: Set,
    ) -> impl Future<Output = Result<i64>> + Send;

    /// Sets keys, no two of them the same.
    ///
    /// # Errors
    ///
    /// As [`Bucket::set_many`](crate::Bucket::set_many).
    fn set_many(&self, entries: Vec<(String, Bytes)>) -> impl Future<Output = Result<()>> + Send;

    /// Deletes keys, no two of them the same.
    ///
    /// # Errors
    ///
    /// As [`Bucket::delete_many`](crate::Bucket::delete_many).
    fn delete_many(&self, keys: Vec<String>) -> impl Future<Output = Result<()>> + Send;
}

/// Watches a bucket.
pub trait Watcher: Send + Sync {
    /// As [`Bucket::watch`](crate::Bucket::watch). A reserved bucket is watched from
    /// [now](Since::Now) on, and a watch of it that ends as compacted is opened again.
    fn watch(
        self: Arc<Self>,
        filter: Filter,
        since: Since,
    ) -> impl Future<Output = Result<Watch>> + Send + 'static {
        let _ = (filter, since);
        ready(Err(Error::Unsupported("watching")))
    }
}

/// What the handles on a bucket share.
pub trait Backend: Reader + Writer + Watcher + 'static {
    /// As [`Bucket::capabilities`](crate::Bucket::capabilities).
    fn capabilities(&self) -> Capabilities;

    /// Checks a key that is about to be written. Reads find a key absent that fails this.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a key that the bucket cannot have.
    fn check_key(&self, key: &str) -> Result<()> {
        self.capabilities().limits().check_key(key)
    }
}
