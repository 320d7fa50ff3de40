use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, Version};

use super::body::Content;
use super::cors::{Asking, Cors};
use super::options::HttpOptions;
use super::refusal::Refusal;

/// What is done to requests before a component is called, and to responses after that.
pub(super) struct Policy {
    is_read_only: bool,
    cache_control: Option<HeaderValue>,
    cors: Option<Cors>,
    keeps_alive: bool,
}

/// What the response to a request depends on.
pub(super) struct Asked {
    origin: Option<Asking>,
    version: Version,
}

// === impl Policy ===

impl Policy {
    /// None where nothing is done.
    pub(super) fn of(options: &HttpOptions) -> Option<Self> {
        let policy = Self {
            is_read_only: options.is_read_only,
            cache_control: options.cache_control.clone(),
            cors: options.cors.clone(),
            keeps_alive: options.keeps_alive,
        };
        let does_something = policy.is_read_only
            || policy.cache_control.is_some()
            || policy.cors.is_some()
            || !policy.keeps_alive;
        does_something.then_some(policy)
    }

    pub(super) fn cors(&self) -> Option<&Cors> {
        self.cors.as_ref()
    }

    pub(super) fn asked<B>(&self, request: &Request<B>) -> Asked {
        Asked {
            origin: self.cors.as_ref().map(|cors| cors.asking(request)),
            version: request.version(),
        }
    }

    /// The response to a request that the component is not called for; none to the others.
    pub(super) fn answer<B>(&self, request: &Request<B>) -> Option<Response<Content>> {
        let preflight = self.cors.as_ref().and_then(|cors| cors.preflight(request));
        if preflight.is_some() {
            return preflight;
        }
        let is_refused =
            self.is_read_only && !matches!(*request.method(), Method::GET | Method::HEAD);
        is_refused.then(|| Refusal::ReadOnly.response(request.version()))
    }

    /// Writes what a response of the component has besides its own headers.
    pub(super) fn amend(&self, headers: &mut HeaderMap) {
        if let Some(cache_control) = &self.cache_control {
            headers.append(header::CACHE_CONTROL, cache_control.clone());
        }
        if self.cors.is_some() {
            Cors::clear(headers);
        }
    }

    /// Writes what every response has.
    pub(super) fn finish(&self, asked: Asked, headers: &mut HeaderMap) {
        if let (Some(cors), Some(origin)) = (&self.cors, asked.origin) {
            cors.write(origin, headers);
        }
        if !self.keeps_alive && asked.version < Version::HTTP_2 {
            headers.insert(
                header::CONNECTION,
                const { HeaderValue::from_static("close") },
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_a_component_says_of_cors_is_left_out_where_the_trigger_says_it() {
        let none = std::iter::empty::<&str>;
        let cors = Cors::new(
            ["https://a.example"],
            none(),
            none(),
            none(),
            Duration::ZERO,
        );
        let options = HttpOptions {
            cors: Some(cors.unwrap()),
            cache_control: Some(HeaderValue::from_static("no-store")),
            ..HttpOptions::default()
        };
        let policy = Policy::of(&options).unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("access-control-allow-origin", "*"),
            ("access-control-allow-credentials", "true"),
            ("cache-control", "private"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        policy.amend(&mut headers);
        let request = Request::builder().header("origin", "https://b.example");
        let asked = policy.asked(&request.body(()).unwrap());
        policy.finish(asked, &mut headers);
        let cache_control = headers.get_all("cache-control").iter();
        assert!(cache_control.eq(["private", "no-store"]));
        assert_eq!(
            (&headers["vary"], headers.len()),
            (&HeaderValue::from_static("origin"), 3)
        );
    }

    #[test]
    fn nothing_is_done_by_default() {
        assert!(Policy::of(&HttpOptions::default()).is_none());
    }
}
