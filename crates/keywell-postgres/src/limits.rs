use keywell_store::Transacting;
use keywell_store::layer::Limits;

/// What a bucket takes. A row of an index has at most 2,704 bytes, in which a bucket's name stands
/// beside the key. A field has at most 1 GB, and a message as much in all. Hosts allow less.
pub(crate) const LIMITS: Limits = Limits {
    key_bytes: 2048,
    value_bytes: 256 * 1024 * 1024,
    batch_keys: 10_000,
    batch_bytes: 256 * 1024 * 1024,
    ..Limits::NONE
};

/// All buckets, as many operations as a batch of hosts has keys, and as many bytes.
pub(crate) const TRANSACTING: Transacting = Transacting::Store {
    operations: 10_000,
    bytes: 64 << 20,
};
