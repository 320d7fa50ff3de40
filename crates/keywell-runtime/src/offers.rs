use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use crate::Missing;

/// The WASI packages of which every 0.2 release is offered.
const WASI_0_2: [&str; 7] = [
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:filesystem/",
    "wasi:http/",
    "wasi:io/",
    "wasi:random/",
    "wasi:sockets/",
];

/// An interface that a component imports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The import, as the component writes it.
    pub name: String,
    /// What is missing, where it is not offered.
    pub missing: Option<Missing>,
}

/// What a component imports, and whether it is offered.
pub fn interfaces(component: &Component) -> Vec<Interface> {
    let keyvalue = keywell_wasi::imports(component);
    let component_type = component.component_type();
    let imports = component_type.imports(component.engine());
    imports
        .map(|(name, item)| {
            let hint = match keyvalue.iter().find(|import| import.name == name) {
                Some(import) if import.generation.is_some() => None,
                Some(_) => {
                    Some("of wasi:keyvalue, 0.2.0-draft and 0.2.0-draft2 are offered".into())
                }
                None if is_wasi_0_2(name) => None,
                None => Some(hint(name, &item.ty)),
            };
            let name = name.to_owned();
            let missing = hint.map(|hint| Missing {
                import: name.clone(),
                hint,
            });
            Interface { name, missing }
        })
        .collect()
}

/// What a component imports that is not offered.
pub(crate) fn missing(component: &Component) -> Vec<Missing> {
    interfaces(component)
        .into_iter()
        .filter_map(|interface| interface.missing)
        .collect()
}

fn is_wasi_0_2(name: &str) -> bool {
    let Some((path, version)) = name.split_once('@') else {
        return false;
    };
    let released = version
        .strip_prefix("0.2.")
        .is_some_and(|patch| patch.parse::<u16>().is_ok());
    released && WASI_0_2.iter().any(|package| path.starts_with(package))
}

fn hint(name: &str, item: &ComponentItem) -> String {
    let (path, version) = name.split_once('@').unwrap_or((name, ""));
    if WASI_0_2.iter().any(|package| path.starts_with(package)) {
        return format!("of WASI, the 0.2 releases are offered, not {version}");
    }
    match item {
        ComponentItem::ComponentInstance(_) if path.contains(':') => {
            let package = path.split('/').next().unwrap_or(path);
            format!(
                "compose the component with one that exports it (`wac plug`), or leave {package} out"
            )
        }
        _ => "a plain import, which only a component composed with this one can offer".into(),
    }
}
