//! Checksums of what the data file holds: XXH3, 64 bits.
//!
//! They find damage, not forgery. The seed includes the place, so that a block at the place of another
//! is damage.

use twox_hash::XxHash3_64;

/// The size of a page of the database, and of a block of a file system.
pub(crate) const BLOCK: usize = 4096;

/// The unit that a disk writes atomically.
pub(crate) const SECTOR: usize = 512;

pub(crate) fn of(bytes: &[u8], seed: u64) -> u64 {
    XxHash3_64::oneshot_with_seed(seed, bytes)
}
