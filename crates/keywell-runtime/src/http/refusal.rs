use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, Version, header};

use super::body::Content;
use crate::call::log_failure;
use crate::instance::is_no_room;
use crate::state::TimedOut;

/// A response that is Keywell's own, because there is none of the component. It says what a client
/// may know; the log has the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    NoHost,
    InvalidHost,
    Connect,
    NotFound,
    /// Every route asks for a host, and the request has none.
    Unaddressed,
    ReadOnly,
    /// A function is called with another method than POST.
    OnlyPost,
    /// The body is of another kind than JSON.
    NotJson,
    BodyTooLong,
    BodyLate,
    /// A page of another origin calls, which may not.
    OtherOrigin,
    /// The function returned more than there is room for.
    ResultTooLong,
    /// The body ends early.
    BodyBroken,
    Busy,
    TimedOut,
    /// The time of the trigger is up, which is less than that of the component.
    Late,
    Failed,
}

// === impl Refusal ===

impl Refusal {
    /// For a guest that ended with an error before it had given a response. `late` is for one whose
    /// time is up.
    pub(super) fn unanswered(component: &str, error: &wasmtime::Error, late: Self) -> Self {
        if error.is::<TimedOut>() {
            tracing::warn!(component, "took longer than it may, and was ended");
            late
        } else if is_no_room(error) {
            tracing::warn!(component, "no instance can be made of it now: {error:#}");
            Self::Busy
        } else {
            log_failure(component, "", error);
            Self::Failed
        }
    }

    /// For a guest whose response cannot be sent, with the reason.
    pub(super) fn unfit(component: &str, reason: impl std::fmt::Display) -> Self {
        tracing::warn!(component, "{reason}");
        Self::Failed
    }

    pub(super) fn response(self, version: Version) -> Response<Content> {
        let (status, text) = match self {
            Self::NoHost => (StatusCode::BAD_REQUEST, "the request names no host\n"),
            Self::InvalidHost => (
                StatusCode::BAD_REQUEST,
                "the request's host is invalid, or named more than once\n",
            ),
            Self::Connect => (
                StatusCode::NOT_IMPLEMENTED,
                "the method CONNECT is not served\n",
            ),
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "no component answers this host and path\n",
            ),
            Self::Unaddressed => (
                StatusCode::BAD_REQUEST,
                "the request lacks the header that says its host\n",
            ),
            Self::ReadOnly => (
                StatusCode::METHOD_NOT_ALLOWED,
                "only GET and HEAD are allowed\n",
            ),
            Self::OnlyPost => (
                StatusCode::METHOD_NOT_ALLOWED,
                "a function is called with POST\n",
            ),
            Self::NotJson => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the arguments are a JSON array: send them as application/json\n",
            ),
            Self::BodyTooLong => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "the arguments are too large\n",
            ),
            Self::OtherOrigin => (
                StatusCode::FORBIDDEN,
                "pages of this origin may not call functions\n",
            ),
            // Not 503: a client that tries again would run the function again.
            Self::ResultTooLong => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "the function ran, but its result was too large to be kept\n",
            ),
            Self::BodyLate => (
                StatusCode::REQUEST_TIMEOUT,
                "the request's body took too long\n",
            ),
            Self::BodyBroken => (StatusCode::BAD_REQUEST, "the request's body ended early\n"),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "too busy; try again later\n",
            ),
            Self::TimedOut => (StatusCode::GATEWAY_TIMEOUT, "the component took too long\n"),
            Self::Late => (StatusCode::REQUEST_TIMEOUT, "the request took too long\n"),
            Self::Failed => (StatusCode::INTERNAL_SERVER_ERROR, "the component failed\n"),
        };
        let text = Bytes::from_static(text.as_bytes());
        let mut response = Response::new(Content::Whole(Some(text)));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            const { HeaderValue::from_static("text/plain") },
        );
        if self == Self::Busy {
            headers.insert(header::RETRY_AFTER, const { HeaderValue::from_static("1") });
        }
        let allowed = match self {
            Self::ReadOnly => Some("GET, HEAD"),
            Self::OnlyPost => Some("POST"),
            _ => None,
        };
        if let Some(allowed) = allowed {
            headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
        }
        // What follows such a request may be no request.
        let is_malformed = matches!(self, Self::NoHost | Self::InvalidHost | Self::Connect);
        if is_malformed && version < Version::HTTP_2 {
            headers.insert(
                header::CONNECTION,
                const { HeaderValue::from_static("close") },
            );
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_ran_is_none_to_try_again() {
        let busy = Refusal::Busy.response(Version::HTTP_11);
        assert_eq!(busy.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(busy.headers().contains_key(header::RETRY_AFTER));
        let ran = Refusal::ResultTooLong.response(Version::HTTP_11);
        assert_eq!(ran.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!ran.headers().contains_key(header::RETRY_AFTER));
    }
}
