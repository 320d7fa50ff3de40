use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// From how many bytes on compiling a component takes long enough to be reported: about a second.
pub(crate) const LARGE: usize = 1 << 20;

/// A step of compiling a large component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compilation<'a> {
    /// It begins.
    Begins {
        /// What the component is called.
        name: &'a str,
        /// Its size.
        bytes: usize,
        /// Whether the result is kept for the next start.
        is_kept: bool,
    },
    /// It is over.
    Ends {
        /// What the component is called.
        name: &'a str,
        /// How long it took; none if the component was refused.
        took: Option<Duration>,
    },
}

/// What is notified when a large component is compiled, on the thread that compiles it.
#[derive(Clone, Default)]
pub struct CompilationListener(Option<Arc<Listen>>);

type Listen = dyn Fn(Compilation<'_>) + Send + Sync;

// === impl CompilationListener ===

impl CompilationListener {
    /// A listener that calls a function for each step.
    pub fn new(listen: impl Fn(Compilation<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(listen)))
    }

    pub(crate) fn notify(&self, step: Compilation<'_>) {
        if let Some(listen) = &self.0 {
            listen(step);
        }
    }
}

impl fmt::Debug for CompilationListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_there = self.0.is_some();
        f.debug_tuple("CompilationListener")
            .field(&is_there)
            .finish()
    }
}

impl PartialEq for CompilationListener {
    /// Whether both are the same, or none.
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        }
    }
}

impl Eq for CompilationListener {}
