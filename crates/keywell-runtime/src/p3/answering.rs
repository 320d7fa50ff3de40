//! The call of `wasi:http/handler` for one request.
//!
//! The guest returns the head of its response and goes on writing the body, as tasks of its instance
//! do, while what polls the call reads that. So a response is answered when the guest has done what
//! it can without a reader: of a short body that is all of it, which is then sent whole, with its
//! length. The call ends when the tasks have ended and the body is over.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use wasmtime::Store;
use wasmtime::component::Accessor;
use wasmtime_wasi_http::p3::bindings::Service;
use wasmtime_wasi_http::{Error, FieldMap, WasiBody, WasiHttpView as _, p3};

use super::body::{Begun, Over, Watched};
use crate::state::State;

/// A response of a guest.
pub(crate) struct Answer {
    pub(crate) response: Response<WasiBody>,
    /// Whether all of its body is there.
    pub(crate) is_whole: bool,
}

/// The most of a body that is read ahead to see whether it ends, in bytes.
const AHEAD: usize = 64 << 10;

/// Has a guest answer one request, and runs it until all of its tasks have ended and the body is
/// over.
pub(crate) async fn answer(
    store: &mut Store<State>,
    service: &Service,
    request: p3::Request,
    answer: oneshot::Sender<Result<Answer, Error>>,
) -> wasmtime::Result<()> {
    let handled: Mutex<Option<Result<Answer, Error>>> = Mutex::new(None);
    let mut running = pin!(store.run_concurrent(async |accessor| {
        let answered = |answered| *handled.lock() = Some(answered);
        handle(accessor, service, request, answered).await?;
        poll_fn(|cx| accessor.poll_no_interesting_tasks(cx)).await;
        wasmtime::error::Ok(())
    }));
    let (mut begun, mut answer) = (None, Some(answer));
    poll_fn(|cx| {
        loop {
            let ended = running.as_mut().poll(cx);
            if let Poll::Ready(ended) = ended {
                return Poll::Ready(ended.flatten());
            }
            match handled.lock().take() {
                Some(Ok(answered)) => {
                    let (head, body) = answered.response.into_parts();
                    begun = Some((head, Begun::new(body)));
                }
                Some(Err(error)) => {
                    if let Some(answer) = answer.take() {
                        let _ = answer.send(Err(error));
                    }
                    continue;
                }
                None => {}
            }
            let Some((head, mut body)) = begun.take() else {
                return Poll::Pending;
            };
            let ahead = body.poll_ahead(cx);
            if ahead == Poll::Ready(true) && body.ahead() < AHEAD {
                // There is room for the next piece.
                begun = Some((head, body));
                continue;
            }
            let is_whole = ahead == Poll::Ready(false);
            let response = Response::from_parts(head, body.boxed_unsync());
            if let Some(answer) = answer.take() {
                // Where nothing waits for it any more, the body is over.
                let _ = answer.send(Ok(Answer { response, is_whole }));
            }
            if !is_whole {
                return Poll::Pending;
            }
        }
    })
    .await
}

/// Calls a guest, passes its response on, and waits until the body is over. False if there is none,
/// but an error of the guest.
///
/// # Errors
///
/// When the guest traps.
pub(crate) async fn handle(
    accessor: &Accessor<State>,
    service: &Service,
    request: p3::Request,
    answered: impl FnOnce(Result<Answer, Error>),
) -> wasmtime::Result<bool> {
    let response = match service.handle(accessor, request).await? {
        Ok(response) => response,
        Err(code) => {
            answered(Err(code.into()));
            return Ok(false);
        }
    };
    let (sender, over) = Over::channel();
    let sent = {
        let over = over.clone();
        async move {
            if over.wait().await {
                Ok(())
            } else {
                Err(Error::ConnectionTerminated)
            }
        }
    };
    let response = accessor.with(|mut access| response.into_http(&mut access, sent))?;
    let response = response.map(|body| Watched::new(body, sender).boxed_unsync());
    answered(Ok(Answer {
        response,
        is_whole: false,
    }));
    over.wait().await;
    Ok(true)
}

/// A request of a client, as a guest sees it. Its scheme is that of the connection.
pub(crate) fn request(
    state: &mut State,
    request: Request<Incoming>,
    scheme: http::uri::Scheme,
) -> wasmtime::Result<p3::Request> {
    let (head, body) = request.into_parts();
    let target = head.uri.into_parts();
    let authority = match target.authority {
        Some(authority) => Some(authority),
        None => match head.headers.get(http::header::HOST) {
            Some(host) => Some(host.as_bytes().try_into()?),
            None => None,
        },
    };
    let headers = FieldMap::new_immutable(state.http().hooks, head.headers);
    let (request, _processed) = p3::Request::new(
        head.method,
        Some(scheme),
        authority,
        target.path_and_query,
        headers,
        None,
        body,
    );
    Ok(request)
}
