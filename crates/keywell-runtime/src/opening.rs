//! The functions of WASI 0.2 that open files and make sockets, within the bounds of an instance.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemView as _};
use wasmtime_wasi::p2::TcpSocket;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorFlags, ErrorCode, HostDescriptor, OpenFlags, PathFlags,
};
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode as SocketError, IpAddressFamily};
use wasmtime_wasi::p2::bindings::sockets::tcp_create_socket::Host as _;
use wasmtime_wasi::sockets::WasiSocketsView as _;

use crate::state::State;

/// What a file is opened by: the folder that it is in, and how.
type Asked = (
    Resource<Descriptor>,
    PathFlags,
    String,
    OpenFlags,
    DescriptorFlags,
);

/// Links them, in place of what is linked already.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    linker
        .instance("wasi:filesystem/types@0.2.12")?
        .func_wrap_async("[method]descriptor.open-at", |store, asked: Asked| {
            Box::new(async move { Ok((open(store, asked).await?,)) })
        })?;
    linker
        .instance("wasi:sockets/tcp-create-socket@0.2.12")?
        .func_wrap(
            "create-tcp-socket",
            |mut store: StoreContextMut<'_, State>, (family,): (IpAddressFamily,)| {
                Ok((create_socket(store.data_mut(), family)?,))
            },
        )?;
    linker.allow_shadowing(false);
    Ok(())
}

async fn open(
    mut store: StoreContextMut<'_, State>,
    (folder, path_flags, path, open_flags, flags): Asked,
) -> wasmtime::Result<Result<Resource<Descriptor>, ErrorCode>> {
    let Some(_place) = store.data_mut().admit_file() else {
        return Ok(Err(ErrorCode::InsufficientMemory));
    };
    let mut files = store.data_mut().filesystem();
    let opened = files.open_at(folder, path_flags, path, open_flags, flags);
    match opened.await {
        Ok(file) => {
            store.data_mut().add_file(&file)?;
            Ok(Ok(file))
        }
        Err(error) => Ok(Err(error.downcast()?)),
    }
}

fn create_socket(
    state: &mut State,
    family: IpAddressFamily,
) -> wasmtime::Result<Result<Resource<TcpSocket>, SocketError>> {
    if !state.admits_socket() {
        return Ok(Err(SocketError::NewSocketLimit));
    }
    match state.sockets().create_tcp_socket(family) {
        Ok(socket) => {
            state.add_socket(socket.rep());
            Ok(Ok(socket))
        }
        Err(error) => Ok(Err(error.downcast()?)),
    }
}
