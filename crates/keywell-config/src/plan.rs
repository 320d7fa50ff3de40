use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::{ConfigError, ListenAddress, Located, Place, Secret};

/// An application: stores, components and what calls them. Every name in it is defined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The file it was read from, for messages.
    pub file: PathBuf,
    /// What bounds all components together.
    pub limits: LimitsPlan,
    /// The stores, by name.
    pub stores: BTreeMap<String, StorePlan>,
    /// The components, by name.
    pub components: BTreeMap<String, ComponentPlan>,
    /// What calls the components, in the order written; never empty.
    pub triggers: Vec<TriggerPlan>,
}

/// What bounds components. What is not given is the program's usual.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitsPlan {
    /// The most memory of an instance, in bytes.
    pub memory: Option<usize>,
    /// How long a call may take.
    pub timeout: Option<Duration>,
    /// How many instances there may be at once, of all components together.
    pub instances: Option<u32>,
    /// How many connections clients may have open, of all HTTP triggers together.
    pub connections: Option<u32>,
    /// How long a response may wait for a client that does not read it.
    pub write_timeout: Option<Duration>,
    /// The most memory of all instances together, with what the host holds for them, in bytes.
    pub total_memory: Option<usize>,
}

/// A store to open once, for all who use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorePlan {
    /// Its URL, which may have a password in it.
    pub url: Located<Secret>,
    /// Its settings besides those in the URL, as text whatever they were written as.
    pub settings: Vec<(String, Located<Secret>)>,
}

/// A component, what it sees of the world, and what bounds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentPlan {
    /// Its file, taken from the folder of the configuration where it is relative.
    pub path: PathBuf,
    /// Where the path is written.
    pub place: Place,
    /// Its environment variables.
    pub env: Vec<(String, Secret)>,
    /// The hosts that it may send HTTP requests to: `HOST`, `HOST:PORT`, `*.HOST`, `*`.
    pub outgoing: Vec<Located<String>>,
    /// The store that has every bucket name not in `buckets`; without one, those are denied.
    pub store: Option<String>,
    /// What a bucket name of the component stands for.
    pub buckets: BTreeMap<String, GrantPlan>,
    /// The most memory of an instance, in bytes, where it is less than that of all.
    pub memory: Option<usize>,
    /// How long a call may take, where it is not as for all.
    pub timeout: Option<Duration>,
}

/// A bucket, and what may be done with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantPlan {
    /// The store, by its name in the plan.
    pub store: String,
    /// The bucket's name in the store.
    pub bucket: Located<String>,
    /// Whether writes are refused.
    pub read_only: bool,
    /// What every key begins with in the store, unseen by the component.
    pub prefix: String,
}

/// What calls a component.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TriggerPlan {
    /// HTTP requests.
    Http(HttpPlan),
    /// Changes of keys.
    Watch(Box<WatchPlan>),
}

/// HTTP requests to an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpPlan {
    /// The component, by its name in the plan.
    pub component: String,
    /// Where to listen; port 0 takes a free one.
    pub addr: ListenAddress,
    /// How many requests an instance answers.
    pub reuse: u32,
    /// Where the trigger begins.
    pub place: Place,
}

/// Changes of the keys of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchPlan {
    /// Its name, by which it finds where it was after a restart.
    pub name: Option<Located<String>>,
    /// The component, by its name in the plan.
    pub component: String,
    /// The store of the bucket, by its name in the plan.
    pub store: String,
    /// The bucket, by the component's name for it, which is granted.
    pub bucket: Located<String>,
    /// Which changes: `SET@key`, `DEL@key`, each text one or several separated by commas.
    pub on: Vec<Located<String>>,
    /// How many deliveries may run at once.
    pub parallel: Option<u32>,
    /// How often a delivery that failed is tried again.
    pub retries: Option<u32>,
    /// How long the first wait before another try is.
    pub backoff: Option<Duration>,
    /// How long a delivery may take.
    pub deadline: Option<Duration>,
    /// How often a component's own writes may call it again, one after the other.
    pub hops: Option<u32>,
    /// The store that keeps its positions, by its name in the plan, where that is not the watched
    /// one. Dead letters are kept there too, unless `dead_letters` says otherwise.
    pub positions: Option<String>,
    /// Where deliveries go that failed for good.
    pub dead_letters: Option<DeadLettersPlan>,
    /// Where the trigger begins.
    pub place: Place,
}

/// Where deliveries go that failed for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLettersPlan {
    /// The store, by its name in the plan; without one, the watched store.
    pub store: Option<String>,
    /// The bucket in the store.
    pub bucket: Located<String>,
}

// === impl Plan ===

impl Plan {
    /// An error about something in this plan that only its user can know to be wrong.
    pub fn error_at(&self, place: Place, problem: impl Into<String>) -> ConfigError {
        ConfigError::at(&self.file, place, problem)
    }
}

// === impl TriggerPlan ===

impl TriggerPlan {
    /// The component that it calls, by its name in the plan.
    pub fn component(&self) -> &str {
        match self {
            Self::Http(http) => &http.component,
            Self::Watch(watch) => &watch.component,
        }
    }

    /// Where it begins.
    pub fn place(&self) -> Place {
        match self {
            Self::Http(http) => http.place,
            Self::Watch(watch) => watch.place,
        }
    }
}
