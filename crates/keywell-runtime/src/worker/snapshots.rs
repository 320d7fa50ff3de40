//! The functions by which a component saves its state, and loads it into another instance.

use std::time::Instant;

use bytes::Bytes;
use wasmtime::component::Component;

use crate::Error;
use crate::instance::{Instances, Made};
use crate::invoke::{Function, Functions, Type};
use crate::state::Exhausted;

/// Both functions.
pub(super) struct Snapshots {
    save: Function,
    load: Function,
}

/// The interfaces that have them, without versions. Golem has one for each.
const OWN: &str = "keywell:worker/snapshot";
const GOLEM_SAVE: &str = "golem:api/save-snapshot";
const GOLEM_LOAD: &str = "golem:api/load-snapshot";

// === impl Snapshots ===

impl Snapshots {
    /// Those of a component, if it exports them.
    ///
    /// # Errors
    ///
    /// [`Error::Snapshot`] for Keywell's interface with other functions. Golem's is left alone then.
    pub(super) fn of(component: &Component) -> Result<Option<Self>, Error> {
        let functions = Functions::of(component);
        let find = |interface: &str, name: &str, fits: fn(&Function) -> bool| {
            let mut all = functions.iter();
            all.find(|own| is_in(own, interface) && own.name() == name && fits(own))
                .cloned()
        };
        let pair = |saving: &str, loading: &str| {
            let (save, load) = (find(saving, "save", saves)?, find(loading, "load", loads)?);
            Some(Self { save, load })
        };
        let own = pair(OWN, OWN);
        if own.is_none() && functions.iter().any(|function| is_in(function, OWN)) {
            return Err(Error::Snapshot);
        }
        Ok(own.or_else(|| pair(GOLEM_SAVE, GOLEM_LOAD)))
    }

    /// Whether a function is one of them, which callers do not have.
    pub(super) fn have(function: &Function) -> bool {
        let mut interfaces = [OWN, GOLEM_SAVE, GOLEM_LOAD].iter();
        interfaces.any(|interface| is_in(function, interface))
    }

    /// What saves.
    pub(super) fn saving(&self) -> String {
        self.save.full_name()
    }

    /// Saves the state of an instance, which is dropped.
    pub(super) async fn save(
        &self,
        (mut store, instance): Made,
        deadline: Instant,
    ) -> wasmtime::Result<Bytes> {
        Instances::resume(&mut store, deadline);
        let save = instance.get_typed_func::<(), (Vec<u8>,)>(&mut store, self.save.export)?;
        let saved = save.call_async(&mut store, ()).await;
        let (state,) = saved.map_err(|error| Instances::explain(&store, error))?;
        if store.data().exhausted() == Some(Exhausted::Total) {
            return Err(Instances::without_memory());
        }
        Ok(state.into())
    }

    /// Loads a state into a new instance. Answers what the component does.
    pub(super) async fn load(
        &self,
        (mut store, instance): Made,
        state: &[u8],
        deadline: Instant,
    ) -> wasmtime::Result<(Made, Result<(), String>)> {
        type Loaded = (Result<(), String>,);
        Instances::resume(&mut store, deadline);
        let load = instance.get_typed_func::<(&[u8],), Loaded>(&mut store, self.load.export)?;
        let loaded = load.call_async(&mut store, (state,)).await;
        let (loaded,) = loaded.map_err(|error| Instances::explain(&store, error))?;
        if store.data().exhausted() == Some(Exhausted::Total) {
            return Err(Instances::without_memory());
        }
        Ok(((store, instance), loaded))
    }
}

fn is_in(function: &Function, interface: &str) -> bool {
    let own = function.interface().unwrap_or_default();
    own.split_once('@').map_or(own, |(name, _)| name) == interface
}

fn is_bytes(kind: &Type) -> bool {
    matches!(kind, Type::List(list) if matches!(list.ty(), Type::U8))
}

