use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use keywell_journal::WorkerName;
use keywell_wasi::KeyvalueView as _;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::timeout_at;
use wasmtime::component::Val;

use super::bodies::{Bodies, HeldBytes, RequestBody, in_pieces};
use super::body::Content;
use super::cors::Cors;
use super::listing;
use super::options::InvokeOptions;
use super::refusal::Refusal;
use super::served::Served;
use super::working::{Unanswered, Working};
use crate::Error;
use crate::call::Call;
use crate::instance::{Instances, Made};
use crate::invoke::{self, Function, Functions, json};
use crate::room::Busy;
use crate::shelf::Shelf;

/// A component that answers requests by calling the functions that they name.
pub(super) struct Invoking {
    served: Served,
    /// By their paths, without the first slash.
    functions: HashMap<String, Arc<Function>>,
    /// What comes before that, without a slash at its end.
    prefix: String,
    /// What `GET /` answers, and what there is for a path that is none.
    list: Bytes,
    others: Bytes,
    bodies: Arc<Bodies>,
    /// Held while a long body is read as JSON, which takes many times its length until it is values.
    parsing: Mutex<()>,
    cors: Option<Cors>,
    /// The workers that are called, where a call has no instance of its own.
    working: Option<Working>,
    idle: Arc<Shelf<Idle>>,
}

/// An instance between two calls, and how many it has answered.
struct Idle {
    made: Made,
    answered: u32,
}

/// The arguments of a call, which count as held until this is dropped.
struct Arguments {
    values: Vec<Val>,
    _held: HeldBytes,
}

/// Why the body of a request gives no arguments.
enum Unread {
    /// What is wrong with it.
    Wrong(String),
    Refused(Refusal),
}

/// What a path names.
enum Target<'i> {
    List,
    /// Of a worker, or of any instance.
    Function(Option<WorkerName>, &'i Arc<Function>),
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

fn response(status: StatusCode, kind: HeaderValue, body: Content) -> Response<Content> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn refused(status: StatusCode, problem: impl std::fmt::Display) -> Response<Content> {
    let text = Content::Whole(Some(format!("{problem}\n").into()));
    response(status, TEXT, text)
}

/// Whether a body is JSON, or does not say what it is.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else {
        return true;
    };
    let kind = kind.as_bytes().split(|byte| *byte == b';').next();
    let kind = kind.unwrap_or_default().trim_ascii().to_ascii_lowercase();
    kind == b"application/json" || kind.ends_with(b"+json")
}

/// Whether a page calls that is of another origin, as its browser says. Where it does not say so, it
/// may name the origin, which is that of a page here if it has the host of the request.
fn is_of_other_origin<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    if let Some(site) = headers.get("sec-fetch-site") {
        return site != "same-origin" && site != "none";
    }
    let Some(origin) = headers.get(header::ORIGIN) else {
        return false;
    };
    let host = match request.uri().authority() {
        Some(authority) => Some(authority.as_str().as_bytes()),
        None => headers.get(header::HOST).map(HeaderValue::as_bytes),
    };
    let named = origin.to_str().ok().and_then(|text| text.split_once("://"));
    !named
        .zip(host)
        .is_some_and(|((_, named), host)| named.as_bytes().eq_ignore_ascii_case(host))
}

/// Whether the response would name the origin of the request as one that may read it.
fn allows<B>(cors: &Cors, request: &Request<B>) -> bool {
    let mut headers = HeaderMap::new();
    cors.write(cors.asking(request), &mut headers);
    headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN)
}

/// The arguments in the body of a request. None have to be written where there are no parameters.
fn arguments(body: &[u8], function: &Function, bodies: &Arc<Bodies>) -> Result<Arguments, Unread> {
    let values: Vec<Value> = if body.trim_ascii().is_empty() {
        Vec::new()
    } else {
        serde_json::from_slice(body).map_err(|error| {
            Unread::Wrong(format!(
                "the body is no JSON array of the arguments: {error}"
            ))
        })?
    };
    let mut room = bodies.room();
    let read = json::arguments(&values, function, &mut room);
    let values = read.map_err(|error| {
        if room.is_exceeded() {
            Unread::Refused(Refusal::BodyTooLong)
        } else {
            Unread::Wrong(error.to_string())
        }
    })?;
    let held = bodies.values(room.taken()).map_err(Unread::Refused)?;
    Ok(Arguments {
        values,
        _held: held,
    })
}

/// What a function returned, in JSON.
fn written(function: &Function, results: &[Val]) -> Option<Vec<u8>> {
    let value = match (results, function.results()) {
        ([result, ..], [kind, ..]) => json::to_json(result, kind)?,
        _ => Value::Null,
    };
    serde_json::to_vec(&value).ok()
}

