use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use keywell_journal::{Claim, Decision, Journals, Record, Status, Time, WorkerName};
use keywell_memory::MemoryStore;
use keywell_runtime::invoke::wave;
use keywell_runtime::invoke::{Val, Written};
use keywell_runtime::worker::{self, InterruptedRequests, Invocation, WorkerOptions, Workers};
use keywell_runtime::{Environment, LoadedComponent, Options, Runtime};
use keywell_store::Store;
use keywell_wasi::Grants;

use super::server::Server;

/// How long anything may take before a test gives up on it.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// What outlives a process, and what makes them.
pub(crate) struct World {
    runtime: Runtime,
    component: LoadedComponent,
    store: Arc<dyn Store>,
    pub(crate) server: Server,
    pub(crate) interrupted: InterruptedRequests,
    /// The hosts that may be asked.
    pub(crate) allowed: Vec<String>,
}

/// A process in which the worker is called.
pub(crate) struct Process(Workers);

impl World {
    pub(crate) async fn new() -> Self {
        let options = Options {
            instances: 4,
            ..Options::default()
        };
        let runtime = Runtime::new(&options).unwrap();
        let guests = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../guests/target/wasm32-wasip2/release"
        );
        let path = PathBuf::from(guests).join("worker.wasm");
        let component = runtime.load_worker(&path, &path).unwrap();
        Self {
            runtime,
            component,
            store: Arc::new(MemoryStore::default()),
            server: Server::start().await,
            interrupted: InterruptedRequests::Stop,
            allowed: vec!["*".to_owned()],
        }
    }

    pub(crate) async fn process(&self) -> Process {
        let grants = Arc::new(Grants::everything_in(self.store.clone()));
        let allowed = self.allowed.iter();
        let environment = Environment {
            outgoing: allowed.map(|host| host.parse().unwrap()).collect(),
            ..Environment::default()
        };
        let options = WorkerOptions {
            interrupted_requests: self.interrupted,
            ..WorkerOptions::new(self.store.clone())
        };
        let workers = self
            .runtime
            .workers(&self.component, grants, environment, options);
        Process(workers.await.unwrap())
    }

    /// Runs a call until so many requests have come, and ends its process.
    pub(crate) async fn interrupt(&self, call: &str, requests: usize) {
        let process = self.process().await;
        tokio::select! {
            answer = process.call(call) => panic!("nothing was held back: {answer}"),
            () = self.server.wait(requests) => {}
        }
    }

    /// What a call returns in a process of its own, as text.
    pub(crate) async fn call(&self, call: &str) -> String {
        self.process().await.call(call).await
    }

    /// The error of the worker, which cannot go on.
    pub(crate) async fn stopped(&self) -> String {
        let process = self.process().await;
        let resumed = process.0.resume(&name(), PATIENCE).await;
        resumed.unwrap_err().to_string()
    }

    /// Goes on with what was interrupted, and answers what all requests were answered.
    pub(crate) async fn go_on(&self) -> String {
        let process = self.process().await;
        process.0.resume(&name(), PATIENCE).await.unwrap();
        process.call("answers()").await
    }

    pub(crate) async fn resolve(&self, decision: Decision) {
        let journals = self.journals().await;
        let head = journals.head(&name()).await.unwrap();
        assert!(
            matches!(head.status, Status::Ambiguous { .. }),
            "{:?}",
            head.status
        );
        let claim = Claim {
            holder: "operator".to_owned(),
            now: Time::of_the_system(),
            lease: Duration::ZERO,
        };
        journals.resolve(&name(), decision, &claim).await.unwrap();
    }

    /// The records of requests, in a word each.
    pub(crate) async fn records(&self) -> Vec<String> {
        let journals = self.journals().await;
        let head = journals.head(&name()).await.unwrap();
        let (mut cursor, mut records) = (journals.read(&name(), &head), Vec::new());
        while let Some((_, event)) = cursor.next(&head).await.unwrap() {
            records.extend(match event.record {
                Record::Answered { asked, .. } => Some(format!("answered {asked}")),
                Record::Intended { asked, .. } => Some(format!("intended {asked}")),
                Record::Settled { .. } => Some("settled".to_owned()),
                Record::Woke { .. } => Some("woke".to_owned()),
                _ => None,
            });
        }
        records
    }

    async fn journals(&self) -> Journals {
        Journals::open(self.store.clone()).await.unwrap()
    }
}

impl Process {
    pub(crate) async fn call(&self, call: &str) -> String {
        let written = Written::parse(call).unwrap();
        let function = self.0.functions().find(written.name).unwrap();
        let arguments: Vec<Val> = wave::arguments(&written, function).unwrap();
        let invocation = Invocation {
            worker: name(),
            key: None,
            function,
            arguments: &arguments,
        };
        let answer = self.0.invoke(invocation, PATIENCE);
        let answer = tokio::time::timeout(PATIENCE, answer).await.unwrap();
        let answer = worker::answer(function, &answer.unwrap()).unwrap();
        let texts = answer.iter().map(|value| wave::to_text(value).unwrap());
        texts.collect::<Vec<_>>().join(" ")
    }
}

fn name() -> WorkerName {
    "w".parse().unwrap()
}
