use std::time::Instant;

use wasmtime::StoreContextMut;
use wasmtime::component::{LinkerInstance, WasmStr};

use crate::log::{Level, cut_context, cut_message};
use crate::state::State;

/// Links `log`.
pub(super) fn link(interface: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    interface.func_wrap("log", log)
}

fn log(
    mut store: StoreContextMut<'_, State>,
    (level, context, message): (Level, WasmStr, WasmStr),
) -> wasmtime::Result<()> {
    let context = cut_context(&context.to_str(&store)?).to_owned();
    let message = cut_message(&message.to_str(&store)?).to_owned();
    let (log, component) = store.data_mut().log();
    log.pass_on(component, level, &context, &message, Instant::now());
    Ok(())
}
