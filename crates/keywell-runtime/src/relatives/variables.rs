//! Spin's variables, and `config`, their earlier name: the values that `wasi:config` answers.
//! Errors are those of Spin's host.

use wasmtime::component::{ComponentType, LinkerInstance, Lower, WasmStr};
use wasmtime::{AsContextMut as _, StoreContextMut};

use super::config::{Text, get};
use crate::log::cut_context;
use crate::state::State;

/// The variant `error` of `variables`.
#[derive(ComponentType, Lower)]
#[component(variant)]
#[expect(dead_code, reason = "the interface has it")]
enum VariablesError {
    #[component(name = "invalid-name")]
    InvalidName(String),
    #[component(name = "undefined")]
    Undefined(String),
    #[component(name = "provider")]
    Provider(String),
    #[component(name = "other")]
    Other(String),
}

/// The variant `error` of `config`.
#[derive(ComponentType, Lower)]
#[component(variant)]
#[expect(dead_code, reason = "the interface has it")]
enum ConfigError {
    #[component(name = "provider")]
    Provider(String),
    #[component(name = "invalid-key")]
    InvalidKey(String),
    #[component(name = "invalid-schema")]
    InvalidSchema(String),
    #[component(name = "other")]
    Other(String),
}

/// Links `get` of `variables`.
pub(super) fn link_variables(interface: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    interface.func_wrap("get", |store, (name,): (WasmStr,)| {
        let value = value(&store, &name.to_str(&store)?);
        Ok((value.map_err(VariablesError::from),))
    })
}

/// Links `get` of `variables` at 3.0.0, which is async, and answers at once all the same.
pub(super) fn link_async(interface: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    interface.func_wrap_concurrent("get", |accessor, (name,): (WasmStr,)| {
        Box::pin(async move {
            accessor.with(|mut access| {
                let store = access.as_context_mut();
                let value = value(&store, &name.to_str(&store)?);
                Ok((value.map_err(VariablesError::from),))
            })
        })
    })
}

/// Links `get-config` of `config`.
pub(super) fn link_config(interface: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    interface.func_wrap("get-config", |store, (key,): (WasmStr,)| {
        let value = value(&store, &key.to_str(&store)?);
        Ok((value.map_err(ConfigError::from),))
    })
}

/// Why there is no value.
enum Absent {
    /// Spin has no variables of such names.
    Invalid(String),
    Undefined(String),
}

fn value(store: &StoreContextMut<'_, State>, name: &str) -> Result<Text, Absent> {
    get(store, name).ok_or_else(|| {
        let shown = cut_context(name);
        if is_valid(name) {
            Absent::Undefined(format!("there is no value of the name {shown:?}"))
        } else {
            Absent::Invalid(format!(
                "{shown:?} is not a name: it is written with lower-case letters, digits and _, a \
                 letter first"
            ))
        }
    })
}

fn is_valid(name: &str) -> bool {
    let is_part = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_';
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.bytes().all(is_part)
}

// === impl VariablesError ===

impl From<Absent> for VariablesError {
    fn from(absent: Absent) -> Self {
        match absent {
            Absent::Invalid(text) => Self::InvalidName(text),
            Absent::Undefined(text) => Self::Undefined(text),
        }
    }
}

// === impl ConfigError ===

impl From<Absent> for ConfigError {
    fn from(absent: Absent) -> Self {
        match absent {
            Absent::Invalid(text) => Self::InvalidKey(text),
            Absent::Undefined(text) => Self::Provider(text),
        }
    }
}
