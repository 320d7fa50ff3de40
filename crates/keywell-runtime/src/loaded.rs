use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::Component;

use crate::calls::{self, Import};
use crate::{Error, Producer};

/// A compiled component, and what it is called in the log.
#[derive(Clone)]
pub struct LoadedComponent {
    pub(crate) name: Arc<str>,
    pub(crate) component: Component,
    /// Of the bytes that it was compiled from, if they are known.
    pub(crate) digest: Option<(usize, u64)>,
    /// The SHA-256 of them, if it was compiled for workers.
    pub(crate) replayed: Option<Arc<str>>,
    pub(crate) bounds: Bounds,
    /// How many stacks its tasks may keep at once.
    pub(crate) stacks: u32,
    pub(crate) imports: Vec<Import>,
    /// Whether it has types and no code.
    pub(crate) is_outline: bool,
}

/// A component that was read and not compiled.
pub struct Outline {
    /// Its types. Its functions trap.
    pub component: LoadedComponent,
    /// The tools that it names as its makers.
    pub producers: Vec<Producer>,
}

/// Limits of one component, where they differ from those of its runtime.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The most memory an instance may have, in bytes, where it is less than
    /// [`Options::memory`](crate::Options::memory).
    pub memory: Option<usize>,
    /// How long a call may take, in place of [`Options::timeout`](crate::Options::timeout).
    pub timeout: Option<Duration>,
    /// How many calls may run at once, at least 1, where that is less than [`Options::instances`](crate::Options::instances);
    /// of all components of one name. Others wait, as those past [`Options::instances`](crate::Options::instances) do.
    pub instances: Option<u32>,
}

// === impl LoadedComponent ===

impl LoadedComponent {
    /// The component, for Wasmtime.
    pub fn component(&self) -> &Component {
        &self.component
    }

    /// Whether it was not compiled, so that it can be checked and not run.
    pub fn is_outline(&self) -> bool {
        self.is_outline
    }

    /// The same component with the code of another.
    #[must_use]
    pub fn with_code_of(self, compiled: Self) -> Self {
        Self {
            component: compiled.component,
            digest: compiled.digest,
            replayed: compiled.replayed,
            stacks: compiled.stacks,
            is_outline: compiled.is_outline,
            ..self
        }
    }

    /// Whether both were compiled from the same bytes, and have the same name and limits.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.digest.is_some()
            && (self.digest, &self.name, self.bounds) == (other.digest, &other.name, other.bounds)
    }

    /// The same component under another name for the log; the default is that of its file.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self {
            name: name.into(),
            ..self
        }
    }

    /// Checks that another component can answer the imports of an interface, which is named without
    /// a version. It can where there are none.
    ///
    /// # Errors
    ///
    /// [`Error::Unanswered`].
    pub fn check_call(&self, interface: &str, callee: &Self) -> Result<(), Error> {
        calls::check(&self.component, interface, &callee.name, &callee.component)
    }

    /// The same component, with imports that others answer.
    #[must_use]
    pub fn calling(self, imports: Vec<Import>) -> Self {
        Self { imports, ..self }
    }

    /// The same component with limits of its own.
    #[must_use]
    pub fn within(self, bounds: Bounds) -> Self {
        Self { bounds, ..self }
    }
}

impl From<Component> for LoadedComponent {
    fn from(component: Component) -> Self {
        Self {
            name: "component".into(),
            component,
            digest: None,
            replayed: None,
            bounds: Bounds::default(),
            stacks: 1,
            imports: Vec::new(),
            is_outline: false,
        }
    }
}
