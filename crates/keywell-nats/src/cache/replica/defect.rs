//! The defects that the simulation plants, so that it proves that it finds them.

/// What can be wrong with a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    /// What was deleted is forgotten, so a late message brings it back.
    ForgetsDeletes,
    /// The number of the last write that arrived counts as the number of all that did.
    CountsByLast,
    /// An increment is sent as the value that it makes.
    AddsAsValue,
}

/// The defect of a copy. Outside of tests there is none, and the code for it is left out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Planted {
    #[cfg(test)]
    defect: Option<Defect>,
}

// === impl Planted ===

impl Planted {
    #[cfg(test)]
    pub(crate) fn new(defect: Option<Defect>) -> Self {
        Self { defect }
    }

    #[cfg(test)]
    pub(crate) fn has(self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "as in tests")]
    pub(crate) fn has(self, _: Defect) -> bool {
        false
    }
}
