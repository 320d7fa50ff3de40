use std::sync::Arc;

use keywell_client::Queue;
use keywell_store::{
    BucketName, Capabilities, Cas, Durability, Ends, Error, Invalid, Listing, Promptness, Result,
    Transacting, Watching, backend::Backend, reserved,
};

use crate::item::{KEY_BYTES, VALUE_BYTES};
use crate::link::Link;

/// The most operations of a transaction.
pub(crate) const OPERATIONS: usize = 100;
/// The most bytes of a transaction. DynamoDB takes 4 MB, with the names of buckets and attributes.
pub(crate) const TRANSACTION_BYTES: usize = 7 << 19;

/// The sort key behind all others. No bucket has this key: watches mark their beginning by it.
pub(crate) fn last_key() -> String {
    LAST.to_string().repeat(KEY_BYTES / LAST.len_utf8())
}

pub(crate) fn is_last(key: &str) -> bool {
    key.len() == KEY_BYTES && key.chars().all(|character| character == LAST)
}

/// The last character that there is.
const LAST: char = char::MAX;

/// What the handles on a bucket share.
pub(crate) struct Backing {
    pub(crate) link: Arc<Link>,
    /// The partition key.
    pub(crate) bucket: String,
    /// The stream of the table, if it has one that can be watched.
    pub(crate) stream: Option<String>,
    /// Turns of those who count on a key.
    pub(crate) counters: Queue,
    /// Whether it is one of Keywell's own, whose watches do not resume.
    pub(crate) is_reserved: bool,
    /// What cursors are good for.
    pub(crate) scope: String,
}

// === impl Backing ===

impl Backing {
    pub(crate) fn new(link: Arc<Link>, stream: Option<String>, bucket: &BucketName) -> Self {
        let scope = format!("dynamodb/{}/{bucket}", link.table);
        Self {
            link,
            stream,
            bucket: bucket.as_str().to_owned(),
            counters: Queue::default(),
            is_reserved: reserved::is_reserved(bucket),
            scope,
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
            transact: Transacting::Store {
                operations: OPERATIONS,
                bytes: TRANSACTION_BYTES,
            },
            watch: match &self.stream {
                None => Watching::None,
                Some(_) if self.is_reserved => Watching::Lossy,
                Some(_) => Watching::Resumable,
            },
            ttl: true,
            ends: Ends::Late,
            durability: Durability::Synced,
            key_bytes: KEY_BYTES,
            value_bytes: VALUE_BYTES,
            ..Capabilities::default()
        }
    }

    /// The last key marks the beginnings of watches.
    fn check_key(&self, key: &str) -> Result<()> {
        self.capabilities().limits().check_key(key)?;
        if is_last(key) {
            return Err(Error::Invalid(Invalid::KeyCharacter(LAST)));
        }
        Ok(())
    }
}
