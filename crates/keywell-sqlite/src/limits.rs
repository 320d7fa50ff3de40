use keywell_store::Transacting;
use keywell_store::layer::Limits;

/// What a bucket takes. `SQLite` holds rows of at most 1,000,000,000 bytes, and a row of the history
/// has a key and a bucket's name beside the value. Hosts allow less.
pub(crate) const LIMITS: Limits = Limits {
    key_bytes: 64 * 1024,
    value_bytes: 512 * 1024 * 1024,
    ..Limits::NONE
};

/// All buckets, as many operations as a batch of hosts has keys, and as many bytes.
pub(crate) const TRANSACTING: Transacting = Transacting::Store {
    operations: 10_000,
    bytes: 64 << 20,
};
