use std::fmt;

use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::{ComponentInstance, ComponentItem, Type};

/// A shape of `wasi:keyvalue`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Generation {
    /// `0.2.0-draft`: counters and cursors are `u64`, and there is no compare-and-swap.
    Draft,
    /// `0.2.0-draft2`, whose `get-many` answers `list<option<tuple<string, list<u8>>>>`.
    Draft2,
    /// The other `0.2.0-draft2`, whose `get-many` answers `list<tuple<string, option<list<u8>>>>`.
    Draft2Pairs,
}

/// An interface of `wasi:keyvalue` that a component imports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The import as the component writes it: `wasi:keyvalue/store@0.2.0-draft2`.
    pub name: String,
    /// The interface in it: `store`.
    pub interface: String,
    /// The generation, identified by version and types; `None` for one that is not offered.
    pub generation: Option<Generation>,
}

/// The interfaces of `wasi:keyvalue` that a component imports, in its order.
pub fn imports(component: &Component) -> Vec<Import> {
    let engine = component.engine();
    let component_type = component.component_type();
    let imports = component_type.imports(engine);
    let mut imports: Vec<Import> = imports
        .filter_map(|(name, item)| {
            let path = name.strip_prefix("wasi:keyvalue/")?;
            let (interface, version) = path.split_once('@').unwrap_or((path, ""));
            let generation = match (version, interface) {
                ("0.2.0-draft", "store" | "atomics" | "batch") => Some(Generation::Draft),
                ("0.2.0-draft2", "store" | "atomics") => Some(Generation::Draft2),
                ("0.2.0-draft2", "batch") => Some(match &item.ty {
                    ComponentItem::ComponentInstance(batch) if answers_pairs(batch, engine) => {
                        Generation::Draft2Pairs
                    }
                    _ => Generation::Draft2,
                }),
                _ => None,
            };
            Some(Import {
                name: name.to_owned(),
                interface: interface.to_owned(),
                generation,
            })
        })
        .collect();
    // The other interfaces of the two shapes are the same, so `batch` decides for all of them.
    if imports
        .iter()
        .any(|import| import.generation == Some(Generation::Draft2Pairs))
    {
        for import in &mut imports {
            if import.generation == Some(Generation::Draft2) {
                import.generation = Some(Generation::Draft2Pairs);
            }
        }
    }
    imports
}

/// Whether `get-many` in this `batch` answers a list of pairs. A component that does not use
/// `get-many` runs with either shape.
fn answers_pairs(batch: &ComponentInstance, engine: &Engine) -> bool {
    let Some(get_many) = batch.get_export(engine, "get-many") else {
        return false;
    };
    let ComponentItem::ComponentFunc(get_many) = get_many.ty else {
        return false;
    };
    let Some(Type::Result(answer)) = get_many.results().next() else {
        return false;
    };
    let Some(Type::List(found)) = answer.ok() else {
        return false;
    };
    matches!(found.ty(), Type::Tuple(_))
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Draft => "0.2.0-draft",
            Self::Draft2 => "0.2.0-draft2",
            Self::Draft2Pairs => "0.2.0-draft2 (pairs)",
        })
    }
}
