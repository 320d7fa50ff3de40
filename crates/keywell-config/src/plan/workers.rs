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
    /// What becomes of interrupted requests.
    pub interrupted_requests: InterruptedRequests,
}

/// What becomes of a request of a worker that was interrupted, and cannot be sent again without harm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InterruptedRequests {
    /// The worker stops until an operator decides.
    #[default]
    Stop,
    /// It is sent again.
    Retry,
    /// The component gets an error.
    Fail,
}

// === impl InterruptedRequests ===

impl InterruptedRequests {
    /// All of them, as they are written.
    pub const ALL: [(&str, Self); 3] = [
        ("stop", Self::Stop),
        ("retry", Self::Retry),
        ("fail", Self::Fail),
    ];

    /// How it is written; none for what applies without it.
    pub fn written(self) -> Option<&'static str> {
        let mut all = Self::ALL.iter();
        let found = all.find(|(_, policy)| *policy == self && self != Self::default());
        found.map(|(text, _)| *text)
    }
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
