use std::path::PathBuf;
use std::time::Duration;

use crate::{ListenAddress, Located, Place};

/// HTTP requests to an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpPlan {
    /// The component, by its name in the plan.
    pub component: String,
    /// Where to listen; port 0 takes a free one.
    pub addr: ListenAddress,
    /// Which paths it answers, of those that are sent to the address.
    pub path: PathPlan,
    /// Which hosts it answers; without one, all that no other trigger of the address answers.
    pub host: Option<HostPlan>,
    /// How many requests an instance answers.
    pub reuse: u32,
    /// How many requests an instance answers at once, where its component can.
    pub concurrency: u32,
    /// Whether only GET and HEAD are answered, and others refused with 405.
    pub is_read_only: bool,
    /// How long a request may take, where it is less than that of the component. Past it, the
    /// response is 408.
    pub timeout: Option<Duration>,
    /// The `Cache-Control` that every response gets.
    pub cache_control: Option<Located<String>>,
    /// Which pages of other origins may read the responses. Without it, CORS is the component's.
    pub cors: Option<CorsPlan>,
    /// Whether a connection stays open for more requests.
    pub keeps_alive: bool,
    /// What the address is encrypted with, the same for all triggers of the address.
    pub tls: Option<TlsPlan>,
    /// Whether the trigger is left out where the component does not answer HTTP, rather than an error.
    pub is_optional: bool,
    /// Where the trigger begins.
    pub place: Place,
}

/// Paths of requests. The query counts as no part of them, and they are not changed for the component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathPlan {
    /// This path and all below it, by whole segments. Of several, the longest answers.
    Prefix(Located<String>),
    /// This path alone. It goes before every prefix.
    Exact(Located<String>),
}

/// A value that a header of a request has to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPlan {
    /// The header, in lower case: `host`.
    pub header: Located<String>,
    /// The value, compared without case. One of `host` that has no port stands for all ports.
    pub value: Located<String>,
}

/// What CORS allows. Preflight requests are answered without the component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorsPlan {
    /// The origins, each `http://HOST` or `https://HOST`, with or without a port; none stands for all.
    pub origins: Vec<Located<String>>,
    /// The request headers.
    pub headers: Vec<Located<String>>,
    /// The methods.
    pub methods: Vec<Located<String>>,
    /// The response headers that a page may read.
    pub exposed_headers: Vec<Located<String>>,
    /// How long a browser may keep an answer to a preflight request.
    pub max_age: Duration,
}

/// What a listener proves its name with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsPlan {
    /// A PEM file with its certificate, and those up to the root.
    pub certificate: PathBuf,
    /// A PEM file with the private key.
    pub key: PathBuf,
    /// Where it begins.
    pub place: Place,
}

// === impl CorsPlan ===

impl Default for CorsPlan {
    /// Every origin, with the methods and headers that wasmCloud's HTTP server allows.
    fn default() -> Self {
        let texts = |texts: &[&str]| -> Vec<Located<String>> {
            let texts = texts.iter().map(|text| (*text).to_owned().into());
            texts.collect()
        };
        Self {
            origins: Vec::new(),
            headers: texts(&[
                "accept",
                "accept-language",
                "content-type",
                "content-language",
            ]),
            methods: texts(&["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"]),
            exposed_headers: Vec::new(),
            max_age: Duration::from_mins(5),
        }
    }
}

impl CorsPlan {
    fn forget_places(&mut self) {
        let lists = [&mut self.origins, &mut self.headers];
        let lists = lists
            .into_iter()
            .chain([&mut self.methods, &mut self.exposed_headers]);
        lists.flatten().for_each(Located::forget_place);
    }
}

// === impl PathPlan ===

impl PathPlan {
    /// The path itself.
    pub fn text(&self) -> &Located<String> {
        match self {
            Self::Prefix(path) | Self::Exact(path) => path,
        }
    }
}

impl Default for PathPlan {
    /// All paths.
    fn default() -> Self {
        Self::Prefix("/".to_owned().into())
    }
}

// === impl HttpPlan ===

impl HttpPlan {
    /// All requests to an address, each to an instance of its own.
    pub fn new(component: impl Into<String>, addr: impl Into<ListenAddress>) -> Self {
        Self {
            component: component.into(),
            addr: addr.into(),
            path: PathPlan::default(),
            host: None,
            reuse: 1,
            concurrency: 1,
            is_read_only: false,
            timeout: None,
            cache_control: None,
            cors: None,
            keeps_alive: true,
            tls: None,
            is_optional: false,
            place: Place::default(),
        }
    }

    pub(super) fn forget_places(&mut self) {
        self.place = Place::default();
        let (PathPlan::Prefix(path) | PathPlan::Exact(path)) = &mut self.path;
        path.forget_place();
        let host = self.host.iter_mut();
        let host = host.flat_map(|host| [&mut host.header, &mut host.value]);
        host.chain(&mut self.cache_control)
            .for_each(Located::forget_place);
        self.cors.iter_mut().for_each(CorsPlan::forget_places);
        if let Some(tls) = &mut self.tls {
            tls.place = Place::default();
        }
    }
}
