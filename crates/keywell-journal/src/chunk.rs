//! A chunk: a piece of the stream of records, under a dense number, chained to the one before it.
//!
//! Format 1: `KWJ`, the format, the epoch of its writer, its number, how many records begin before
//! it, the chain hash of the chunk before it, the piece, and its own chain hash, which is the SHA-256
//! of all before. Numbers are 8 bytes, little endian.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

/// The SHA-256 of a chunk, and by it of all before it.
pub(crate) type Chain = [u8; 32];

/// What names the format.
const MAGIC: [u8; 4] = *b"KWJ\x01";
const HEADER: usize = 4 + 8 + 8 + 8 + 32;
const CHAIN: usize = 32;

/// The bytes of a chunk beside its piece of the stream.
pub(crate) const OVERHEAD: usize = HEADER + CHAIN;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// Counts the claims of the worker.
    pub(crate) epoch: u64,
    pub(crate) number: u64,
    pub(crate) position: u64,
    pub(crate) previous: Chain,
    pub(crate) piece: Bytes,
    pub(crate) chain: Chain,
}

// === impl Chunk ===

impl Chunk {
    /// Encodes a chunk, and answers its chain hash.
    pub(crate) fn seal(
        epoch: u64,
        number: u64,
        position: u64,
        previous: &Chain,
        piece: &[u8],
    ) -> (Bytes, Chain) {
        let mut bytes = Vec::with_capacity(OVERHEAD + piece.len());
        bytes.extend(MAGIC);
        for part in [epoch, number, position] {
            bytes.extend(part.to_le_bytes());
        }
        bytes.extend(previous);
        bytes.extend(piece);
        let chain = Sha256::digest(&bytes).into();
        bytes.extend(chain);
        (bytes.into(), chain)
    }

    /// Reads what is stored under a number.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn open(bytes: &Bytes, number: u64) -> Result<Self, &'static str> {
        let Some((body, chain)) = bytes.split_last_chunk::<CHAIN>() else {
            return Err("is cut short");
        };
        if body.len() < HEADER {
            return Err("is cut short");
        }
        if body[..3] != MAGIC[..3] {
            return Err("is no chunk");
        }
        if body[3] != MAGIC[3] {
            return Err("has a format of another version of Keywell");
        }
        if <[u8; 32]>::from(Sha256::digest(body)) != *chain {
            return Err("has changed bytes");
        }
        let part = |at: usize| {
            let at = MAGIC.len() + 8 * at;
            let bytes = body[at..at + 8].try_into().expect("the header is there");
            u64::from_le_bytes(bytes)
        };
        if part(1) != number {
            return Err("is under the number of another chunk");
        }
        Ok(Self {
            epoch: part(0),
            number,
            position: part(2),
            previous: body[HEADER - 32..HEADER]
                .try_into()
                .expect("the header is there"),
            piece: bytes.slice(HEADER..body.len()),
            chain: *chain,
        })
    }
}
