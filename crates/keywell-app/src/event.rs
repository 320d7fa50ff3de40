use crate::TriggerError;

/// What happened to an application while it ran.
#[derive(Debug)]
pub enum Event {
    /// A command ended.
    Exited {
        /// The component that it ran, by its name in the plan.
        component: String,
        /// Its exit code: 0 for success, 1 where it only says that it failed.
        code: u8,
    },
    /// A trigger failed, which stops the others.
    Failed {
        /// The component that it called, by its name in the plan.
        component: String,
        /// The reason.
        problem: TriggerError,
    },
}
