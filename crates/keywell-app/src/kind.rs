use keywell_config::TriggerPlan;
use keywell_runtime::LoadedComponent;
use keywell_runtime::invoke::Functions;

/// Makes [`TriggerKind`] of a table: each kind, and the exports that it calls.
macro_rules! trigger_kinds {
    ($($(#[$doc:meta])* $kind:ident => [$($export:literal),*],)+) => {
        /// A kind of trigger. It is matched without a wildcard, so that a new kind does not compile
        /// until it is handled everywhere.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum TriggerKind {
            $($(#[$doc])* $kind,)+
        }

        impl TriggerKind {
            /// All of them.
            pub const ALL: [Self; [$(TriggerKind::$kind),+].len()] = [$(Self::$kind),+];

            /// The exports that a trigger of this kind calls, one of them at least; none for one
            /// that calls any function. A name that ends with a full stop stands for all that begin
            /// with it, whatever their patch release is.
            pub fn exports(self) -> &'static [&'static str] {
                match self {
                    $(Self::$kind => &[$($export),*],)+
                }
            }
        }
    };
}

trigger_kinds! {
    /// HTTP requests.
    Http => ["wasi:http/incoming-handler@0.2.", "wasi:http/handler@0.3."],
    /// Changes of keys.
    Watch => [
        "wasi:keyvalue/watcher@0.2.0-draft",
        "wasi:keyvalue/watcher@0.2.0-draft2",
        "wasi:keyvalue/handle-watch@0.1.0",
        "wasi:keyvalue/handle-watch"
    ],
    /// The application's start.
    Command => ["wasi:cli/run@0.2.", "wasi:cli/run@0.3."],
    /// Calls of exported functions over HTTP: of any that takes and returns values.
    Invoke => [],
}

// === impl TriggerKind ===

impl TriggerKind {
    /// Whether a component can be called by a trigger of this kind.
    pub fn is_exported_by(self, component: &LoadedComponent) -> bool {
        if self == Self::Invoke {
            let functions = Functions::of(component.component());
            return functions.iter().any(|function| function.check().is_ok());
        }
        let component = component.component();
        let component_type = component.component_type();
        let mut exports = component_type.exports(component.engine());
        exports.any(|(name, _)| {
            self.exports()
                .iter()
                .any(|interface| match interface.strip_suffix('.') {
                    Some(_) => name.starts_with(interface),
                    None => name == *interface,
                })
        })
    }
}

impl From<&TriggerPlan> for TriggerKind {
    fn from(trigger: &TriggerPlan) -> Self {
        match trigger {
            TriggerPlan::Http(_) => Self::Http,
            TriggerPlan::Watch(_) => Self::Watch,
            TriggerPlan::Command(_) => Self::Command,
            TriggerPlan::Invoke(_) => Self::Invoke,
        }
    }
}
