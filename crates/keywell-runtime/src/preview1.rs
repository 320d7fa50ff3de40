//! Core modules that were built for WASI preview 1, made components by the standard adapter.

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
    WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasmparser::{BinaryReaderError, Parser, Payload};
use wit_component::ComponentEncoder;

/// A component that does what the module does: a command where it exports `_start`, else what the
/// interfaces describe that its toolchain noted in it.
///
/// # Errors
///
/// Why it cannot be made one.
pub(crate) fn component(module: &[u8]) -> Result<Vec<u8>, String> {
    let traits = Traits::read(module).map_err(|error| error.to_string())?;
    if let Some(old) = traits.old {
        return Err(format!(
            "it imports {old}, which came before WASI preview 1"
        ));
    }
    if !traits.is_for_preview1 && !traits.has_interfaces {
        let name = WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME;
        return Err(format!(
            "it neither imports {name} nor says which interfaces it has"
        ));
    }
    let adapter = if traits.is_command {
        WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER
    } else {
        WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER
    };
    ComponentEncoder::default()
        .module(module)
        .and_then(|encoder| encoder.adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, adapter))
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| format!("{error:#}"))
}

/// What decides how a module is made a component.
#[derive(Default)]
struct Traits {
    is_command: bool,
    is_for_preview1: bool,
    /// A name of WASI from before preview 1 that it imports.
    old: Option<&'static str>,
    has_interfaces: bool,
}

// === impl Traits ===

impl Traits {
    /// What WASI was called before `wasi_snapshot_preview1`.
    const OLD: [&str; 2] = ["wasi_unstable", "wasi_unstable_preview0"];

    fn read(module: &[u8]) -> Result<Self, BinaryReaderError> {
        let mut traits = Self::default();
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        let module = import?.module;
                        traits.is_for_preview1 |= module == WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME;
                        let mut old = Self::OLD.into_iter();
                        traits.old = traits.old.or(old.find(|old| *old == module));
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports {
                        traits.is_command |= export?.name == "_start";
                    }
                }
                Payload::CustomSection(custom) => {
                    traits.has_interfaces |= custom.name().starts_with("component-type");
                }
                _ => {}
            }
        }
        Ok(traits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(text: &str) -> Result<Vec<u8>, String> {
        component(&wat::parse_str(format!("(module {text})")).unwrap())
    }

    const EXIT: &str = r#"(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)"#;

    #[test]
    fn a_command_is_one_and_a_reactor_is_none() {
        for (name, runs) in [("_start", true), ("_initialize", false)] {
            let body = r"(call $exit (i32.const 3))";
            let wasm = made(&format!(r#"{EXIT} (func (export "{name}") {body})"#)).unwrap();
            let engine = wasmtime::Engine::default();
            let component = wasmtime::component::Component::from_binary(&engine, &wasm).unwrap();
            let ty = component.component_type();
            let mut exports = ty.exports(&engine);
            assert_eq!(
                exports.any(|(name, _)| name.starts_with("wasi:cli/run@0.2")),
                runs
            );
        }
    }

    #[test]
    fn other_modules_are_refused_with_the_reason() {
        let other = r#"(func (export "add") (param i32 i32) (result i32) (i32.const 0))"#;
        assert!(made(other).unwrap_err().contains("neither imports"));
        let older = r#"(import "wasi_unstable" "proc_exit" (func (param i32)))"#;
        assert!(made(older).unwrap_err().contains("wasi_unstable"));
        let foreign = format!(r#"(import "env" "f" (func)) {EXIT} (func (export "_start"))"#);
        assert!(made(&foreign).unwrap_err().contains("env"));
    }
}
