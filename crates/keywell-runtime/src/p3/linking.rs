use wasmtime::component::Linker;

use super::{listing, opening};
use crate::state::State;
use crate::{Error, relatives};

/// Links WASI 0.3 beside what is linked already. As of WASI 0.2, there are no files and no
/// sockets but what is granted, within the bounds of an instance.
///
/// # Errors
///
/// [`Error::Mismatch`].
pub(crate) fn link(linker: &mut Linker<State>) -> Result<(), Error> {
    let mismatch = |error: wasmtime::Error| Error::Mismatch(format!("{error:#}"));
    wasmtime_wasi::p3::add_to_linker(linker).map_err(mismatch)?;
    linker.allow_shadowing(true);
    opening::link(linker).map_err(mismatch)?;
    listing::link(linker).map_err(mismatch)?;
    linker.allow_shadowing(false);
    wasmtime_wasi_http::p3::add_to_linker(linker).map_err(mismatch)?;
    relatives::link_async(linker).map_err(mismatch)
}
