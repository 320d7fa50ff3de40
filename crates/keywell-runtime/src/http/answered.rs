use std::fmt::{self, Write as _};
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
                Err(code) => Some(Err(error(&code))),
            },
            Self::P3(answering) => {
                let Poll::Ready(answered) = Pin::new(answering.as_mut()?).poll(cx) else {
                    return None;
                };
                *answering = None;
                let answered = answered.ok()?;
                Some(answered.map_err(|code| error(&code)))
            }
        }
    }
}

/// Why there is no response, from an error whose text the guest wrote.
fn error(code: &impl fmt::Debug) -> String {
    let mut text = Text("answered with an error: ".to_owned());
    if write!(text, "{code:?}").is_err() {
        text.0.push('…');
    }
    text.0
}

/// A text of at most so many bytes: what is beyond them is not even formatted.
struct Text(String);

// === impl Text ===

impl Text {
    const MOST: usize = 4096;
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = Self::MOST.saturating_sub(self.0.len());
        self.0.push_str(&text[..text.floor_char_boundary(room)]);
        if text.len() > room {
            return Err(fmt::Error);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_a_guest_is_shown_up_to_a_bound() {
        let short = error(&Some("no \u{1}"));
        assert_eq!(short, r#"answered with an error: Some("no \u{1}")"#);
        let endless = ErrorCode::InternalError(Some("\u{1}é".repeat(100 << 20)));
        let text = error(&endless);
        assert!(text.len() <= Text::MOST + '…'.len_utf8(), "{}", text.len());
        assert!(text.ends_with('…'), "{text}");
    }
}
