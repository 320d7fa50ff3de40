//! The bucket of a store in which journals are, and the keys there.

use std::sync::Arc;

use bytes::Bytes;
use keywell_store::{
    Action, Bucket, BucketName, Capabilities, Cas, Change, Check, Entry, Expected, Reads, Set,
    Store, Transacting, Write, reserved,
};

use crate::chunk::{Chunk, OVERHEAD};
use crate::error::{Error, Result};
use crate::head::Head;
use crate::name::WorkerName;

/// The largest chunk, where the store takes it.
const CHUNK_BYTES: usize = 256 << 10;
/// The smallest chunk with which a journal makes sense.
const LEAST_CHUNK_BYTES: usize = 1 << 10;

pub(crate) struct Place {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) bucket: Arc<dyn Bucket>,
    pub(crate) capabilities: Capabilities,
    name: BucketName,
    /// The most bytes of the stream of records in one chunk.
    pub(crate) piece_bytes: usize,
}

// === impl Place ===

impl Place {
    /// # Errors
    ///
    /// [`Error::Unfit`] for a store without compare-and-swap, or whose reads lag behind.
    pub(crate) async fn open(store: Arc<dyn Store>) -> Result<Self> {
        let name = BucketName::parse(reserved::JOURNALS)?;
        let bucket = store.open(&name).await?;
        let capabilities = bucket.capabilities();
        if capabilities.cas == Cas::None {
            return Err(Error::Unfit("compare-and-swap"));
        }
        if capabilities.reads != Reads::Latest {
            return Err(Error::Unfit("reads that see the latest writes"));
        }
        let most = match capabilities.transact {
            Transacting::None => usize::MAX,
            // What goes along in a transaction needs room, too.
            Transacting::Bucket { bytes, .. } | Transacting::Store { bytes, .. } => bytes / 4,
        };
        let chunk = CHUNK_BYTES.min(capabilities.value_bytes).min(most);
        if chunk < LEAST_CHUNK_BYTES {
            return Err(Error::Unfit("room for values of a kilobyte"));
        }
        let piece_bytes = chunk - OVERHEAD;
        Ok(Self {
            store,
            bucket,
            capabilities,
            name,
            piece_bytes,
        })
    }

    pub(crate) fn head_key(name: &WorkerName) -> String {
        format!("{}{name}", Self::HEADS)
    }

    /// What the keys of heads begin with.
    pub(crate) const HEADS: &str = "h/";

    /// With the identity, so that what is late of a worker that was deleted is not of a later one.
    pub(crate) fn chunk_key(name: &WorkerName, identity: [u8; 16], number: u64) -> String {
        let identity = u128::from_be_bytes(identity);
        format!("c/{name}/{identity:032x}/{number:016x}")
    }

    /// What the keys of the kept answers of a worker begin with.
    pub(crate) fn answers(name: &WorkerName) -> String {
        format!("a/{name}/")
    }

    pub(crate) fn check(&self, key: String, expected: Expected) -> Check {
        Check {
            bucket: self.name.clone(),
            key,
            expected,
        }
    }

    pub(crate) fn write(&self, key: String, value: Bytes) -> Write {
        Write {
            bucket: self.name.clone(),
            key,
            action: Action::Change(Change::Set(value, Set::default())),
        }
    }

    /// # Errors
    ///
    /// [`Error::NoSuchWorker`] and [`Error::Corrupt`].
    pub(crate) async fn head(&self, name: &WorkerName) -> Result<(Head, Entry)> {
        match self.bucket.get(&Self::head_key(name)).await? {
            Some(entry) => Ok((decode(name, &entry)?, entry)),
            None => Err(Error::NoSuchWorker(name.to_string())),
        }
    }

    /// # Errors
    ///
    /// [`Error::Corrupt`] for one that is missing or changed.
    pub(crate) async fn chunk(
        &self,
        name: &WorkerName,
        identity: [u8; 16],
        number: u64,
    ) -> Result<Chunk> {
        let corrupt = |why| Error::Corrupt {
            worker: name.to_string(),
            place: format!("chunk {number}"),
            why,
        };
        let key = Self::chunk_key(name, identity, number);
        match self.bucket.get(&key).await? {
            Some(entry) => Chunk::open(&entry.value, number).map_err(corrupt),
            None => Err(corrupt("is missing")),
        }
    }
}

pub(crate) fn decode(name: &WorkerName, entry: &Entry) -> Result<Head> {
    Head::decode(&entry.value).map_err(|why| Error::Corrupt {
        worker: name.to_string(),
        place: "the head".to_owned(),
        why,
    })
}
