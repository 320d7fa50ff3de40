use wasmtime::component::Val;

use crate::invoke::mismatch::Mismatch;

/// The most bytes that the arguments of a call may have in JSON: the largest value of a bucket in
/// base64, and room for the other arguments.
pub const MAX_BYTES: usize = 24 << 20;

/// The memory that the arguments of a call may take as values, in bytes. A short text can stand
/// for large values: `{}` for a record of many optional fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgumentRoom {
    most: usize,
    taken: usize,
}

// === impl ArgumentRoom ===

impl ArgumentRoom {
    /// How many bytes of values a byte of JSON may stand for: a byte of base64 stands for 3/4 of a
    /// value, and a number of one digit, with its comma, for half of one.
    pub const PER_BYTE: usize = 32;

    /// At most so many bytes.
    pub fn new(most: usize) -> Self {
        Self { most, taken: 0 }
    }

    /// For the longest arguments that a call may have.
    pub(super) fn of_the_longest() -> Self {
        Self::new(MAX_BYTES * Self::PER_BYTE)
    }

    /// How many bytes the values take so far.
    pub fn taken(&self) -> usize {
        self.taken
    }

    /// Whether values were refused because they take more.
    pub fn is_exceeded(&self) -> bool {
        self.taken > self.most
    }

    /// Charges so many values, without what they own.
    pub(super) fn values(&mut self, count: usize) -> Result<(), Mismatch> {
        self.take(count.saturating_mul(size_of::<Val>()))
    }

    /// Charges a name beside a value.
    pub(super) fn name(&mut self, name: &str) -> Result<(), Mismatch> {
        self.take(size_of::<String>() + name.len())
    }

    /// Charges what a value owns.
    pub(super) fn take(&mut self, bytes: usize) -> Result<(), Mismatch> {
        self.taken = self.taken.saturating_add(bytes);
        if self.is_exceeded() {
            let expected = format!("arguments of at most {} bytes in memory", self.most);
            return Err(Mismatch::new(expected, "more"));
        }
        Ok(())
    }
}
