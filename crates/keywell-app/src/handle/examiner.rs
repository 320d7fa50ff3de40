use std::sync::Arc;

use keywell_config::Draft;
use keywell_runtime::{Options, Runtime};

use super::Handle;
use crate::examined::Examined;
use crate::loaded::runtime_options;
use crate::{AppOptions, Error};

/// Looks at plans that a running application may go over to, without touching what runs.
#[derive(Clone)]
pub struct Examiner {
    runtime: Arc<Runtime>,
    options: AppOptions,
    /// What the runtime was made with.
    bounds: Options,
}

// === impl Handle ===

impl Handle {
    /// What looks at plans for this application while it runs.
    pub fn examiner(&self) -> Examiner {
        Examiner {
            runtime: self.runtime.clone(),
            options: self.options.clone(),
            bounds: runtime_options(self.loaded.plan(), &self.options),
        }
    }
}

// === impl Examiner ===

impl Examiner {
    /// Checks a plan and compiles its components, on this thread, as [`Examined::new`] does. Its
    /// application is one for [`Handle::go_over_to`].
    pub fn examine(&self, draft: Draft) -> Examined {
        Examined::within(draft, self.options.clone(), |wanted| {
            if *wanted == self.bounds {
                Ok(self.runtime.clone())
            } else {
                Err(Error::Limits)
            }
        })
    }
}