fn saves(function: &Function) -> bool {
    let answers = matches!(function.results(), [state] if is_bytes(state));
    answers && function.parameters().is_empty() && function.check().is_ok()
}

fn loads(function: &Function) -> bool {
    let takes = matches!(function.parameters(), [state] if is_bytes(&state.kind));
    let answers = match function.results() {
        [Type::Result(result)] => {
            result.ok().is_none() && matches!(result.err(), Some(Type::String))
        }
        _ => false,
    };
    takes && answers && function.check().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Functions that never run.
    const FUNCTIONS: &str = r#"
        (core module $m
            (memory (export "memory") 1)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable)
            (func (export "save") (result i32) unreachable)
            (func (export "load") (param i32 i32) (result i32) unreachable)
            (func (export "other") (param i32 i32) unreachable))
        (core instance $i (instantiate $m))
        (alias core export $i "memory" (core memory $memory))
        (alias core export $i "realloc" (core func $realloc))
        (func $save (result (list u8))
            (canon lift (core func $i "save") (memory $memory) (realloc $realloc)))
        (func $load (param "state" (list u8)) (result (result (error string)))
            (canon lift (core func $i "load") (memory $memory) (realloc $realloc)))
        (func $other (param "state" (list u8))
            (canon lift (core func $i "other") (memory $memory) (realloc $realloc)))"#;
    const SAVE: &str = r#"(export "save" (func $save))"#;
    const LOAD: &str = r#"(export "load" (func $load))"#;
    const OTHER: &str = r#"(export "load" (func $other))"#;

    /// What is found in a component that exports these interfaces.
    fn found(interfaces: &[(&str, &str)]) -> Result<Option<(String, String)>, String> {
        let mut text = format!("(component {FUNCTIONS}");
        for (number, (name, functions)) in interfaces.iter().enumerate() {
            let instance = format!("(instance $own{number} {functions})");
            let export = format!("(export \"{name}\" (instance $own{number}))");
            text.extend([instance, export]);
        }
        text.push(')');
        let wasm = wat::parse_str(text).unwrap();
        let component = Component::new(&wasmtime::Engine::default(), wasm).unwrap();
        let found = Snapshots::of(&component).map_err(|error| error.to_string())?;
        Ok(found.map(|found| (found.save.full_name(), found.load.full_name())))
    }

    #[test]
    fn both_interfaces_are_found_by_their_shape_in_any_version() {
        let both = format!("{SAVE} {LOAD}");
        for name in ["keywell:worker/snapshot", "keywell:worker/snapshot@0.1.0"] {
            let (save, load) = found(&[(name, &both)]).unwrap().unwrap();
            assert_eq!(save, format!("{name}.{{save}}"));
            assert_eq!(load, format!("{name}.{{load}}"));
        }
        for version in ["", "@1.1.7", "@1.3.0"] {
            let save = format!("golem:api/save-snapshot{version}");
            let load = format!("golem:api/load-snapshot{version}");
            let named = found(&[(&save, SAVE), (&load, LOAD)]).unwrap().unwrap();
            assert_eq!(named.0, format!("{save}.{{save}}"));
            assert_eq!(named.1, format!("{load}.{{load}}"));
        }
    }

    #[test]
    fn another_shape_is_refused_where_the_interface_is_of_keywell() {
        for functions in [SAVE.to_owned(), format!("{SAVE} {OTHER}")] {
            let refused = found(&[("keywell:worker/snapshot@0.1.0", &functions)]);
            assert!(refused.unwrap_err().contains("keywell:worker/snapshot"));
        }
        let (save, load) = ("golem:api/save-snapshot", "golem:api/load-snapshot");
        assert_eq!(found(&[(save, SAVE), (load, OTHER)]), Ok(None));
        assert_eq!(found(&[(save, SAVE)]), Ok(None));
        let both = format!("{SAVE} {LOAD}");
        assert_eq!(found(&[("acme:worker/snapshot", &both)]), Ok(None));
    }
}
