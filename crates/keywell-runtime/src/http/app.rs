use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use hyper::body::Incoming;
use tokio::sync::oneshot;
use wasmtime::{PoolConcurrencyLimitError, Store};
use wasmtime_wasi_http::WasiHttpView as _;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::bindings::{Proxy, ProxyIndices};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use super::body::ResponseBody;
use super::calls::Calls;
use crate::call::Call;
use crate::instance::Instances;
use crate::room::Busy;
use crate::shelf::Shelf;
use crate::state::{State, TimedOut};
use crate::{Environment, Error};

/// How an HTTP component is run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpOptions {
    /// How many requests an instance answers, one after the other, before it is replaced. 0 and 1
    /// both mean one. State that a component keeps in its memory is then seen by later requests. One
    /// that is idle is replaced earlier where a call of another component needs its room.
    pub reuse: u32,
    /// What its instances see of the world.
    pub environment: Environment,
}

/// A component that answers HTTP requests. Cloning it gives another handle.
#[derive(Clone)]
pub struct HttpApp(Arc<App>);

struct App {
    instances: Instances,
    exports: ProxyIndices,
    reuse: u32,
    idle: Arc<Shelf<Idle>>,
    calls: Calls,
}

/// An instance between two requests.
struct Idle {
    store: Store<State>,
    proxy: Proxy,
    answered: u32,
}

type Answered = Result<Response<HyperOutgoingBody>, ErrorCode>;

// === impl HttpApp ===

impl HttpApp {
    pub(crate) fn new(instances: Instances, options: &HttpOptions) -> Result<Self, Error> {
        let exports = ProxyIndices::new(instances.pre()).map_err(|_| Error::NoExport {
            wanted: "wasi:http/incoming-handler@0.2",
            caller: "an HTTP trigger",
            has: Instances::exports(instances.pre().component()),
        })?;
        instances.room().expect_requests();
        Ok(Self(Arc::new(App {
            idle: instances.room().shelves().add(),
            instances,
            exports,
            reuse: options.reuse,
            calls: Calls::default(),
        })))
    }

    /// Answers a request. Whatever the component does, there is a response.
    pub(crate) async fn respond(
        self,
        request: Request<Incoming>,
    ) -> Result<Response<ResponseBody>, Infallible> {
        let Self(app) = self;
        Ok(match app.answer(request).await {
            Ok(response) => response,
            Err(refusal) => refusal.response(),
        })
    }

    /// Waits until no request is being answered.
    pub(crate) async fn idle(&self) {
        self.0.calls.ended().await;
    }
}

// === impl App ===

impl App {
    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<ResponseBody>, Refusal> {
        let has_authority =
            request.uri().authority().is_some() || request.headers().contains_key(header::HOST);
        if !has_authority {
            return Err(Refusal::NoHost);
        }
        let name = self.instances.name().clone();
        let entered = self.instances.room().enter(self.instances.timeout()).await;
        let place = entered.map_err(|Busy| Refusal::Busy)?;
        // Waiting was no fault of the component.
        let deadline = self.instances.deadline();
        let (answer, mut answered) = oneshot::channel();
        let running = self.instances.run();
        let guest = self.call(request, answer, deadline);
        let mut call = Some(Call::new(name.clone(), guest, deadline, running, place));
        poll_fn(|cx| {
            let ended = match call.as_mut().map(|call| Pin::new(call).poll(cx)) {
                Some(Poll::Ready(ended)) => {
                    call = None;
                    Some(ended)
                }
                Some(Poll::Pending) | None => None,
            };
            match (answered.try_recv(), ended) {
                (Ok(answered), ended) => {
                    Poll::Ready(respond(&name, answered, ended, call.take(), cx))
                }
                (Err(_), Some(ended)) => Poll::Ready(Err(Refusal::unanswered(&name, ended))),
                (Err(_), None) => Poll::Pending,
            }
        })
        .await
    }

    /// Runs the guest for one request, and keeps its instance if it may answer more.
    async fn call(
        self: Arc<Self>,
        request: Request<Incoming>,
        answer: oneshot::Sender<Answered>,
        deadline: Instant,
    ) -> wasmtime::Result<()> {
        let _counted = self.calls.count();
        let Idle {
            mut store,
            proxy,
            answered,
        } = self.instance(deadline).await?;
        let scheme = match request.uri().scheme_str() {
            Some("https") => Scheme::Https,
            _ => Scheme::Http,
        };
        let mut http = store.data_mut().http();
        let request = http.new_incoming_request(scheme, request)?;
        let outparam = http.new_response_outparam(answer)?;
        proxy
            .wasi_http_incoming_handler()
            .call_handle(&mut store, request, outparam)
            .await?;
        let answered = answered + 1;
        if answered < self.reuse {
            let idle = Idle {
                store,
                proxy,
                answered,
            };
            self.idle.keep(idle);
        }
        Ok(())
    }

    async fn instance(&self, deadline: Instant) -> wasmtime::Result<Idle> {
        if self.reuse > 1
            && let Some(mut idle) = self.idle.take()
        {
            Instances::resume(&mut idle.store, deadline);
            return Ok(idle);
        }
        let (mut store, instance) = self.instances.instantiate(deadline).await?;
        let proxy = self.exports.load(&mut store, &instance)?;
        Ok(Idle {
            store,
            proxy,
            answered: 0,
        })
    }
}

fn respond(
    component: &str,
    answered: Answered,
    ended: Option<wasmtime::Result<()>>,
    call: Option<Call>,
    cx: &mut std::task::Context<'_>,
) -> Result<Response<ResponseBody>, Refusal> {
    if let Some(Err(error)) = ended {
        return Err(Refusal::unanswered(component, Err(error)));
    }
    match answered {
        Ok(response) => Ok(response.map(|body| ResponseBody::new(body, call, cx))),
        Err(code) => {
            tracing::warn!(component, ?code, "answered with an error");
            if let Some(call) = call {
                call.finish_in_background();
            }
            Err(Refusal::Failed)
        }
    }
}

/// A response that is Keywell's own, because there is none of the component. It tells what a client
/// may know; the log has the rest.
#[derive(Clone, Copy, Debug)]
enum Refusal {
    NoHost,
    Busy,
    TimedOut,
    Failed,
}

// === impl Refusal ===

impl Refusal {
    fn unanswered(component: &str, ended: wasmtime::Result<()>) -> Self {
        match ended {
            Ok(()) => {
                tracing::warn!(component, "returned without a response");
                Self::Failed
            }
            Err(error) if error.is::<TimedOut>() => {
                tracing::warn!(component, "took longer than it may, and was ended");
                Self::TimedOut
            }
            Err(error) if error.is::<PoolConcurrencyLimitError>() => {
                tracing::warn!(component, "no instance can be made of it now: {error:#}");
                Self::Busy
            }
            Err(error) => {
                Call::failed(component, "", &error);
                Self::Failed
            }
        }
    }

    fn response(self) -> Response<ResponseBody> {
        let (status, text) = match self {
            Self::NoHost => (StatusCode::BAD_REQUEST, "the request names no host\n"),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "too busy; try again later\n",
            ),
            Self::TimedOut => (StatusCode::GATEWAY_TIMEOUT, "the component took too long\n"),
            Self::Failed => (StatusCode::INTERNAL_SERVER_ERROR, "the component failed\n"),
        };
        let mut response = Response::new(ResponseBody::Whole(Some(Bytes::from_static(
            text.as_bytes(),
        ))));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            const { http::HeaderValue::from_static("text/plain") },
        );
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(
                header::RETRY_AFTER,
                const { http::HeaderValue::from_static("1") },
            );
        }
        response
    }
}
