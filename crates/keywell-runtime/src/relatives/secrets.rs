//! `wasmcloud:secrets`: texts that are handed out by a handle, and revealed by another call.

use keywell_store::Secret as Text;
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, LinkerInstance, Lower, Resource, ResourceType, WasmStr};

use crate::state::State;

/// The resource `secret`: the place of one in the environment.
struct Secret(usize);

/// The variant `secrets-error`.
#[derive(ComponentType, Lower)]
#[component(variant)]
#[expect(dead_code, reason = "the interface has it")]
enum SecretsError {
    #[component(name = "upstream")]
    Upstream(String),
    #[component(name = "io")]
    Io(String),
    #[component(name = "not-found")]
    NotFound,
}

/// The variant `secret-value`.
#[derive(ComponentType, Lower)]
#[component(variant)]
#[expect(dead_code, reason = "the interface has it")]
enum SecretValue {
    #[component(name = "string")]
    String(String),
    #[component(name = "bytes")]
    Bytes(Vec<u8>),
}

/// Links `get` of `store`.
pub(super) fn link_store(interface: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    interface.resource(
        "secret",
        ResourceType::host::<Secret>(),
        |mut store, rep| {
            let secret = Resource::<Secret>::new_own(rep);
            store.data_mut().resources().delete(secret)?;
            Ok(())
        },
    )?;
    interface.func_wrap("get", |mut store, (key,): (WasmStr,)| {
        let place = place(&store, &key.to_str(&store)?);
        let Some(place) = place else {
            return Ok((Err(SecretsError::NotFound),));
        };
        let handle = store.data_mut().resources().push(Secret(place));
        Ok((handle.map_err(|error| SecretsError::Io(error.to_string())),))
    })
}

/// Links `reveal`.
pub(super) fn link_reveal(interface: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    interface.func_wrap(
        "reveal",
        |mut store: StoreContextMut<'_, State>, (secret,): (Resource<Secret>,)| {
            let Secret(place) = *store.data_mut().resources().get(&secret)?;
            let value = text(&store, place).expose().to_owned();
            Ok((SecretValue::String(value),))
        },
    )
}

/// Of two with one key the later is read.
fn place(store: &StoreContextMut<'_, State>, key: &str) -> Option<usize> {
    let secrets = &store.data().environment().secrets;
    secrets.iter().rposition(|(known, _)| known == key)
}

fn text<'a>(store: &'a StoreContextMut<'_, State>, place: usize) -> &'a Text {
    &store.data().environment().secrets[place].1
}
