use std::sync::Arc;

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, LinkerInstance, Lower, WasmStr};

use crate::state::State;

/// The variant `error` of `store`, and `config-error` of `runtime`. The host has the values before
/// the component starts, so no call fails.
#[derive(ComponentType, Lower)]
#[component(variant)]
#[expect(dead_code, reason = "the interface has it")]
enum ConfigError {
    #[component(name = "upstream")]
    Upstream(String),
    #[component(name = "io")]
    Io(String),
}

pub(super) type Text = Arc<str>;

/// Links `get` and `get-all`.
pub(super) fn link(interface: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    interface.func_wrap("get", |store, (key,): (WasmStr,)| {
        let value = get(&store, &key.to_str(&store)?);
        Ok((Ok::<_, ConfigError>(value),))
    })?;
    interface.func_wrap("get-all", |store, (): ()| {
        Ok((Ok::<_, ConfigError>(get_all(&store)),))
    })
}

/// The value of a key.
pub(super) fn get(store: &StoreContextMut<'_, State>, key: &str) -> Option<Text> {
    store.data().environment().config.get(key).cloned()
}

/// Answers the values in the order of their keys.
fn get_all(store: &StoreContextMut<'_, State>) -> Vec<(Text, Text)> {
    let config = &store.data().environment().config;
    let values = config
        .iter()
        .map(|(key, value)| (key.clone(), value.clone()));
    values.collect()
}
