use std::sync::Arc;
use std::time::Duration;

use keywell_client::Queue;
use keywell_store::{
    Batching, BucketName, Capabilities, Cas, Durability, Ends, Listing, Promptness, Reads,
    Transacting, Watching, backend::Backend, reserved,
};

use crate::link::Link;
use crate::names::{KEY_BYTES, Names};

/// The largest value: a document has at most 1 MiB, with its name and its other fields.
const VALUE_BYTES: usize = (1 << 20) - (8 << 10);
/// The most checks and writes of a transaction.
pub(crate) const OPERATIONS: usize = 500;
/// The most bytes of a transaction, or of the part of a batch that is one commit. A request has at
/// most 10 MiB, with the names of its documents.
pub(crate) const COMMIT_BYTES: usize = 8 << 20;

/// What the handles on a bucket share.
pub(crate) struct Backing {
    pub(crate) link: Arc<Link>,
    pub(crate) names: Names,
    /// Turns of those who count on a key.
    pub(crate) counters: Queue,
    /// Whether it is one of Keywell's own, whose watches do not resume.
    pub(crate) is_reserved: bool,
    /// What cursors are good for.
    pub(crate) scope: String,
}

// === impl Backing ===

impl Backing {
    pub(crate) fn new(link: Arc<Link>, collection: &str, bucket: &BucketName) -> Self {
        let documents = format!("{}/documents", link.database);
        Self {
            scope: format!("firestore/{}/{collection}/{bucket}", link.database),
            names: Names::new(&documents, collection, bucket),
            link,
            counters: Queue::default(),
            is_reserved: reserved::is_reserved(bucket),
        }
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
            transact: Transacting::Store {
                operations: OPERATIONS,
                bytes: COMMIT_BYTES,
            },
            watch: if self.is_reserved {
                Watching::Lossy
            } else {
                Watching::Latest
            },
            ttl: true,
            ends: Ends::Late,
            durability: Durability::Synced,
            reads: Reads::Latest,
            key_bytes: KEY_BYTES,
            value_bytes: VALUE_BYTES,
            ttl_step: Duration::from_millis(1),
            ..Capabilities::default()
        }
    }
}
