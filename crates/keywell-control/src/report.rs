use std::collections::BTreeMap;
use std::path::PathBuf;

use keywell_store::BoxFuture;
use serde::{Deserialize, Serialize};

/// A process that others may ask.
pub trait Process: Send + Sync {
    /// What it runs.
    fn report(&self) -> Report;

    /// What is not ready, each as a line without secrets; nothing once everything runs and every
    /// store answers.
    fn unready(&self) -> BoxFuture<Vec<String>>;
}

/// What a process runs, as `keywell status --json` prints it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The id of the process.
    pub pid: u32,
    /// Its version of Keywell.
    pub version: String,
    /// For how many seconds it has run.
    pub uptime_seconds: u64,
    /// The file that its plan was read from, if it was.
    pub file: Option<PathBuf>,
    /// Where it answers questions about its health.
    pub health: Vec<String>,
    /// Its stores, by name.
    pub stores: Vec<StoreReport>,
    /// Its components, by name.
    pub components: Vec<ComponentReport>,
    /// Its triggers, in the order of the plan.
    pub triggers: Vec<TriggerReport>,
}

/// A store that is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreReport {
    /// Its name in the plan.
    pub name: String,
    /// Its URL, without the settings and the login.
    pub url: String,
    /// Whether no other process can have it open.
    pub exclusive: bool,
    /// What was counted of its buckets, if calls are counted.
    #[serde(default)]
    pub calls: Vec<CallsReport>,
}

/// What was counted of an operation of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallsReport {
    /// The bucket's name in the store; none for all that have no counts of their own.
    pub bucket: Option<String>,
    /// The operation.
    pub operation: String,
    /// How often it was called.
    pub calls: u64,
    /// How many bytes of keys and values it moved.
    pub bytes: u64,
    /// How long half of the calls took at most, in nanoseconds.
    pub p50_nanos: u64,
    /// How long 99 of a hundred calls took at most.
    pub p99_nanos: u64,
    /// How long the longest took.
    pub max_nanos: u64,
    /// How many calls failed, by the kind of the error.
    pub errors: BTreeMap<String, u64>,
}

/// A component that is loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentReport {
    /// Its name in the plan.
    pub name: String,
    /// Its file, or the reference of its image.
    pub code: String,
    /// Its links; that without a name first.
    pub links: Vec<LinkReport>,
}

/// What a component reaches by a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkReport {
    /// Its name; none for that which is used without a choice.
    pub name: Option<String>,
    /// The stores, by their names in the plan.
    pub stores: Vec<String>,
}

/// A trigger that was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriggerReport {
    /// The component that it calls.
    pub component: String,
    /// What calls it.
    #[serde(flatten)]
    pub source: SourceReport,
    /// Whether it runs.
    pub state: StateReport,
    /// What it has done since it was started.
    pub counters: BTreeMap<String, u64>,
}

/// What calls a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum SourceReport {
    /// HTTP requests.
    Http {
        /// The addresses that are listened on.
        addresses: Vec<String>,
        /// The path that it answers, alone or with those below it; `/` for all.
        path: String,
        /// The host that it answers, if it does not answer all.
        host: Option<String>,
        /// Whether connections are encrypted.
        is_encrypted: bool,
    },
    /// Changes of keys.
    Watch {
        /// The trigger's name.
        name: String,
        /// Which changes.
        changes: String,
        /// The bucket, by the component's name for it.
        bucket: String,
        /// The store of the bucket, by its name in the plan.
        store: String,
    },
    /// The application's start.
    Command,
    /// Calls of exported functions over HTTP.
    Invoke {
        /// The addresses that are listened on.
        addresses: Vec<String>,
        /// What its paths begin with; `/` for nothing.
        path: String,
        /// The host that it answers, if it does not answer all.
        host: Option<String>,
        /// Whether connections are encrypted.
        is_encrypted: bool,
    },
}

/// Whether a trigger runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StateReport {
    /// It runs.
    Running,
    /// It ended as it should.
    Ended,
    /// It failed, for this reason.
    Failed(String),
}
