use http::Request;
use hyper::body::Incoming;
use tokio::sync::oneshot;
use wasmtime::Store;
use wasmtime::component::Instance;
use wasmtime_wasi_http::WasiHttpView as _;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::p2::bindings::{Proxy, ProxyIndices};
use wasmtime_wasi_http::p3::bindings::{Service, ServiceIndices};

use super::answered::Answering;
use crate::Error;
use crate::instance::Instances;
use crate::p3;
use crate::state::State;

/// By which of its exports a component answers requests.
pub(super) enum Exports {
    /// `wasi:http/incoming-handler@0.2`.
    P2(ProxyIndices),
    /// `wasi:http/handler@0.3`.
    P3(ServiceIndices),
}

/// The export of an instance.
pub(super) enum Exported {
    P2(Proxy),
    P3(Service),
}

/// Where a guest puts its answer.
pub(super) enum Asking {
    P2(Sender<wasmtime_wasi_http::p2::bindings::http::types::ErrorCode>),
    P3(oneshot::Sender<Result<p3::Answer, wasmtime_wasi_http::Error>>),
}

type Sender<E> = oneshot::Sender<Result<http::Response<wasmtime_wasi_http::WasiBody>, E>>;

// === impl Exports ===

impl Exports {
    /// The later one, if a component has both.
    ///
    /// # Errors
    ///
    /// [`Error::NoExport`].
    pub(super) fn of(instances: &Instances) -> Result<Self, Error> {
        if let Ok(service) = ServiceIndices::new(instances.pre()) {
            return Ok(Self::P3(service));
        }
        let proxy = ProxyIndices::new(instances.pre());
        proxy.map(Self::P2).map_err(|_| {
            let component = instances.pre().component();
            let wanted = "wasi:http/incoming-handler@0.2 or wasi:http/handler@0.3";
            Error::no_export(wanted, "an HTTP trigger", component)
        })
    }

    pub(super) fn load(
        &self,
        store: &mut Store<State>,
        instance: &Instance,
    ) -> wasmtime::Result<Exported> {
        match self {
            Self::P2(proxy) => proxy.load(store, instance).map(Exported::P2),
            Self::P3(service) => service.load(store, instance).map(Exported::P3),
        }
    }

    /// For one request.
    pub(super) fn ask(&self) -> (Asking, Answering) {
        match self {
            Self::P2(_) => {
                let (sender, receiver) = oneshot::channel();
                (Asking::P2(sender), Answering::P2(receiver))
            }
            Self::P3(_) => {
                let (sender, receiver) = oneshot::channel();
                (Asking::P3(sender), Answering::P3(Some(receiver)))
            }
        }
    }
}

// === impl Exported ===

impl Exported {
    /// Runs the guest for one request. The scheme is that of the connection, whatever a target says.
    pub(super) async fn call(
        &self,
        store: &mut Store<State>,
        request: Request<Incoming>,
        scheme: Scheme,
        asking: Asking,
    ) -> wasmtime::Result<()> {
        match (self, asking) {
            (Self::P2(proxy), Asking::P2(answer)) => {
                let mut http = store.data_mut().http();
                let request = http.new_incoming_request(scheme, request)?;
                let outparam = http.new_response_outparam(answer)?;
                let handler = proxy.wasi_http_incoming_handler();
                handler.call_handle(store, request, outparam).await
            }
            (Self::P3(service), Asking::P3(answer)) => {
                let request = p3::request(store.data_mut(), request, of_uri(&scheme))?;
                p3::answer(store, service, request, answer).await
            }
            _ => unreachable!("an instance is asked by the export that it has"),
        }
    }
}

/// The same scheme, as it is in a URI.
pub(super) fn of_uri(scheme: &Scheme) -> http::uri::Scheme {
    match scheme {
        Scheme::Https => http::uri::Scheme::HTTPS,
        Scheme::Http | Scheme::Other(_) => http::uri::Scheme::HTTP,
    }
}
