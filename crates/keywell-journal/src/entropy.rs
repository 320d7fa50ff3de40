use sha2::{Digest as _, Sha256};

/// Random bytes of a worker: the SHA-256 of its seed, the position of the invocation and a count.
/// A replay draws the same.
pub(crate) struct Entropy {
    pub(crate) seed: [u8; 32],
    invocation: u64,
    count: u64,
    /// What is left of the last hash, from its end.
    left: Vec<u8>,
}

// === impl Entropy ===

impl Entropy {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self {
            seed,
            invocation: 0,
            count: 0,
            left: Vec::new(),
        }
    }

    /// Starts over, for an invocation.
    pub(crate) fn begin(&mut self, invocation: u64) {
        let seed = self.seed;
        *self = Self {
            invocation,
            ..Self::new(seed)
        };
    }

    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = self.next();
        }
    }

    fn next(&mut self) -> u8 {
        loop {
            if let Some(byte) = self.left.pop() {
                return byte;
            }
            let mut hash = Sha256::new();
            hash.update(self.seed);
            hash.update(self.invocation.to_le_bytes());
            hash.update(self.count.to_le_bytes());
            self.count += 1;
            self.left = hash.finalize().to_vec();
        }
    }
}
