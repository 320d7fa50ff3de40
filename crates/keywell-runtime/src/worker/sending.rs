//! The functions of WASI 0.2 that send requests, for instances that are replayed.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime_wasi::runtime::spawn;
use wasmtime_wasi_http::p2::bindings::http::{outgoing_handler, types};
use wasmtime_wasi_http::p2::body::HostOutgoingBody;
use wasmtime_wasi_http::p2::types::{HostFutureIncomingResponse, HostOutgoingRequest};
use wasmtime_wasi_http::{Error, RequestOptions, WasiHttpView as _};

use super::requests::{Arrived, BodyWriter, Means, Requests};
use crate::state::State;

/// Links them, in place of what is linked already.
pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    type Handled = (
        Resource<HostOutgoingRequest>,
        Option<Resource<RequestOptions>>,
    );
    let mut interface = linker.instance("wasi:http/outgoing-handler@0.2.12")?;
    interface.func_wrap("handle", |mut store, (request, options): Handled| {
        let state: &mut State = store.data_mut();
        let future = outgoing_handler::Host::handle(&mut state.http(), request, options);
        let future = match future {
            Ok(future) => {
                parts(state).0.name(future.rep());
                Ok(future)
            }
            Err(error) => Err(error.downcast()?),
        };
        Ok((future,))
    })?;
    let mut interface = linker.instance("wasi:http/types@0.2.12")?;
    let kind = ResourceType::host::<HostFutureIncomingResponse>();
    interface.resource("future-incoming-response", kind, |mut store, entry| {
        let state: &mut State = store.data_mut();
        parts(state).0.forget(entry);
        types::HostFutureIncomingResponse::drop(&mut state.http(), Resource::new_own(entry))
    })?;
    interface.func_wrap(
        "[method]outgoing-body.write",
        |mut store: StoreContextMut<'_, State>, (body,): (Resource<HostOutgoingBody>,)| {
            let state = store.data_mut();
            let stream = types::HostOutgoingBody::write(&mut state.http(), body)?;
            if let Ok(stream) = &stream {
                let charge = parts(state).1.budget.hold_nothing();
                BodyWriter::wrap(state.resources().get_mut(stream)?, charge);
            }
            Ok((stream,))
        },
    )?;
    Ok(())
}

/// Sends the requests that are complete, before the component waits. Whether it then waits for
/// responses.
pub(super) async fn start(state: &mut State) -> wasmtime::Result<bool> {
    let (requests, mut means) = parts(state);
    let arrived = requests.start(&mut means).await?;
    for arrived in arrived {
        deliver(state, arrived)?;
    }
    Ok(parts(state).0.are_under_way())
}

/// Waits for a response, or until a time.
pub(super) async fn next(
    state: &mut State,
    until: Option<keywell_journal::Time>,
) -> wasmtime::Result<()> {
    let (requests, mut means) = parts(state);
    match requests.next(until, &mut means).await? {
        Some(arrived) => deliver(state, arrived),
        None => Ok(()),
    }
}

/// Gives up what the component has not waited for when its invocation ends.
pub(super) fn end(state: &mut State) -> wasmtime::Result<()> {
    for entry in parts(state).0.end() {
        let response = Err(Error::ConnectionTerminated);
        deliver(state, Arrived { entry, response })?;
    }
    Ok(())
}

fn parts(state: &mut State) -> (&mut Requests, Means<'_>) {
    state.requests().expect("it is linked for workers alone")
}

fn deliver(state: &mut State, Arrived { entry, response }: Arrived) -> wasmtime::Result<()> {
    let future = Resource::<HostFutureIncomingResponse>::new_borrow(entry);
    // All of it is there.
    let received = response.map(|response| (response, spawn(async {})));
    *state.resources().get_mut(&future)? = HostFutureIncomingResponse::Ready(received);
    Ok(())
}
