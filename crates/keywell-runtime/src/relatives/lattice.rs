//! `wasmcloud:bus/lattice`: a component chooses which of its links an interface uses, by name.
//!
//! 1.0.0 does not check the name; calls by a link that is not there are then refused. Later versions
//! change nothing where any of the interfaces has no link of the name.

use std::time::Instant;

use wasmtime::StoreContextMut;
use wasmtime::component::{LinkerInstance, Resource, ResourceType, WasmStr};

use crate::log::{Level, cut_context, cut_message};
use crate::state::State;

/// The resource `call-target-interface`: an interface without its version, `wasi:keyvalue/store`.
struct Target(String);

type Targets = Vec<Resource<Target>>;

/// The longest namespace, package or interface, in bytes; no link has one that is cut.
const LONGEST: usize = 64;

/// Links 1.0.0.
pub(super) fn link_unchecked(interface: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    link_target(interface)?;
    interface.func_wrap("set-link-name", |mut store, params: (WasmStr, Targets)| {
        let (name, interfaces) = taken(&mut store, params)?;
        let absent = interfaces
            .iter()
            .find(|interface| !store.data().has_link(interface, &name));
        if let Some(interface) = absent {
            let problem = absence(interface, &name);
            let (log, component) = store.data_mut().log();
            let now = Instant::now();
            log.pass_on(component, Level::Warn, "wasmcloud:bus", &problem, now);
        }
        choose(&mut store, &interfaces, &name);
        Ok(())
    })
}

/// Links 2.0.0 and 2.0.1.
pub(super) fn link_checked(interface: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    link_target(interface)?;
    interface.func_wrap("set-link-name", |mut store, params: (WasmStr, Targets)| {
        let (name, interfaces) = taken(&mut store, params)?;
        let absent = interfaces
            .iter()
            .find(|interface| !store.data().has_link(interface, &name));
        if let Some(interface) = absent {
            return Ok((Err(absence(interface, &name)),));
        }
        choose(&mut store, &interfaces, &name);
        Ok((Ok(()),))
    })
}

fn link_target(interface: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    let resource = ResourceType::host::<Target>();
    interface.resource("call-target-interface", resource, |mut store, rep| {
        let target = Resource::<Target>::new_own(rep);
        store.data_mut().resources().delete(target)?;
        Ok(())
    })?;
    interface.func_wrap(
        "[constructor]call-target-interface",
        |mut store: StoreContextMut<'_, State>,
         (namespace, package, interface): (WasmStr, WasmStr, WasmStr)| {
            let part = |text: WasmStr| -> wasmtime::Result<String> {
                let text = text.to_str(&store)?;
                Ok(text[..text.floor_char_boundary(LONGEST)].to_owned())
            };
            let (namespace, package) = (part(namespace)?, part(package)?);
            let target = Target(format!("{namespace}:{package}/{}", part(interface)?));
            Ok((store.data_mut().resources().push(target)?,))
        },
    )
}

/// The name of a link, and the interfaces, whose handles are gone by that.
fn taken(
    store: &mut StoreContextMut<'_, State>,
    (name, targets): (WasmStr, Targets),
) -> wasmtime::Result<(String, Vec<String>)> {
    let name = name.to_str(&*store)?;
    let name = cut_context(&name).to_owned();
    let resources = store.data_mut().resources();
    let interfaces = targets
        .into_iter()
        .map(|target| Ok(resources.delete(target)?.0));
    Ok((name, interfaces.collect::<wasmtime::Result<_>>()?))
}

fn choose(store: &mut StoreContextMut<'_, State>, interfaces: &[String], name: &str) {
    for interface in interfaces {
        store.data_mut().choose_link(interface, name);
    }
}

/// In the words of wasmCloud, which components may know.
fn absence(interface: &str, name: &str) -> String {
    let text = format!("interface `{interface}` does not have an existing link with name `{name}`");
    cut_message(&text).to_owned()
}
