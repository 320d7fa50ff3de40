//! As `opening.rs` of this crate, for WASI 0.3.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;
use wasmtime::component::{
    Access, Accessor, FutureConsumer, FutureReader, Linker, Resource, Source, StreamReader,
};
use wasmtime::{AsContextMut as _, StoreContextMut};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystem, WasiFilesystemView as _};
use wasmtime_wasi::p3::bindings::filesystem::types::{
    DescriptorFlags, ErrorCode, HostDescriptorWithStore as _, OpenFlags, PathFlags,
};
use wasmtime_wasi::p3::bindings::sockets::types::{
    ErrorCode as SocketError, HostTcpSocket as _, HostTcpSocketWithStore as _, IpAddressFamily,
};
use wasmtime_wasi::sockets::{TcpSocket, WasiSockets, WasiSocketsView as _};

use crate::opened::Place;
use crate::state::State;

/// What a file is opened by: the folder that it is in, and how.
type Asked = (
    Resource<Descriptor>,
    PathFlags,
    String,
    OpenFlags,
    DescriptorFlags,
);

/// How a stream of a socket ends.
type Ended = Result<(), SocketError>;

/// Keeps the place of a connection until one of its streams ends, and passes on how that ends.
struct Keeper {
    _place: Place,
    ended: Option<oneshot::Sender<Ended>>,
}

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker
        .instance("wasi:filesystem/types@0.3.0")?
        .func_wrap_concurrent("[method]descriptor.open-at", |accessor, asked: Asked| {
            Box::pin(async move { Ok((open(accessor, asked).await?,)) })
        })?;
    let mut sockets = linker.instance("wasi:sockets/types@0.3.0")?;
    sockets.func_wrap(
        "[static]tcp-socket.create",
        |mut store: StoreContextMut<'_, State>, (family,): (IpAddressFamily,)| {
            Ok((create_socket(store.data_mut(), family)?,))
        },
    )?;
    sockets.func_wrap(
        "[method]tcp-socket.send",
        |mut store: StoreContextMut<'_, State>,
         (socket, data): (Resource<TcpSocket>, StreamReader<u8>)| {
            let place = store.data().place_of_socket(&socket);
            let access = Access::<_, WasiSockets>::new(store.as_context_mut(), State::sockets);
            let ended = WasiSockets::send(access, socket, data)?;
            Ok((keep(store, place, ended)?,))
        },
    )?;
    sockets.func_wrap(
        "[method]tcp-socket.receive",
        |mut store: StoreContextMut<'_, State>, (socket,): (Resource<TcpSocket>,)| {
            let place = store.data().place_of_socket(&socket);
            let access = Access::<_, WasiSockets>::new(store.as_context_mut(), State::sockets);
            let (stream, ended) = WasiSockets::receive(access, socket)?;
            Ok(((stream, keep(store, place, ended)?),))
        },
    )
}

async fn open(
    accessor: &Accessor<State>,
    (folder, path_flags, path, open_flags, flags): Asked,
) -> wasmtime::Result<Result<Resource<Descriptor>, ErrorCode>> {
    let place = accessor.with(|mut access| access.data_mut().admit_file());
    let Some(_place) = place else {
        return Ok(Err(ErrorCode::InsufficientMemory));
    };
    let files = accessor.with_getter::<WasiFilesystem>(State::filesystem);
    let opened = WasiFilesystem::open_at(&files, folder, path_flags, path, open_flags, flags);
    match opened.await {
        Ok(file) => {
            accessor.with(|mut access| access.data_mut().add_file(&file))?;
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
        return Ok(Err(SocketError::OutOfMemory));
    }
    match state.sockets().create(family) {
        Ok(socket) => {
            state.add_socket(socket.rep());
            Ok(Ok(socket))
        }
        Err(error) => Ok(Err(error.downcast()?)),
    }
}

/// Has the place of a connection kept until a stream of it has ended.
fn keep(
    mut store: StoreContextMut<'_, State>,
    place: Option<Place>,
    stream: FutureReader<Ended>,
) -> wasmtime::Result<FutureReader<Ended>> {
    let Some(place) = place else {
        return Ok(stream);
    };
    let (sender, ended) = oneshot::channel();
    let keeper = Keeper {
        _place: place,
        ended: Some(sender),
    };
    stream.pipe(&mut store, keeper)?;
    FutureReader::new(&mut store, ended)
}

// === impl Keeper ===

impl FutureConsumer<State> for Keeper {
    type Item = Ended;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        store: StoreContextMut<'_, State>,
        mut source: Source<'_, Ended>,
        _finish: bool,
    ) -> Poll<wasmtime::Result<()>> {
        let mut ended = None;
        source.read(store, &mut ended)?;
        if let (Some(ended), Some(sender)) = (ended, self.ended.take()) {
            // The guest may not want to know.
            let _ = sender.send(ended);
        }
        Poll::Ready(Ok(()))
    }
}
