use http::Request;
use http::header::{self, HeaderName};

use super::app::HttpApp;
use super::cors::Cors;
use super::refusal::Refusal;

/// An application, and which requests to an address it answers.
///
/// Of those that would answer a request, one that asks for its host goes before one that does not,
/// then an exact path before a prefix, then the longest prefix.
#[derive(Clone)]
pub struct HttpRoute {
    app: HttpApp,
    path: Path,
    host: Option<Host>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Path {
    /// Without a slash at its end.
    Prefix(String),
    Exact(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Host {
    header: HeaderName,
    value: String,
    has_port: bool,
}

/// The routes of an address, those first that go before others.
#[derive(Default)]
pub(super) struct Routes {
    all: Vec<(u64, HttpRoute)>,
    /// The only application, if it answers everything.
    only: Option<HttpApp>,
}

// === impl HttpRoute ===

impl HttpRoute {
    /// All requests.
    pub fn new(app: HttpApp) -> Self {
        Self {
            app,
            path: Path::Prefix(String::new()),
            host: None,
        }
    }

    /// Those to a path and to all paths below it, by whole segments: `/a` stands for `/a` and
    /// `/a/b`, not for `/ab`. Paths are compared as they are written, without their query.
    #[must_use]
    pub fn below(self, path: &str) -> Self {
        Self {
            path: Path::Prefix(path.trim_end_matches('/').to_owned()),
            ..self
        }
    }

    /// Those to this path alone.
    #[must_use]
    pub fn at(self, path: &str) -> Self {
        Self {
            path: Path::Exact(path.to_owned()),
            ..self
        }
    }

    /// Those whose header has a value, whatever the case of its letters. A value of `host` without
    /// a port stands for all ports.
    #[must_use]
    pub fn of_host(self, header: HeaderName, value: &str) -> Self {
        let has_port = header != header::HOST || without_port(value) != value;
        Self {
            host: Some(Host {
                header,
                value: value.to_owned(),
                has_port,
            }),
            ..self
        }
    }

    /// Its application.
    pub fn app(&self) -> &HttpApp {
        &self.app
    }

    /// What decides which of two goes before the other: the greater one.
    fn rank(&self) -> impl Ord + use<> {
        let host = self.host.as_ref().map(|host| host.has_port);
        match &self.path {
            Path::Prefix(path) => (host, false, path.len()),
            Path::Exact(path) => (host, true, path.len()),
        }
    }

    fn is_everything(&self) -> bool {
        self.host.is_none() && self.path == Path::Prefix(String::new())
    }

    fn answers<B>(&self, request: &Request<B>) -> bool {
        let host = self.host.as_ref();
        self.path.is_of(request.uri().path()) && host.is_none_or(|host| host.is_of(request))
    }
}

impl From<HttpApp> for HttpRoute {
    /// All requests.
    fn from(app: HttpApp) -> Self {
        Self::new(app)
    }
}

// === impl Path ===

impl Path {
    fn is_of(&self, path: &str) -> bool {
        match self {
            Self::Exact(own) => own == path,
            Self::Prefix(own) => {
                let rest = path.strip_prefix(own.as_str());
                let is_below = |rest: &str| rest.is_empty() || rest.starts_with('/');
                own.is_empty() || rest.is_some_and(is_below)
            }
        }
    }
}

// === impl Host ===

impl Host {
    fn is_of<B>(&self, request: &Request<B>) -> bool {
        let Some(value) = self.value_in(request) else {
            return false;
        };
        let value = if self.has_port {
            value
        } else {
            without_port(value)
        };
        value.eq_ignore_ascii_case(&self.value)
    }

    /// What a request has of the header. The target of a request goes before its `host`.
    fn value_in<'r, B>(&self, request: &'r Request<B>) -> Option<&'r str> {
        let target = request.uri().authority();
        if let Some(target) = target.filter(|_| self.header == header::HOST) {
            return Some(target.as_str());
        }
        request.headers().get(&self.header)?.to_str().ok()
    }
}

fn without_port(host: &str) -> &str {
    let address = host.rfind(']').unwrap_or(0);
    let colon = host[address..].find(':');
    colon.map_or(host, |colon| &host[..address + colon])
}

// === impl Routes ===

impl Routes {
    /// Adds a route by its number. It goes before those that answer the same.
    pub(super) fn add(&mut self, number: u64, route: HttpRoute) {
        let rank = route.rank();
        let place = self.all.partition_point(|(_, other)| other.rank() > rank);
        self.all.insert(place, (number, route));
        self.note_only();
    }

    /// Whether there is a route of this number.
    pub(super) fn has(&self, number: u64) -> bool {
        self.all.iter().any(|(own, _)| *own == number)
    }

    /// The route that had a number, if there still was one, to be dropped once nothing is locked.
    pub(super) fn remove(&mut self, number: u64) -> [Option<HttpApp>; 2] {
        let place = self.all.iter().position(|(own, _)| *own == number);
        let removed = place.map(|place| self.all.remove(place).1.app);
        let only = self.only.take();
        self.note_only();
        [removed, only]
    }

    /// What CORS allows, if all routes allow the same.
    pub(super) fn cors(&self) -> Option<Cors> {
        let mut all = self.all.iter().map(|(_, route)| route.app.cors());
        let first = all.next()??;
        all.all(|other| other == Some(first)).then(|| first.clone())
    }

    fn note_only(&mut self) {
        self.only = match &self.all[..] {
            [(_, only)] if only.is_everything() => Some(only.app.clone()),
            _ => None,
        };
    }

    /// The application for a request. It is to be kept for no longer than that.
    pub(super) fn find<B>(&self, request: &Request<B>) -> Result<HttpApp, Refusal> {
        if let Some(only) = &self.only {
            return Ok(only.clone());
        }
        let mut routes = self.all.iter().map(|(_, route)| route);
        if let Some(found) = routes.clone().find(|route| route.answers(request)) {
            return Ok(found.app.clone());
        }
        let lacks = |host: &Host| host.value_in(request).is_none();
        let is_unaddressed = routes.all(|route| route.host.as_ref().is_some_and(lacks));
        Err(if is_unaddressed && !self.all.is_empty() {
            Refusal::Unaddressed
        } else {
            Refusal::NotFound
        })
    }
}
