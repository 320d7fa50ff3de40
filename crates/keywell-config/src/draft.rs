use crate::{ConfigError, Plan, Report};

/// A plan as far as its file can be read, and what is wrong with the file.
///
/// Sections with errors are left out of the plan as far as nothing can be said of them, so that the
/// rest can be checked further.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What could be read.
    pub plan: Plan,
    /// What is wrong with the rest.
    pub report: Report,
}

// === impl Draft ===

impl Draft {
    /// The plan, if nothing is wrong with it; warnings do not count.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`].
    pub fn finish(self) -> Result<Plan, ConfigError> {
        if self.report.has_errors() {
            return Err(self.report.into());
        }
        Ok(self.plan)
    }
}
