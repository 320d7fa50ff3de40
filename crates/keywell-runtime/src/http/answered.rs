use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
use tokio::sync::oneshot;
use wasmtime_wasi_http::WasiBody;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;

use crate::p3::Answer;

/// What a guest answered a request with: a response, or why it has none.
pub(super) type Answered = Result<Answer, String>;

/// Where the answer of a guest comes.
pub(super) enum Answering {
    /// Of `wasi:http/incoming-handler@0.2`, whose guest runs when its caller is polled.
    P2(oneshot::Receiver<Result<Response<WasiBody>, ErrorCode>>),
    /// Of `wasi:http/handler@0.3`, whose guest may run in a task of its own. None once it is there,
    /// or will never be.
    P3(Option<oneshot::Receiver<Result<Answer, wasmtime_wasi_http::Error>>>),
}

// === impl Answering ===

impl Answering {
    /// The answer, once it is there.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Option<Answered> {
        match self {
            Self::P2(answering) => match answering.try_recv().ok()? {
                Ok(response) => Some(Ok(Answer {
                    response,
                    is_whole: false,
                })),
                Err(code) => Some(Err(format!("answered with an error: {code:?}"))),
            },
            Self::P3(answering) => {
                let Poll::Ready(answered) = Pin::new(answering.as_mut()?).poll(cx) else {
                    return None;
                };
                *answering = None;
                let answered = answered.ok()?;
                Some(answered.map_err(|code| format!("answered with an error: {code:?}")))
            }
        }
    }
}
