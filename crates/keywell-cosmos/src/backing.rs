use std::sync::Arc;

use keywell_client::Queue;
use keywell_store::{
    Batching, BucketName, Capabilities, Cas, Durability, Ends, Listing, Promptness, Reads,
    Transacting, Watching, backend::Backend, reserved,
};

use crate::account::Account;
use crate::document::Document;
use crate::items::Items;
use crate::names::KEY_BYTES;

/// The largest document, and the largest transaction. The service says 2 MB, and counts JSON.
const DOCUMENT_BYTES: usize = 2_000_000;
/// What a document has besides its value in base64: the longest names, numbers, and JSON.
const ENVELOPE: usize = 4 << 10;
/// The largest value, in whole KiB.
const VALUE_BYTES: usize = ((DOCUMENT_BYTES - ENVELOPE) / 4 * 3) >> 10 << 10;
/// The most parts of a transaction of the service.
pub(crate) const OPERATIONS: usize = 100;
/// The most bytes of a transaction of ours: as base64, and with what each of its documents has
/// besides, it is less than the service takes.
pub(crate) const TRANSACTION_BYTES: usize = 1 << 20;
/// The most keys of a batch: ten requests, or as many reads.
const BATCH_KEYS: usize = 1000;
/// The most bytes of documents in one request of a batch.
pub(crate) const BATCH_BYTES: usize = DOCUMENT_BYTES - OPERATIONS * ENVELOPE;

/// What the handles on a bucket share.
pub(crate) struct Backing {
    pub(crate) items: Items,
    /// Turns of those who count on a key.
    pub(crate) counters: Queue,
    /// Whether it is one of Keywell's own, whose watches do not resume.
    pub(crate) is_reserved: bool,
    /// What cursors and tokens are good for.
    pub(crate) scope: String,
}

// === impl Backing ===

impl Backing {
    pub(crate) fn new(account: Arc<Account>, bucket: &BucketName) -> Self {
        let options = &account.options;
        let scope = format!(
            "cosmos/{}/{}/{}/{bucket}",
            options.host, options.database, options.container
        );
        Self {
            items: Items {
                account,
                bucket: bucket.to_string(),
            },
            counters: Queue::default(),
            is_reserved: reserved::is_reserved(bucket),
            scope,
        }
    }

    /// The document of a key with a value.
    pub(crate) fn document(&self, key: &str, value: &[u8], expires: Option<u64>) -> Document {
        Document::value(&self.items.bucket, key, value, expires)
    }

    /// The document of a key that is deleted.
    pub(crate) fn tombstone(&self, key: &str) -> Document {
        let kept = self.items.account.options.tombstones;
        Document::tombstone(&self.items.bucket, key, kept)
    }
}

impl Backend for Backing {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            promptness: Promptness::Waits,
            cas: Cas::ByVersion,
            increment: true,
            list: Listing::Ordered,
            batch: Batching::Sequential,
            transact: Transacting::Bucket {
                operations: OPERATIONS,
                bytes: TRANSACTION_BYTES,
            },
            watch: if self.is_reserved {
                Watching::Lossy
            } else {
                Watching::Latest
            },
            ttl: true,
            ends: Ends::Untold,
            durability: Durability::Synced,
            reads: Reads::OwnWrites,
            key_bytes: KEY_BYTES,
            value_bytes: VALUE_BYTES,
            batch_keys: BATCH_KEYS,
            ..Capabilities::default()
        }
    }
}
