use slab::Slab;

/// The open stores of the version in which they are numbers, each the representation of a bucket.
///
/// They are no representations themselves: a number that a component invents is of no bucket that
/// it opened by another interface, and closes none.
#[derive(Default)]
pub(crate) struct Numbers(Slab<u32>);

// === impl Numbers ===

impl Numbers {
    pub(crate) fn add(&mut self, rep: u32) -> u32 {
        let number = self.0.insert(rep);
        u32::try_from(number).expect("the limit on handles keeps numbers within 32 bits")
    }

    pub(crate) fn get(&self, number: u32) -> Option<u32> {
        self.0.get(number as usize).copied()
    }

    pub(crate) fn remove(&mut self, number: u32) -> Option<u32> {
        self.0.try_remove(number as usize)
    }
}
