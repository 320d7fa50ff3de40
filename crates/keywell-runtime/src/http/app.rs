use std::sync::{Arc, Weak};

use http::{Request, Response};
use hyper::body::Incoming;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;

use super::body::Content;
use super::connections::Connections;
use super::cors::Cors;
use super::handler::Handler;
use super::invoking::Invoking;
use super::options::{HttpOptions, InvokeOptions};
use super::policy::Policy;
use super::served::Served;
use super::working::Working;
use crate::Error;
use crate::instance::Instances;
use crate::worker::{WorkerNames, Workers};

/// A component that answers HTTP requests. Cloning it gives another handle.
#[derive(Clone)]
pub struct HttpApp(Arc<App>);

/// An application, without keeping it.
pub(super) struct WeakApp(Weak<App>);

struct App {
    answers: Answers,
    policy: Option<Arc<Policy>>,
    connections: Arc<Connections>,
}

/// What of the component a request calls.
enum Answers {
    /// Its `wasi:http/incoming-handler`.
    Handler(Arc<Handler>),
    /// The function that the request names.
    Invoking(Arc<Invoking>),
}

// === impl HttpApp ===

impl HttpApp {
    pub(crate) fn new(
        instances: Instances,
        connections: Arc<Connections>,
        options: &HttpOptions,
    ) -> Result<Self, Error> {
        let handler = Handler::new(instances, options)?;
        let answers = Answers::Handler(Arc::new(handler));
        Ok(Self::of(answers, connections, options))
    }

    /// One that calls the functions that requests name.
    /// Where there are workers, those are called.
    pub(crate) fn invoking(
        instances: Instances,
        connections: Arc<Connections>,
        options: &InvokeOptions,
        workers: Option<(Workers, WorkerNames)>,
    ) -> Result<Self, Error> {
        let working = workers.map(|(workers, names)| Working::new(workers, names));
        let invoking = Invoking::new(instances, options, working)?;
        let answers = Answers::Invoking(Arc::new(invoking));
        Ok(Self::of(answers, connections, &options.http))
    }

    fn of(answers: Answers, connections: Arc<Connections>, options: &HttpOptions) -> Self {
        Self(Arc::new(App {
            answers,
            policy: Policy::of(options).map(Arc::new),
            connections,
        }))
    }

    /// Answers a request. Whatever the component does, there is a response.
    pub(super) async fn respond(
        self,
        request: Request<Incoming>,
        scheme: Scheme,
    ) -> Response<Content> {
        let Self(app) = self;
        let version = request.version();
        let policy = app.policy.clone();
        let asked = policy.as_ref().map(|policy| policy.asked(&request));
        let own = policy.as_ref().and_then(|policy| policy.answer(&request));
        let mut response = if let Some(own) = own {
            own
        } else {
            let answered = match &app.answers {
                Answers::Handler(handler) => handler.answer(request, scheme).await,
                Answers::Invoking(invoking) => invoking.answer(request).await,
            };
            match answered {
                Ok(mut response) => {
                    if let Some(policy) = &policy {
                        policy.amend(response.headers_mut());
                    }
                    response
                }
                Err(refusal) => refusal.response(version),
            }
        };
        if let (Some(policy), Some(asked)) = (policy, asked) {
            policy.finish(asked, response.headers_mut());
        }
        response
    }

    /// What CORS allows by its trigger, if that says so.
    pub(super) fn cors(&self) -> Option<&Cors> {
        self.0.policy.as_ref()?.cors()
    }

    /// How many requests the component was called for, those that run included. Requests that were
    /// refused before it was called do not count.
    pub fn requests(&self) -> u64 {
        self.served().calls.begun()
    }

    /// Waits until it answers no request and never will again: until all handles but this future
    /// are dropped, and the last request has ended.
    pub fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        self.served().ended()
    }

    fn served(&self) -> &Served {
        self.0.answers.served()
    }

    /// The connections of its runtime.
    pub(super) fn connections(&self) -> &Arc<Connections> {
        &self.0.connections
    }

    pub(super) fn downgrade(&self) -> WeakApp {
        WeakApp(Arc::downgrade(&self.0))
    }
}

// === impl WeakApp ===

impl WeakApp {
    /// Waits until no request is being answered.
    pub(super) async fn idle(&self) {
        if let Some(app) = self.0.upgrade() {
            app.answers.served().calls.ended().await;
        }
    }
}

// === impl Answers ===

impl Answers {
    fn served(&self) -> &Served {
        match self {
            Self::Handler(handler) => handler.served(),
            Self::Invoking(invoking) => invoking.served(),
        }
    }
}
