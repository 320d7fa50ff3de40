use std::time::Duration;

use http::HeaderValue;

use super::cors::Cors;
use crate::Environment;

/// How an HTTP component is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpOptions {
    /// How many requests an instance answers, one after the other, before it is replaced. 0 and 1
    /// both mean one. Later requests then see the state that the component keeps in its memory. An
    /// idle instance ends earlier if a call of another component needs its place; one that fails,
    /// or returns without a whole response, is not used again.
    pub reuse: u32,
    /// How many requests an instance answers at once; 0 and 1 both mean one. Only a component for
    /// WASI 0.3 can have several, and its instances then have as many in all though
    /// [`reuse`](Self::reuse) is less. They share its memory, and what it does wrong: where it traps,
    /// all of them fail.
    pub concurrency: u32,
    /// What its instances see of the world.
    pub environment: Environment,
    /// Whether requests other than GET and HEAD are answered with 405, without the component.
    pub is_read_only: bool,
    /// How long a request may take, where that is less than a call of the component may. One that
    /// has no response by then is answered with 408, and a response that has begun breaks off.
    pub timeout: Option<Duration>,
    /// A `Cache-Control` that each response of the component gets besides its own.
    pub cache_control: Option<HeaderValue>,
    /// What pages of other origins may do. Without it, the component answers for that.
    pub cors: Option<Cors>,
    /// Whether a connection is kept for more requests, where it has HTTP/1.
    pub keeps_alive: bool,
}

// === impl HttpOptions ===

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            reuse: 0,
            concurrency: 1,
            environment: Environment::default(),
            is_read_only: false,
            timeout: None,
            cache_control: None,
            cors: None,
            keeps_alive: true,
        }
    }
}

/// How exported functions are called over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvokeOptions {
    /// How the component is run. What is said of requests there stands for calls.
    pub http: HttpOptions,
    /// What its paths begin with; `/` for nothing.
    pub path: String,
    /// Which functions are offered, each an interface, or a function by its path without the first
    /// slash; none stands for all.
    pub functions: Vec<String>,
    /// The longest body of a request, in bytes. Of all bodies together, 64 MiB
    /// are held, or four times as much as this if that is more.
    pub max_body: usize,
}

// === impl InvokeOptions ===

impl Default for InvokeOptions {
    fn default() -> Self {
        Self {
            http: HttpOptions::default(),
            path: "/".to_owned(),
            functions: Vec::new(),
            max_body: 2 << 20,
        }
    }
}
