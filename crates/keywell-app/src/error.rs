use std::io;

use keywell_config::ConfigError;
use keywell_store::OpenError;

/// Why an application cannot be loaded, started, reloaded or stopped. The text shows no secret.
///
/// Where the plan was read from a file, the text begins with the place: file, line and column. What
/// went wrong, without the place and the name, is the source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Something in the plan is wrong.
    #[error(transparent)]
    Plan(#[from] ConfigError),
    /// There can be no runtime as the limits ask.
    #[error(transparent)]
    Runtime(keywell_runtime::Error),
    /// A component cannot be read or compiled.
    #[error("{text}")]
    Component {
        /// The component, by its name in the plan.
        component: String,
        /// The place, the name and the reason.
        text: String,
        /// The reason.
        source: keywell_runtime::Error,
    },
    /// A store cannot be opened.
    #[error("{text}")]
    Store {
        /// The store, by its name in the plan.
        store: String,
        /// The place, the name and the reason.
        text: String,
        /// The reason.
        source: Box<OpenError>,
    },
    /// A trigger cannot start.
    #[error("{text}")]
    Start {
        /// The component that it calls, or one that this calls, by its name in the plan.
        component: String,
        /// The place, the name and the reason.
        text: String,
        /// The reason.
        source: StartError,
    },
    /// Health cannot be answered where the plan says.
    #[error("{text}")]
    Health {
        /// The place, the address and the reason.
        text: String,
        /// The reason.
        source: io::Error,
    },
    /// A trigger failed while it ran, and [`Handle::next`](crate::Handle::next) was not called for
    /// it.
    #[error("{source}")]
    Failed {
        /// The component that it called, by its name in the plan.
        component: String,
        /// The reason.
        source: TriggerError,
    },
    /// The plan has no component of this name.
    #[error("the application has no component {component}")]
    NoComponent {
        /// The name.
        component: String,
    },
    /// A store does not close as it should. The others were closed.
    #[error("cannot close the store {store}: {source}")]
    Close {
        /// The store, by its name in the plan.
        store: String,
        /// The reason.
        source: keywell_store::Error,
    },
    /// The new plan needs another runtime: its limits are not those that the application runs with.
    #[error("the limits of an application cannot change while it runs; start it again")]
    Limits,
    /// Calls go through more components in the new plan than the runtime has room for.
    #[error(
        "calls go through more components than the {most} that the application was started for; \
         start it again"
    )]
    Chain {
        /// How many components a call may go through.
        most: u32,
    },
}

/// Why a trigger cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The name to listen on is not known.
    #[error("cannot listen on {address}: {source}; choose another address")]
    Resolve {
        /// The name and the port.
        address: String,
        /// The reason.
        source: io::Error,
    },
    /// The component does not fit its trigger, or the trigger's address, store or name cannot be
    /// had.
    #[error(transparent)]
    Runtime(#[from] keywell_runtime::Error),
}

/// Why a trigger ended that ran.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TriggerError {
    /// It cannot go on.
    #[error(transparent)]
    Runtime(#[from] keywell_runtime::Error),
    /// The plan that was to replace the application's could not start, and nor could this trigger
    /// again.
    #[error("cannot start again: {0}")]
    Restart(StartError),
    /// It panicked, which is a defect of Keywell.
    #[error("a trigger ended: {0}")]
    Panicked(String),
}

// === impl Error ===

impl Error {
    /// Whether the plan is to blame, so that the same plan fails everywhere, rather than the world:
    /// a file, a server, an address.
    pub fn is_in_plan(&self) -> bool {
        match self {
            Self::Plan(_) => true,
            Self::Store { source, .. } => !matches!(**source, OpenError::Store { .. }),
            _ => false,
        }
    }
}
