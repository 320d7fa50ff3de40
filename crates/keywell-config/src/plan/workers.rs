use crate::Located;

/// The workers of a component that are called over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkersPlan {
    /// Their names: one, or what they begin with, with `*` behind it.
    pub names: Located<String>,
    /// The store that has their journals, by its name in the plan.
    pub journal: String,
    /// After how many invocations a snapshot is taken; 0 for never.
    pub snapshot_every: Option<u32>,
}

// === impl WorkersPlan ===

impl WorkersPlan {
    /// What the paths of workers begin with.
    pub const PATH: &str = "/workers";

    /// Whether there may be several.
    pub fn are_several(&self) -> bool {
        self.names.ends_with('*')
    }
}
