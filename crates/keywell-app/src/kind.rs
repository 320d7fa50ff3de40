use keywell_runtime::LoadedComponent;

/// A kind of trigger. It is matched without a wildcard, so that a new kind does not compile until it
/// is handled everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TriggerKind {
    /// HTTP requests.
    Http,
    /// Changes of keys.
    Watch,
    /// The application's start.
    Command,
}

// === impl TriggerKind ===

impl TriggerKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Http, Self::Watch, Self::Command];

    /// The exports that a trigger of this kind calls. One is enough. A name that ends with a
    /// full stop stands for all that begin with it, whatever their patch release is.
    pub fn exports(self) -> &'static [&'static str] {
        match self {
            Self::Http => &["wasi:http/incoming-handler@0.2."],
            Self::Watch => &[
                "wasi:keyvalue/watcher@0.2.0-draft",
                "wasi:keyvalue/watcher@0.2.0-draft2",
            ],
            Self::Command => &["wasi:cli/run@0.2."],
        }
    }

    /// Whether a component can be called by a trigger of this kind.
    pub fn is_exported_by(self, component: &LoadedComponent) -> bool {
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
