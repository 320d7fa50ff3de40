use super::http::HttpPlan;
use super::workers::WorkersPlan;
use crate::{ListenAddress, Located};

/// Exported functions that are called over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvokePlan {
    /// Where and how they are served. Its path is a prefix.
    pub http: HttpPlan,
    /// Which functions are offered, each an interface, or a function by its path without the first
    /// slash; none stands for all.
    pub functions: Vec<Located<String>>,
    /// The longest body of a request, in bytes.
    pub max_body: Option<usize>,
    /// The workers that are called, where a call has no instance of its own.
    pub workers: Option<WorkersPlan>,
}

// === impl InvokePlan ===

impl InvokePlan {
    /// All functions, each call in an instance of its own.
    pub fn new(component: impl Into<String>, addr: impl Into<ListenAddress>) -> Self {
        Self {
            http: HttpPlan::new(component, addr),
            functions: Vec::new(),
            max_body: None,
            workers: None,
        }
    }

    pub(super) fn forget_places(&mut self) {
        self.http.forget_places();
        self.functions.iter_mut().for_each(Located::forget_place);
        if let Some(workers) = &mut self.workers {
            workers.names.forget_place();
        }
    }
}
