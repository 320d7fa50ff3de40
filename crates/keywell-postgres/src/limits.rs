use keywell_store::Transacting;
use keywell_store::layer::Limits;

/// What a bucket takes. A row of an index has at most 2,704 bytes, in which a bucket's name stands
/// beside the key. The server takes values of up to 1 GB, but not in the time of an answer. Hosts
/// allow less.
pub(crate) const LIMITS: Limits = Limits {
    key_bytes: 2048,
    value_bytes: 64 << 20,
    batch_keys: 10_000,
    batch_bytes: 64 << 20,
    ..Limits::NONE
};

/// All buckets, as many operations as a batch of hosts has keys, and as many bytes.
pub(crate) const TRANSACTING: Transacting = Transacting::Store {
    operations: 10_000,
    bytes: 64 << 20,
};
