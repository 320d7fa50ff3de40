use std::ops::Deref;

/// A value on cache lines of its own, to avoid false sharing. Two lines, because processors fetch them
/// in pairs.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct Padded<T>(pub(crate) T);

// === impl Padded ===

impl<T> Deref for Padded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
