use std::net::SocketAddr;

use keywell_config::Code;
use keywell_runtime::watch::{Counts, Subscriptions};
use keywell_store::BucketName;
use keywell_store::layer::Metering;

/// What an application consists of while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its stores, by name.
    pub stores: Vec<StoreStatus>,
    /// Its components, by name.
    pub components: Vec<ComponentStatus>,
    /// Its triggers, in the order of the plan.
    pub triggers: Vec<TriggerStatus>,
    /// Where it answers whether it is well.
    pub health: Vec<SocketAddr>,
}

/// A store that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreStatus {
    /// Its name in the plan.
    pub name: String,
    /// Its URL, without the settings and the login.
    pub url: String,
    /// Whether no other process can have it open.
    pub is_exclusive: bool,
}

/// A component that is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentStatus {
    /// Its name in the plan.
    pub name: String,
    /// Where its bytes are.
    pub code: Code,
}

/// A trigger that was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriggerStatus {
    /// The component that it calls, by its name in the plan.
    pub component: String,
    /// What calls it.
    pub source: TriggerSource,
    /// Whether it runs.
    pub state: TriggerState,
}

/// What calls a component, as it was started. It is matched without a wildcard, so that a new kind
/// does not compile until it is handled everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TriggerSource {
    /// HTTP requests.
    Http {
        /// The addresses that are listened on, with their ports; at least one.
        addrs: Vec<SocketAddr>,
        /// The path that it answers, alone or with those below it; `/` for all.
        path: String,
        /// The host that it answers, if it does not answer all.
        host: Option<String>,
        /// Whether connections are encrypted.
        is_encrypted: bool,
    },
    /// Changes of keys.
    Watch {
        /// The trigger's name, which its dead letters are filed under.
        name: String,
        /// Which changes.
        subscriptions: Subscriptions,
        /// The bucket, by the component's name for it.
        bucket: BucketName,
        /// The store of the bucket, by its name in the plan.
        store: String,
    },
    /// The application's start.
    Command,
    /// Calls of exported functions over HTTP.
    Invoke {
        /// The addresses that are listened on, with their ports; at least one.
        addrs: Vec<SocketAddr>,
        /// What its paths begin with; `/` for nothing.
        path: String,
        /// The host that it answers, if it does not answer all.
        host: Option<String>,
        /// Whether connections are encrypted.
        is_encrypted: bool,
    },
}

/// Whether a trigger runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TriggerState {
    /// It runs.
    Running,
    /// It ended as it should: it was stopped, or its command exited.
    Ended,
    /// It failed, for this reason.
    Failed(String),
}

/// What a trigger has done since it was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriggerCounters {
    /// The component that it calls, by its name in the plan.
    pub component: String,
    /// The counters of its kind.
    pub counts: TriggerCounts,
}

/// The counters of a trigger at one moment, in numbers that only grow. Matched without a wildcard,
/// as [`TriggerSource`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TriggerCounts {
    /// HTTP requests.
    Http {
        /// Requests that the component was called for, those that run included.
        requests: u64,
    },
    /// Changes of keys.
    Watch(Counts),
    /// The application's start, which nothing is counted of.
    Command,
    /// Calls of exported functions.
    Invoke {
        /// Calls that reached a function, those that run included.
        calls: u64,
    },
}

/// What was counted of a bucket since its store was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketMetering {
    /// The store, by its name in the plan.
    pub store: String,
    /// The bucket's name in the store; `None` for all that have no counts of their own, past
    /// [`Meters::MAX`](keywell_store::layer::Meters::MAX) buckets.
    pub bucket: Option<BucketName>,
    /// Its counts.
    pub metering: Metering,
}
