use keywell_store::layer::Limits;

/// What a bucket takes. Hosts allow less.
pub(crate) const LIMITS: Limits = Limits {
    key_bytes: 64 * 1024,
    value_bytes: 1024 * 1024 * 1024,
    ..Limits::NONE
};