// === impl Invoking ===

impl Invoking {
    pub(super) fn new(
        instances: Instances,
        options: &InvokeOptions,
        working: Option<Working>,
    ) -> Result<Self, Error> {
        let component = instances.pre().component();
        let exported = match &working {
            Some(working) => working.functions().clone(),
            None => Functions::of(component),
        };
        let offered = invoke::offered(&exported, &options.functions)?;
        if offered.is_empty() {
            let wanted = "function that can be called from outside";
            return Err(Error::no_export(wanted, "an invoke trigger", component));
        }
        let prefix = options.path.trim_end_matches('/').to_owned();
        let shown = working.as_ref();
        let shown = shown.map_or_else(|| prefix.clone(), |working| working.prefix(&prefix));
        let paths = offered.iter().map(|function| invoke::path(function));
        let shared = offered.iter().map(|function| Arc::new((*function).clone()));
        Ok(Self {
            idle: instances.room().shelves().add(),
            functions: paths.zip(shared).collect(),
            list: listing::json(&shown, &offered),
            others: listing::text(&shown, &offered),
            prefix,
            working,
            bodies: Bodies::new(options.max_body),
            parsing: Mutex::new(()),
            cors: options.http.cors.clone(),
            served: Served::new(instances, &options.http),
        })
    }

    pub(super) fn served(&self) -> &Served {
        &self.served
    }

    pub(super) async fn answer(
        self: &Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Content>, Refusal> {
        let method = request.method();
        let (worker, function) = match self.target(request.uri().path()) {
            None => {
                let others = in_pieces(self.others.clone());
                return Ok(response(StatusCode::NOT_FOUND, TEXT, others));
            }
            Some(Target::List) if method == Method::GET => {
                return Ok(response(StatusCode::OK, JSON, in_pieces(self.list.clone())));
            }
            Some(Target::List) if method == Method::HEAD => return Ok(self.head()),
            Some(Target::List) => return Err(Refusal::ReadOnly),
            Some(Target::Function(..)) if method != Method::POST => return Err(Refusal::OnlyPost),
            Some(Target::Function(worker, function)) => (worker, function.clone()),
        };
        let may_call = || {
            self.cors
                .as_ref()
                .is_some_and(|cors| allows(cors, &request))
        };
        if is_of_other_origin(&request) && !may_call() {
            return Err(Refusal::OtherOrigin);
        }
        if !is_json(request.headers()) {
            return Err(Refusal::NotJson);
        }
        let served = &self.served;
        let deadline = Instant::now() + served.timeout;
        let (head, body) = request.into_parts();
        let body = self.bodies.read(body, deadline.into()).await?;
        let arguments = match self.read(body, &function, deadline).await {
            Ok(arguments) => arguments,
            Err(Unread::Wrong(problem)) => return Ok(refused(StatusCode::BAD_REQUEST, problem)),
            Err(Unread::Refused(refusal)) => return Err(refusal),
        };
        if let (Some(working), Some(worker)) = (&self.working, worker) {
            let _counted = served.calls.count();
            let (values, patience) = (&arguments.values, served.timeout);
            let called = working.call(worker, &head.headers, &function, values, patience);
            return match called.await {
                Ok(json) => Ok(response(
                    StatusCode::OK,
                    JSON,
                    self.bodies.content(json.into())?,
                )),
                Err(Unanswered::Conflicts(status, problem)) => Ok(refused(status, problem)),
                Err(Unanswered::Refused(refusal)) => Err(refusal),
            };
        }
        let entered = served.instances.room().enter(served.timeout).await;
        let place = entered.map_err(|Busy| Refusal::Busy)?;
        // Neither the client's slowness nor waiting was a fault of the component.
        let deadline = Instant::now() + served.timeout;
        let name = served.instances.name().clone();
        let running = served.instances.run();
        let guest = self.clone().call(function, arguments, deadline);
        let ended = Call::new(name.clone(), guest, deadline, running, Some(place)).await;
        match ended {
            Ok(Some(json)) => {
                let content = self.bodies.content(json)?;
                Ok(response(StatusCode::OK, JSON, content))
            }
            Ok(None) => Err(Refusal::unfit(&name, "returned what has no form in JSON")),
            Err(error) if error.is::<invoke::TooLarge>() => Err(Refusal::BodyTooLong),
            Err(error) => Err(Refusal::unanswered(&name, &error, served.late)),
        }
    }

    /// The arguments in a body. Long ones are read one after the other, as many at once would take
    /// memory that counts nowhere.
    async fn read(
        &self,
        body: RequestBody,
        function: &Function,
        deadline: Instant,
    ) -> Result<Arguments, Unread> {
        let text = body.bytes();
        let _parsing = if text.len() > Bodies::FREE {
            let parsing = timeout_at(deadline.into(), self.parsing.lock()).await;
            Some(parsing.map_err(|_| Unread::Refused(Refusal::Busy))?)
        } else {
            None
        };
        arguments(text, function, &self.bodies)
    }

    /// What a path names. Characters of names may be percent-encoded.
    fn target(&self, path: &str) -> Option<Target<'_>> {
        let path = path.strip_prefix(&*self.prefix)?;
        let (worker, path) = match &self.working {
            Some(working) => working.split(path)?,
            None => (None, path),
        };
        if path.is_empty() || path == "/" {
            return Some(Target::List);
        }
        // `/api` is no prefix of `/apiadd`.
        let path = path.strip_prefix('/')?;
        let found = self.functions.get(path).or_else(|| {
            let decoded = percent_decode_str(path).decode_utf8().ok()?;
            self.functions.get(&*decoded)
        });
        found.map(|function| Target::Function(worker, function))
    }

