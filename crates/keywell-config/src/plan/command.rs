use crate::Place;

/// A command, run once. The application goes on when it ends, if it has other triggers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandPlan {
    /// The component, by its name in the plan.
    pub component: String,
    /// Its arguments, behind the component's name.
    pub arguments: Vec<String>,
    /// Whether it reads the process's standard input.
    pub has_stdin: bool,
    /// Where the trigger begins.
    pub place: Place,
}

// === impl CommandPlan ===

impl CommandPlan {
    /// A command without arguments and standard input.
    pub fn new(component: impl Into<String>) -> Self {
        Self {
            component: component.into(),
            arguments: Vec::new(),
            has_stdin: false,
            place: Place::default(),
        }
    }
}
