//! `wasi:io` over an instance's resource table alone.
//!
//! As `wasmtime_wasi` links it, each call of a stream first needs the whole WASI context, which is
//! expensive to create. Most HTTP components use streams and nothing else of it.

use wasmtime::component::{HasData, Linker, ResourceTable};
use wasmtime_wasi_io::bindings::wasi::io::{error, poll, streams};

use crate::state::State;

struct Io;

impl HasData for Io {
    type Data<'a> = &'a mut ResourceTable;
}

/// Links `wasi:io`, in place of what is linked already.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    error::add_to_linker::<_, Io>(linker, State::resources)?;
    poll::add_to_linker::<_, Io>(linker, State::resources)?;
    streams::add_to_linker::<_, Io>(linker, State::resources)?;
    linker.allow_shadowing(false);
    Ok(())
}