    /// The list's head alone.
    fn head(&self) -> Response<Content> {
        let mut response = response(StatusCode::OK, JSON, Content::Whole(None));
        let length = HeaderValue::from(self.list.len());
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, length);
        response
    }

    /// Calls a function, and keeps its instance if it may answer more.
    async fn call(
        self: Arc<Self>,
        function: Arc<Function>,
        arguments: Arguments,
        deadline: Instant,
    ) -> wasmtime::Result<Option<Vec<u8>>> {
        let counted = self.served.calls.count();
        let kept = (self.served.reuse > 1).then(|| self.idle.take()).flatten();
        let (made, answered) = kept.map_or((None, 0), |idle| (Some(idle.made), idle.answered));
        let instances = &self.served.instances;
        let called = invoke::call_in(instances, made, deadline, &function, &arguments.values).await;
        drop(arguments);
        let (made, results) = called?;
        drop(counted);
        let answered = answered + 1;
        let (store, _) = &made;
        if answered < self.served.reuse && !store.data().keyvalue().is_filling() {
            self.idle.keep(Idle { made, answered });
        }
        Ok(written(&function, &results))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn request(headers: &[(&str, &str)]) -> Request<()> {
        let request = Request::post("/add").header("host", "a.example:8080");
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        request.body(()).unwrap()
    }

    #[test]
    fn a_browser_says_whether_a_page_is_of_another_origin() {
        for (headers, expected) in [
            (&[][..], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("sec-fetch-site", "same-site")], true),
            (&[("sec-fetch-site", "cross-site")], true),
            (&[("origin", "http://A.example:8080")], false),
            (&[("origin", "http://a.example")], true),
            (&[("origin", "https://b.example")], true),
            (&[("origin", "null")], true),
            // Where a proxy changes the host.
            (
                &[
                    ("sec-fetch-site", "same-origin"),
                    ("origin", "https://b.example"),
                ],
                false,
            ),
        ] {
            assert_eq!(
                is_of_other_origin(&request(headers)),
                expected,
                "{headers:?}"
            );
        }
        let in_target = Request::post("http://a.example/add").header("origin", "http://a.example");
        assert!(!is_of_other_origin(&in_target.body(()).unwrap()));
    }

    #[test]
    fn cors_allows_the_origins_that_its_responses_name() {
        let cors = |origins: &[&str]| {
            let origins = origins.iter().copied();
            Cors::new(origins, [], ["POST"], [], Duration::ZERO).unwrap()
        };
        let from = |origin| request(&[("origin", origin)]);
        let some = cors(&["https://b.example"]);
        assert!(allows(&some, &from("https://b.example")));
        assert!(!allows(&some, &from("https://c.example")));
        assert!(!allows(&some, &request(&[])));
        assert!(allows(&cors(&[]), &from("null")));
    }

    #[test]
    fn json_is_what_says_so_or_says_nothing() {
        let kind = |kind: &'static str| {
            let kind = (header::CONTENT_TYPE, HeaderValue::from_static(kind));
            is_json(&HeaderMap::from_iter([kind]))
        };
        assert!(is_json(&HeaderMap::new()));
        for json in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/problem+json",
        ] {
            assert!(kind(json), "{json}");
        }
        for other in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "",
            "json",
        ] {
            assert!(!kind(other), "{other}");
        }
    }
}
