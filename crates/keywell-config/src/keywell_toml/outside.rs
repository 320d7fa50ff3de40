use std::collections::BTreeSet;

/// The components of manifests beside a `keywell.toml`, by their names in the plan.
#[derive(Clone, Default)]
pub(crate) struct Outside {
    pub(crate) names: BTreeSet<String>,
    /// Whether there are others, in manifests that could not be read.
    pub(crate) are_partial: bool,
}

// === impl Outside ===

impl Outside {
    pub(super) fn has(&self, component: &str) -> bool {
        self.names.contains(component)
    }
}
