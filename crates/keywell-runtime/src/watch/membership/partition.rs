//! The partitions of the keys.
//!
//! A key is in the same partition in every process and release: processes of one group divide their
//! work by it.

/// How many partitions the keys are in. At most that many members have work.
pub(crate) const PARTITIONS: u8 = 16;

/// The partition that a key is in.
pub(crate) fn partition(key: &str, partitions: u8) -> u8 {
    let hash = twox_hash::XxHash3_64::oneshot(key.as_bytes());
    let partition = hash % u64::from(partitions.max(1));
    u8::try_from(partition).expect("a remainder of a byte is a byte")
}
