use std::sync::Arc;

use keywell_candidates::as_written;
use wasmtime::component::types::{ComponentInstance, ComponentItem};
use wasmtime::component::{Component, ComponentExportIndex, Linker};

use super::callee::{Callee, Function};
use super::signature;
use crate::Error;
use crate::state::State;

/// An interface that a component imports and another one answers.
#[derive(Clone)]
pub struct Import {
    /// The interface, without a version: `NAMESPACE:PACKAGE/INTERFACE`.
    pub interface: String,
    /// What answers it.
    pub callee: Callee,
}

/// An import of a component, with the exports that answer it.
struct Answered {
    import: String,
    functions: Vec<(String, ComponentExportIndex)>,
}

/// Whether one of these interfaces is that of an import, whatever its version.
pub(crate) fn answers(imports: &[Import], import: &str) -> bool {
    imports
        .iter()
        .any(|other| other.interface == split(import).0)
}

/// Checks that a component can answer an interface of another.
///
/// # Errors
///
/// [`Error::Unanswered`].
pub(crate) fn check(
    caller: &Component,
    interface: &str,
    exporter_name: &str,
    exporter: &Component,
) -> Result<(), Error> {
    answered(caller, interface, exporter_name, exporter).map(drop)
}

/// Links the imports of a component that others answer, in place of what else was linked for them.
///
/// # Errors
///
/// [`Error::Unanswered`] or [`Error::Mismatch`].
pub(crate) fn link(
    linker: &mut Linker<State>,
    component: &Component,
    imports: &[Import],
) -> Result<(), Error> {
    linker.allow_shadowing(true);
    for Import { interface, callee } in imports {
        let answered = answered(component, interface, callee.name(), callee.component())?;
        for Answered { import, functions } in answered {
            let added = link_functions(linker, &import, callee, functions);
            added.map_err(|error| Error::Mismatch(format!("{error:#}")))?;
        }
    }
    linker.allow_shadowing(false);
    Ok(())
}

fn link_functions(
    linker: &mut Linker<State>,
    import: &str,
    callee: &Callee,
    functions: Vec<(String, ComponentExportIndex)>,
) -> wasmtime::Result<()> {
    let mut interface = linker.instance(import)?;
    for (name, export) in functions {
        let function = Function {
            callee: callee.clone(),
            name: format!("{name} of {}", as_written(import)).into(),
            export,
        };
        let function = Arc::new(function);
        interface.func_new_async(&name, move |caller, _, params, results| {
            let function = function.clone();
            Box::new(async move { function.call(caller, params, results).await })
        })?;
    }
    Ok(())
}

/// What answers the imports of an interface: one of each version that is imported.
fn answered(
    caller: &Component,
    interface: &str,
    exporter_name: &str,
    exporter: &Component,
) -> Result<Vec<Answered>, Error> {
    let caller_type = caller.component_type();
    let imports = caller_type.imports(caller.engine());
    let imports = imports.filter_map(|(import, item)| match item.ty {
        ComponentItem::ComponentInstance(instance) if split(import).0 == interface => {
            Some((import, instance))
        }
        _ => None,
    });
    let imports = imports.map(|(import, instance)| {
        let functions = functions(import, &instance, exporter);
        let functions = functions.map_err(|problem| Error::Unanswered {
            callee: exporter_name.to_owned(),
            interface: as_written(import).into_owned(),
            problem,
        })?;
        let import = import.to_owned();
        Ok(Answered { import, functions })
    });
    imports.collect()
}

/// The exports that answer the functions of an import, or why there are none.
fn functions(
    import: &str,
    wanted: &ComponentInstance,
    exporter: &Component,
) -> Result<Vec<(String, ComponentExportIndex)>, String> {
    let (export, offered) = export(import, exporter)?;
    let engine = exporter.engine();
    let mut functions = Vec::new();
    for (name, item) in wanted.exports(engine) {
        let wanted = match item.ty {
            ComponentItem::ComponentFunc(function) => function,
            ComponentItem::Type(_) => continue,
            _ => {
                return Err(format!(
                    "it has the resource {name}, which stays with its component; compose the two \
                     (`wac plug`), and they have one grant"
                ));
            }
        };
        let index = exporter.get_export_index(Some(&export), name);
        let offered = offered.get_export(engine, name).map(|item| item.ty);
        let (Some(ComponentItem::ComponentFunc(offered)), Some(index)) = (offered, index) else {
            return Err(format!("it exports no function {name} there"));
        };
        if let Some(difference) = signature::difference(&wanted, &offered) {
            return Err(format!("its function {name} {difference}"));
        }
        functions.push((name.to_owned(), index));
    }
    Ok(functions)
}

/// The export of an interface in a version that is compatible, or why there is none.
fn export(
    import: &str,
    exporter: &Component,
) -> Result<(ComponentExportIndex, ComponentInstance), String> {
    let (wanted, wanted_version) = split(import);
    let exporter_type = exporter.component_type();
    let exports = exporter_type.exports(exporter.engine());
    let exports: Vec<_> = exports
        .filter_map(|(name, item)| match item.ty {
            ComponentItem::ComponentInstance(instance) => Some((name, instance)),
            _ => None,
        })
        .collect();
    let same = exports.iter().filter(|(name, _)| split(name).0 == wanted);
    let found = same.clone().find(|(name, _)| *name == import).or_else(|| {
        let mut same = same.clone();
        same.find(|(name, _)| keywell_wasi::are_compatible(wanted_version, split(name).1))
    });
    let index = |name: &str| exporter.get_export_index(None, name);
    if let Some((name, instance)) = found
        && let Some(index) = index(name)
    {
        return Ok((index, instance.clone()));
    }
    let names = |names: &mut dyn Iterator<Item = &str>| {
        let names: Vec<_> = names.map(as_written).collect();
        names.join(", ")
    };
    let others = names(&mut same.map(|(name, _)| *name));
    if !others.is_empty() {
        return Err(format!("it exports {others}, which is not compatible"));
    }
    let all = names(&mut exports.iter().map(|(name, _)| *name));
    Err(match &*all {
        "" => "it exports no interface".to_owned(),
        all => format!("it exports {all}, and not this"),
    })
}

/// The name of an interface, and its version.
fn split(name: &str) -> (&str, Option<&str>) {
    match name.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (name, None),
    }
}
