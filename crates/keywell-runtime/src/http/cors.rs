use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue, InvalidHeaderValue};
use http::{Method, Request, Response, StatusCode};

use super::body::Content;

/// What pages of other origins may do (CORS). A server answers preflight requests by it and writes
/// the headers of all responses; what a component says of it is left out.
///
/// Credentials are never allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    /// None stands for all.
    origins: Vec<String>,
    headers: Option<HeaderValue>,
    methods: Option<HeaderValue>,
    exposed_headers: Option<HeaderValue>,
    max_age: HeaderValue,
}

/// The origin of a request, as its response names it.
pub(super) struct Asking(Option<HeaderValue>);

/// What the responses of a component have none of.
const OWN: [HeaderName; 6] = [
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
    header::ACCESS_CONTROL_ALLOW_HEADERS,
    header::ACCESS_CONTROL_ALLOW_METHODS,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
    header::ACCESS_CONTROL_MAX_AGE,
];

// === impl Cors ===

impl Cors {
    /// Allows these origins, request headers and methods; no origin stands for all. A page may read
    /// the exposed headers besides those that it always may, and a browser keep an answer for
    /// `max_age`.
    ///
    /// # Errors
    ///
    /// When a text cannot be part of a header.
    pub fn new<'t>(
        origins: impl IntoIterator<Item = &'t str>,
        headers: impl IntoIterator<Item = &'t str>,
        methods: impl IntoIterator<Item = &'t str>,
        exposed_headers: impl IntoIterator<Item = &'t str>,
        max_age: Duration,
    ) -> Result<Self, InvalidHeaderValue> {
        // As browsers write them: without the usual port.
        let usual = |origin: &'t str| match origin.split_once("://") {
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("https") => {
                origin.strip_suffix(":443").unwrap_or(origin)
            }
            Some(_) | None => origin.strip_suffix(":80").unwrap_or(origin),
        };
        let origins = origins.into_iter().map(|origin| usual(origin).to_owned());
        Ok(Self {
            origins: origins.collect(),
            headers: list(headers)?,
            methods: list(methods)?,
            exposed_headers: list(exposed_headers)?,
            max_age: max_age.as_secs().into(),
        })
    }

    /// The origin that a request is from, where it is allowed.
    pub(super) fn asking<B>(&self, request: &Request<B>) -> Asking {
        if self.origins.is_empty() {
            return Asking(Some(const { HeaderValue::from_static("*") }));
        }
        let origin = request.headers().get(header::ORIGIN);
        let origin = origin.filter(|origin| {
            let mut allowed = self.origins.iter();
            allowed.any(|allowed| origin.as_bytes().eq_ignore_ascii_case(allowed.as_bytes()))
        });
        Asking(origin.cloned())
    }

    /// The response to a preflight request, without what all responses have; none to another one.
    pub(super) fn preflight<B>(&self, request: &Request<B>) -> Option<Response<Content>> {
        let headers = request.headers();
        let is_preflight = request.method() == Method::OPTIONS
            && headers.contains_key(header::ORIGIN)
            && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if !is_preflight {
            return None;
        }
        let mut response = Response::new(Content::Whole(None::<Bytes>));
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        let vary = "access-control-request-method, access-control-request-headers";
        headers.insert(header::VARY, HeaderValue::from_static(vary));
        for (name, value) in [
            (header::ACCESS_CONTROL_ALLOW_METHODS, self.methods.as_ref()),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, self.headers.as_ref()),
            (header::ACCESS_CONTROL_MAX_AGE, Some(&self.max_age)),
        ] {
            if let Some(value) = value {
                headers.insert(name, value.clone());
            }
        }
        Some(response)
    }

    /// Leaves out what a component says of CORS.
    pub(super) fn clear(headers: &mut HeaderMap) {
        for name in OWN {
            headers.remove(name);
        }
    }

    /// Writes what every response has.
    pub(super) fn write(&self, Asking(origin): Asking, headers: &mut HeaderMap) {
        if !self.origins.is_empty() {
            // Also where this one is not allowed: another may be.
            headers.append(header::VARY, const { HeaderValue::from_static("origin") });
        }
        if let Some(origin) = origin {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            if let Some(exposed) = &self.exposed_headers {
                headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed.clone());
            }
        }
    }
}

fn list<'t>(
    texts: impl IntoIterator<Item = &'t str>,
) -> Result<Option<HeaderValue>, InvalidHeaderValue> {
    let texts: Vec<&str> = texts.into_iter().collect();
    if texts.is_empty() {
        return Ok(None);
    }
    HeaderValue::from_str(&texts.join(", ")).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(origins: &[&str]) -> Cors {
        let origins = origins.iter().copied();
        let max_age = Duration::from_mins(1);
        Cors::new(origins, ["accept"], ["GET", "PUT"], ["x-total"], max_age).unwrap()
    }

    fn request(method: &str, headers: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::builder().method(method);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    /// What a response to a request from an origin has.
    fn written(cors: &Cors, origin: Option<&str>) -> Vec<(String, String)> {
        let origin = origin.map(|origin| ("origin", origin));
        let request = request("GET", origin.as_slice());
        let mut headers = HeaderMap::new();
        cors.write(cors.asking(&request), &mut headers);
        let text = |(name, value): (&HeaderName, &HeaderValue)| {
            (name.to_string(), value.to_str().unwrap().to_owned())
        };
        headers.iter().map(text).collect()
    }

    #[test]
    fn one_origin_is_named_and_responses_vary_by_it() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let some = cors(&["https://A.example:443", "http://b.example:8080"]);
        let vary = pair("vary", "origin");
        let exposed = pair("access-control-expose-headers", "x-total");
        for origin in ["https://a.example", "http://b.example:8080"] {
            let allowed = pair("access-control-allow-origin", origin);
            let expected = [vary.clone(), allowed, exposed.clone()];
            assert_eq!(written(&some, Some(origin)), expected);
        }
        for other in [
            None,
            Some("null"),
            Some("http://a.example"),
            Some("https://a.example:8443"),
        ] {
            let expected = std::slice::from_ref(&vary);
            assert_eq!(written(&some, other), expected, "{other:?}");
        }
        let all = pair("access-control-allow-origin", "*");
        for any in [None, Some("https://x.example")] {
            assert_eq!(written(&cors(&[]), any), [all.clone(), exposed.clone()]);
        }
    }

    #[test]
    fn only_a_preflight_request_is_answered() {
        let origin = ("origin", "https://a.example");
        let method = ("access-control-request-method", "PUT");
        let cors = cors(&[]);
        let response = cors.preflight(&request("OPTIONS", &[origin, method]));
        let response = response.unwrap();
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        let header = |name: &str| response.headers()[name].to_str().unwrap();
        assert_eq!(header("access-control-allow-methods"), "GET, PUT");
        assert_eq!(header("access-control-allow-headers"), "accept");
        assert_eq!(header("access-control-max-age"), "60");
        for other in [
            request("OPTIONS", &[origin]),
            request("OPTIONS", &[method]),
            request("GET", &[origin, method]),
        ] {
            assert!(cors.preflight(&other).is_none(), "{other:?}");
        }
    }
}
