//! `wasmtime-wasi-keyvalue`, which serves `0.2.0-draft`.

use wasmtime::Engine;
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime_wasi_keyvalue::{WasiKeyValue, WasiKeyValueCtx, WasiKeyValueCtxBuilder};

use super::calls::Calls;
use super::{Done, guest};

pub(crate) struct Peer(pub(crate) Calls<State>);

pub(crate) struct State {
    table: ResourceTable,
    keyvalue: WasiKeyValueCtx,
}

// === impl Peer ===

impl Peer {
    pub(crate) fn new(engine: &Engine, size: u32) -> Done<Self> {
        let component = Component::from_file(engine, guest("bench_draft"))?;
        let mut linker = Linker::new(engine);
        wasmtime_wasi_keyvalue::add_to_linker(&mut linker, |state: &mut State| {
            WasiKeyValue::new(&state.keyvalue, &mut state.table)
        })?;
        let state = State {
            table: ResourceTable::new(),
            keyvalue: WasiKeyValueCtxBuilder::new().build(),
        };
        Ok(Self(Calls::new(&linker, &component, size, state)?))
    }
}
