//! The first block of the data file: what it is, and where its parts are.
//!
//! | Offset | Part |
//! |---|---|
//! | 0 | the superblock, 4 KiB |
//! | 4 KiB | the [log](crate::log), as long as the superblock states |
//! | after it | the [pages](crate::pages) of the database, with their checksums |
//!
//! Numbers are little-endian. The superblock is written once, when the file is created.

use std::io;

use redb::StorageBackend;

use crate::OpenError;
use crate::checksum::{self, BLOCK, SECTOR};
use crate::storage::Storage;
use crate::tables::FORMAT;

const MAGIC: &[u8; 16] = b"Keywell disk\r\n\x1a\0";

/// The magic number of a redb file: format 1 was a bare database.
const REDB: &[u8] = b"redb\x1A\x0A\xA9\x0D\x0A";

/// The seed of the checksum of the superblock, which holds the seed of the others.
const SEED: u64 = 0x6b65_7977_656c_6c32;

/// What the first block states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Superblock {
    /// A random number. It seeds all checksums, so a block of another file is damage.
    pub(crate) seed: u64,
    /// The length of the log.
    pub(crate) log_bytes: u64,
}

// === impl Superblock ===

impl Superblock {
    const BYTES: usize = 40;

    /// The offset of the log.
    pub(crate) const LOG: u64 = BLOCK as u64;

    pub(crate) fn new(log_bytes: usize) -> Self {
        let log_bytes = log_bytes.next_multiple_of(BLOCK).max(16 * BLOCK);
        Self {
            seed: rand::random(),
            log_bytes: log_bytes as u64,
        }
    }

    /// The offset of the pages.
    pub(crate) fn pages(&self) -> u64 {
        Self::LOG + self.log_bytes
    }

    /// Writes the first block of a new file, and makes room for the log.
    pub(crate) fn write(&self, file: &Storage) -> io::Result<()> {
        let mut block = [0; SECTOR];
        block[..16].copy_from_slice(MAGIC);
        block[16..24].copy_from_slice(&FORMAT.to_le_bytes());
        block[24..32].copy_from_slice(&self.seed.to_le_bytes());
        block[32..Self::BYTES].copy_from_slice(&self.log_bytes.to_le_bytes());
        let sum = checksum::of(&block[..Self::BYTES], SEED);
        block[Self::BYTES..Self::BYTES + 8].copy_from_slice(&sum.to_le_bytes());
        file.set_len(self.pages())?;
        file.write(0, &block)
    }

    /// Reads the first block, and refuses a file that is empty, too short or of another program.
    pub(crate) fn read(file: &dyn StorageBackend) -> Result<Self, OpenError> {
        let bytes = file.len()?;
        if bytes == 0 {
            return Err(OpenError::Empty);
        }
        let mut block = [0; SECTOR];
        let there = usize::try_from(bytes).unwrap_or(SECTOR).min(SECTOR);
        file.read(0, &mut block[..there])?;
        if block.starts_with(REDB) {
            return Err(OpenError::Format { found: 1 });
        }
        let known = there.min(MAGIC.len());
        if block[..known] != MAGIC[..known] || known < 9 {
            return Err(OpenError::Foreign);
        }
        if there < SECTOR {
            return Err(OpenError::Truncated { bytes });
        }
        let number = |at: usize| {
            let mut number = [0; 8];
            number.copy_from_slice(&block[at..at + 8]);
            u64::from_le_bytes(number)
        };
        if number(16) != FORMAT {
            return Err(OpenError::Format { found: number(16) });
        }
        if checksum::of(&block[..Self::BYTES], SEED) != number(Self::BYTES) {
            return Err(OpenError::damaged("its first block"));
        }
        let superblock = Self {
            seed: number(24),
            log_bytes: number(32),
        };
        if bytes < superblock.pages() {
            return Err(OpenError::Truncated { bytes });
        }
        Ok(superblock)
    }
}
