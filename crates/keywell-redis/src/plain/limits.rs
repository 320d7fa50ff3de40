use keywell_store::layer::Limits;

use super::names::MAX_KEY_BYTES;

/// What a bucket takes. Hosts allow less.
pub(super) const LIMITS: Limits = Limits {
    key_bytes: MAX_KEY_BYTES,
    // The longest string that Redis takes, unless it is configured to take more.
    value_bytes: 512 << 20,
    // Redis takes at most 1,048,576 arguments.
    batch_keys: 500_000,
    // Redis closes a connection whose commands that it has not run have a gigabyte.
    batch_bytes: 512 << 20,
    ..Limits::NONE
};
