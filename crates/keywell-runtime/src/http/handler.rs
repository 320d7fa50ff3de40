use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use keywell_wasi::KeyvalueView as _;
use tokio::sync::oneshot;
use wasmtime_wasi_http::WasiHttpView as _;
use wasmtime_wasi_http::p2::bindings::ProxyIndices;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use super::body::{Content, finished};
use super::idle::{Idle, Reusable};
use super::options::HttpOptions;
use super::refusal::Refusal;
use super::served::Served;
use crate::Error;
use crate::call::Call;
use crate::instance::Instances;
use crate::room::Busy;
use crate::shelf::Shelf;

/// A component that answers requests by its `wasi:http/incoming-handler`.
pub(super) struct Handler {
    served: Served,
    exports: ProxyIndices,
    idle: Arc<Shelf<Idle>>,
}

type Answered = Result<Response<HyperOutgoingBody>, ErrorCode>;
type Ended = wasmtime::Result<Option<Reusable>>;

// === impl Handler ===

impl Handler {
    pub(super) fn new(instances: Instances, options: &HttpOptions) -> Result<Self, Error> {
        let exports = ProxyIndices::new(instances.pre()).map_err(|_| {
            let component = instances.pre().component();
            let wanted = "wasi:http/incoming-handler@0.2";
            Error::no_export(wanted, "an HTTP trigger", component)
        })?;
        Ok(Self {
            idle: instances.room().shelves().add(),
            served: Served::new(instances, options),
            exports,
        })
    }

    pub(super) fn served(&self) -> &Served {
        &self.served
    }

    pub(super) async fn answer(
        self: &Arc<Self>,
        request: Request<Incoming>,
        scheme: Scheme,
    ) -> Result<Response<Content>, Refusal> {
        let served = &self.served;
        let name = served.instances.name().clone();
        let entered = served.instances.room().enter(served.timeout).await;
        let place = entered.map_err(|Busy| Refusal::Busy)?;
        // Waiting was no fault of the component.
        let deadline = Instant::now() + served.timeout;
        let late = served.late;
        let (answer, mut answered) = oneshot::channel();
        let running = served.instances.run();
        let is_head = request.method() == Method::HEAD;
        let guest = self.clone().call(request, scheme, answer, deadline);
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
                (_, Some(Err(error))) => Poll::Ready(Err(Refusal::unanswered(&name, &error, late))),
                (Ok(answered), ended) => {
                    let guest = match (ended, call.take()) {
                        (None, Some(call)) => Guest::Runs(call),
                        (ended, _) => Guest::Returned(ended.and_then(Result::ok).flatten()),
                    };
                    Poll::Ready(respond(&name, is_head, answered, guest, cx))
                }
                (Err(_), Some(Ok(_))) => {
                    Poll::Ready(Err(Refusal::unfit(&name, "returned without a response")))
                }
                (Err(_), None) => Poll::Pending,
            }
        })
        .await
    }

    /// Runs the guest for one request, and returns its instance if it may answer more.
    async fn call(
        self: Arc<Self>,
        request: Request<Incoming>,
        scheme: Scheme,
        answer: oneshot::Sender<Answered>,
        deadline: Instant,
    ) -> Ended {
        let counted = self.served.calls.count();
        let Idle {
            mut store,
            proxy,
            answered,
        } = self.instance(deadline).await?;
        let mut http = store.data_mut().http();
        // That of the connection, whatever a target says.
        let request = http.new_incoming_request(scheme, request)?;
        let outparam = http.new_response_outparam(answer)?;
        proxy
            .wasi_http_incoming_handler()
            .call_handle(&mut store, request, outparam)
            .await
            .map_err(|error| Instances::explain(&store, error))?;
        drop(counted);
        let answered = answered + 1;
        let is_kept = answered < self.served.reuse && !store.data().keyvalue().is_filling();
        let idle = Idle {
            store,
            proxy,
            answered,
        };
        Ok(is_kept.then(|| Reusable::new(self.idle.clone(), idle)))
    }

    async fn instance(&self, deadline: Instant) -> wasmtime::Result<Idle> {
        if self.served.reuse > 1
            && let Some(mut idle) = self.idle.take()
        {
            Instances::resume(&mut idle.store, deadline);
            return Ok(idle);
        }
        let (mut store, instance) = self.served.instances.instantiate(deadline).await?;
        let proxy = self.exports.load(&mut store, &instance)?;
        Ok(Idle {
            store,
            proxy,
            answered: 0,
        })
    }
}

/// A guest when there is a response.
enum Guest {
    Returned(Option<Reusable>),
    Runs(Call<Option<Reusable>>),
}

fn respond(
    component: &Arc<str>,
    is_head: bool,
    answered: Answered,
    guest: Guest,
    cx: &mut Context<'_>,
) -> Result<Response<Content>, Refusal> {
    let (mut head, body) = match fit(answered) {
        Ok(response) => response.into_parts(),
        Err(reason) => {
            if let Guest::Runs(call) = guest {
                call.finish_in_background(drop);
            }
            return Err(Refusal::unfit(component, reason));
        }
    };
    let has_body = !is_head
        && head.status != StatusCode::NO_CONTENT
        && head.status != StatusCode::NOT_MODIFIED;
    let declared = declared(&head.headers).filter(|_| has_body);
    let content = match guest {
        Guest::Returned(reusable) => {
            let content = Content::whole(body, declared, reusable, cx);
            content.map_err(|flaw| Refusal::unfit(component, flaw))?
        }
        Guest::Runs(call) if has_body => Content::streaming(body, declared, call),
        Guest::Runs(call) => {
            drop(body);
            let component = component.clone();
            call.finish_in_background(move |ended| finished(&component, ended));
            Content::Whole(None)
        }
    };
    if has_body {
        return Ok(Response::from_parts(head, content));
    }
    // What a request with another method would be answered with.
    if let Some(length) = content.length()
        && is_head
        && length > 0
    {
        let headers = &mut head.headers;
        let length = HeaderValue::from(length);
        headers.entry(header::CONTENT_LENGTH).or_insert(length);
    }
    Ok(Response::from_parts(head, Content::Whole(None)))
}

/// The response, if there is one that can be sent.
fn fit(answered: Answered) -> Result<Response<HyperOutgoingBody>, String> {
    let response = answered.map_err(|code| format!("answered with an error: {code:?}"))?;
    let status = response.status();
    if status.is_informational() {
        return Err(format!(
            "answered with the status {}, which is not a final one",
            status.as_u16()
        ));
    }
    let mut lengths = response.headers().get_all(header::CONTENT_LENGTH).iter();
    if let Some(first) = lengths.next()
        && (length(first).is_none() || lengths.any(|other| length(other) != length(first)))
    {
        return Err("answered with a content-length that is none".to_owned());
    }
    Ok(response)
}

/// How long the body is by its header.
fn declared(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH).and_then(length)
}

fn length(value: &HeaderValue) -> Option<u64> {
    let digits = value.as_bytes();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    value.to_str().ok()?.parse().ok()
}
