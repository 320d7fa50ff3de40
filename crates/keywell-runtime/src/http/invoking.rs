use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use wasmtime::component::Val;

use super::bodies::{Bodies, in_pieces};
use super::body::Content;
use super::listing;
use super::options::InvokeOptions;
use super::refusal::Refusal;
use super::served::Served;
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
    idle: Arc<Shelf<Idle>>,
}

/// An instance between two calls, and how many it has answered.
struct Idle {
    made: Made,
    answered: u32,
}

/// What a path names.
enum Target<'i> {
    List,
    Function(&'i Arc<Function>),
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

fn response(status: StatusCode, kind: HeaderValue, body: Content) -> Response<Content> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn wrong(problem: impl std::fmt::Display) -> Response<Content> {
    let text = Content::Whole(Some(format!("{problem}\n").into()));
    response(StatusCode::BAD_REQUEST, TEXT, text)
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

/// The arguments in the body of a request. None have to be written where there are no parameters.
fn arguments(body: &[u8], function: &Function) -> Result<Vec<Val>, String> {
    let values: Vec<Value> = if body.trim_ascii().is_empty() {
        Vec::new()
    } else {
        serde_json::from_slice(body)
            .map_err(|error| format!("the body is no JSON array of the arguments: {error}"))?
    };
    json::arguments(&values, function).map_err(|error| error.to_string())
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
    pub(super) fn new(instances: Instances, options: &InvokeOptions) -> Result<Self, Error> {
        let component = instances.pre().component();
        let exported = Functions::of(component);
        let offered = invoke::offered(&exported, &options.functions)?;
        if offered.is_empty() {
            let wanted = "function that can be called from outside";
            return Err(Error::no_export(wanted, "an invoke trigger", component));
        }
        let prefix = options.path.trim_end_matches('/').to_owned();
        let paths = offered.iter().map(|function| invoke::path(function));
        let shared = offered.iter().map(|function| Arc::new((*function).clone()));
        Ok(Self {
            idle: instances.room().shelves().add(),
            functions: paths.zip(shared).collect(),
            list: listing::json(&prefix, &offered),
            others: listing::text(&prefix, &offered),
            prefix,
            bodies: Bodies::new(options.max_body),
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
        let function = match self.target(request.uri().path()) {
            None => {
                let others = in_pieces(self.others.clone());
                return Ok(response(StatusCode::NOT_FOUND, TEXT, others));
            }
            Some(Target::List) if method == Method::GET => {
                return Ok(response(StatusCode::OK, JSON, in_pieces(self.list.clone())));
            }
            Some(Target::List) if method == Method::HEAD => return Ok(self.head()),
            Some(Target::List) => return Err(Refusal::ReadOnly),
            Some(Target::Function(_)) if method != Method::POST => return Err(Refusal::OnlyPost),
            Some(Target::Function(function)) => function.clone(),
        };
        if !is_json(request.headers()) {
            return Err(Refusal::NotJson);
        }
        let served = &self.served;
        let deadline = Instant::now() + served.timeout;
        let body = self.bodies.read(request.into_body(), deadline.into());
        let body = body.await?;
        let arguments = match arguments(body.bytes(), &function) {
            Ok(arguments) => arguments,
            Err(problem) => return Ok(wrong(problem)),
        };
        let entered = served.instances.room().enter(served.timeout).await;
        let place = entered.map_err(|Busy| Refusal::Busy)?;
        // Neither the client's slowness nor waiting was a fault of the component.
        let deadline = Instant::now() + served.timeout;
        let name = served.instances.name().clone();
        let running = served.instances.run();
        let guest = self.clone().call(function, arguments, deadline);
        let ended = Call::new(name.clone(), guest, deadline, running, place).await;
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

    /// What a path names. Characters of names may be percent-encoded.
    fn target(&self, path: &str) -> Option<Target<'_>> {
        let path = path.strip_prefix(&*self.prefix)?;
        if path.is_empty() || path == "/" {
            return Some(Target::List);
        }
        // `/api` is no prefix of `/apiadd`.
        let path = path.strip_prefix('/')?;
        let found = self.functions.get(path).or_else(|| {
            let decoded = percent_decode_str(path).decode_utf8().ok()?;
            self.functions.get(&*decoded)
        });
        found.map(Target::Function)
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
        arguments: Vec<Val>,
        deadline: Instant,
    ) -> wasmtime::Result<Option<Vec<u8>>> {
        let counted = self.served.calls.count();
        let kept = (self.served.reuse > 1).then(|| self.idle.take()).flatten();
        let (made, answered) = kept.map_or((None, 0), |idle| (Some(idle.made), idle.answered));
        let instances = &self.served.instances;
        let called = invoke::call_in(instances, made, deadline, &function, &arguments).await;
        let (made, results) = called?;
        drop(counted);
        let answered = answered + 1;
        if answered < self.served.reuse {
            self.idle.keep(Idle { made, answered });
        }
        Ok(written(&function, &results))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
