use wasmtime::Engine;
use wasmtime::component::types::{ComponentFunc, ComponentInstance, ComponentItem};

/// Everything that identifies a generation.
pub(crate) struct Descriptor {
    /// What it is called in messages and tables.
    pub(crate) name: &'static str,
    /// The package of its interfaces: `wasi:keyvalue`.
    pub(crate) package: &'static str,
    /// The version behind the `@` of its interfaces.
    pub(crate) version: &'static str,
    /// Its interfaces that a component may import.
    pub(crate) interfaces: &'static [&'static str],
    /// Whether the interfaces that a component imports have this generation's types. Exactly one
    /// generation of a version fits.
    pub(crate) fits: fn(&Imported<'_>) -> bool,
    /// The watcher that a component of it may export, if it has one of its own.
    pub(crate) watcher: Option<&'static str>,
}

/// The interfaces of one version of a package that a component imports, with their types.
pub(crate) struct Imported<'a> {
    engine: &'a Engine,
    interfaces: Vec<(&'a str, &'a ComponentInstance)>,
}

// === impl Imported ===

impl<'a> Imported<'a> {
    pub(crate) fn new(
        engine: &'a Engine,
        interfaces: Vec<(&'a str, &'a ComponentInstance)>,
    ) -> Self {
        Self { engine, interfaces }
    }

    /// The type of a function in one of the interfaces, if it is imported.
    pub(crate) fn function(&self, interface: &str, name: &str) -> Option<ComponentFunc> {
        let mut interfaces = self.interfaces.iter();
        let (_, instance) = interfaces.find(|(known, _)| *known == interface)?;
        match instance.get_export(self.engine, name)?.ty {
            ComponentItem::ComponentFunc(function) => Some(function),
            _ => None,
        }
    }
}
