use std::sync::Arc;
use std::time::Duration;

use keywell_client::Queue;
use keywell_store::{
    Batching, BucketName, Capabilities, Cas, Durability, Ends, Entry, Expires, Listing, Promptness,
    Result, Transacting, Watching, backend::Backend, reserved,
};

use crate::lease::Leases;
use crate::link::Link;
use crate::names::Names;
use crate::rpc::messages::KeyValue;
use crate::txn;

/// The longest key. etcd has no limit of its own.
const KEY_BYTES: usize = 4 << 10;
/// The largest request of a server that is not set otherwise (`--max-request-bytes`).
const REQUEST_BYTES: usize = 3 << 19;
/// What a request has besides a value: the name of its key twice or three times, and numbers.
const ENVELOPE: usize = 20 << 10;
/// The largest value.
pub(crate) const VALUE_BYTES: usize = REQUEST_BYTES - ENVELOPE;
/// The most operations of a transaction of ours. Each may take two of etcd's, as deletions in
/// different buckets do.
pub(crate) const OPERATIONS: usize = txn::MOST / 2;
/// The most bytes of a transaction of ours, or of the part of a batch that is one of etcd's. Names
/// of keys come twice in it.
pub(crate) const TRANSACTION_BYTES: usize = 1 << 20;

/// What the handles on a bucket share.
pub(crate) struct Backing {
    pub(crate) link: Arc<Link>,
    pub(crate) leases: Arc<Leases>,
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
    pub(crate) fn new(
        link: Arc<Link>,
        leases: Arc<Leases>,
        prefix: &str,
        bucket: &BucketName,
    ) -> Self {
        Self {
            link,
            leases,
            names: Names::new(prefix, bucket),
            counters: Queue::default(),
            is_reserved: reserved::is_reserved(bucket),
            scope: format!("etcd/{prefix}/{bucket}"),
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
                bytes: TRANSACTION_BYTES,
            },
            watch: if self.is_reserved {
                Watching::Lossy
            } else {
                Watching::Resumable
            },
            ttl: true,
            ends: Ends::Swept,
            durability: Durability::Synced,
            key_bytes: KEY_BYTES,
            value_bytes: VALUE_BYTES,
            ttl_step: Duration::from_secs(1),
            ..Capabilities::default()
        }
    }
}

/// The entry of a key that was read.
pub(crate) fn entry(found: KeyValue) -> Result<Entry> {
    Ok(Entry {
        value: found.value,
        version: txn::version(found.mod_revision)?,
        expires: if found.lease == 0 {
            Expires::Never
        } else {
            Expires::Unread
        },
    })
}
