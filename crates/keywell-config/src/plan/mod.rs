//! What an application is made of.

mod check;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::{ListenAddress, Located, Place, Secret, Source};

/// An application: stores, components and what calls them. Every name in one that was read from a
/// file is defined; [`Plan::check`] says whether it is so in one that a program made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The file it was read from, for messages; relative places of stores are taken from its folder.
    /// Without one, they are taken from the current folder.
    pub file: Option<PathBuf>,
    /// The text of that file, for messages.
    pub source: Option<Source>,
    /// What bounds all components together.
    pub limits: LimitsPlan,
    /// The stores, by name.
    pub stores: BTreeMap<String, StorePlan>,
    /// The components, by name.
    pub components: BTreeMap<String, ComponentPlan>,
    /// What calls the components, in the order written; never empty in one that was read.
    pub triggers: Vec<TriggerPlan>,
    /// Whether the calls of every store are counted and timed. No file asks for it.
    pub is_metered: bool,
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

/// A store to open once, for all that use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorePlan {
    /// Its URL, which may have a password in it.
    pub url: Located<Secret>,
    /// Its settings besides those in the URL, as text whatever they were written as.
    pub settings: Vec<(String, Located<Secret>)>,
}

/// A component, what it sees of the world, and what bounds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ComponentPlan {
    /// Its file. One that was read is taken from the folder of the configuration where it is relative.
    pub path: PathBuf,
    /// Where the path is written.
    pub place: Place,
    /// Its environment variables.
    pub env: Vec<(String, Secret)>,
    /// The values that it reads by `wasi:config`. Of two with one key the later is read.
    pub config: Vec<(String, String)>,
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
    /// The most bytes of a key, without the prefix, where that is less than usual.
    pub max_key: Option<usize>,
    /// The most bytes of a value, where that is less than usual.
    pub max_value: Option<usize>,
}

/// What calls a component. It is matched without a wildcard wherever triggers are handled, so that
/// a new kind does not compile until it is handled everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TriggerPlan {
    /// HTTP requests.
    Http(HttpPlan),
    /// Changes of keys.
    Watch(Box<WatchPlan>),
    /// The application's start: the component runs once, as a command.
    Command(CommandPlan),
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
    /// Whether the trigger is left out where the component does not answer HTTP, rather than an error.
    pub is_optional: bool,
    /// Where the trigger begins.
    pub place: Place,
}

/// A command, run once. The application goes on when it ends, if it has other triggers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandPlan {
    /// The component, by its name in the plan.
    pub component: String,
    /// Its arguments, behind the component's name.
    pub arguments: Vec<String>,
    /// Whether it reads the process's standard input.
    pub has_stdin: bool,
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

// === impl StorePlan ===

impl StorePlan {
    /// A store at a URL, with the settings that are in it.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: Secret::from(url.into()).into(),
            settings: Vec::new(),
        }
    }
}

// === impl ComponentPlan ===

impl ComponentPlan {
    /// A component that has no buckets, no variables, and bounds as for all.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            ..Self::default()
        }
    }

    /// The same component, as if it had not been read from a file.
    #[must_use]
    pub fn without_places(&self) -> Self {
        let mut component = self.clone();
        component.place = Place::default();
        let buckets = component.buckets.values_mut();
        let buckets = buckets.map(|grant| &mut grant.bucket);
        for text in component.outgoing.iter_mut().chain(buckets) {
            text.place = Place::default();
        }
        component
    }
}

// === impl TriggerPlan ===

impl TriggerPlan {
    /// The component that it calls, by its name in the plan.
    pub fn component(&self) -> &str {
        match self {
            Self::Http(http) => &http.component,
            Self::Watch(watch) => &watch.component,
            Self::Command(command) => &command.component,
        }
    }

    /// Where it begins.
    pub fn place(&self) -> Place {
        match self {
            Self::Http(http) => http.place,
            Self::Watch(watch) => watch.place,
            Self::Command(command) => command.place,
        }
    }

    /// The same trigger, as if it had not been read from a file.
    #[must_use]
    pub fn without_places(&self) -> Self {
        let mut trigger = self.clone();
        match &mut trigger {
            Self::Http(http) => http.place = Place::default(),
            Self::Watch(watch) => watch.forget_places(),
            Self::Command(command) => command.place = Place::default(),
        }
        trigger
    }

    /// The stores that it names, by their names in the plan.
    pub fn stores(&self) -> Vec<&String> {
        match self {
            Self::Http(_) | Self::Command(_) => Vec::new(),
            Self::Watch(watch) => {
                let dead_letters = watch.dead_letters.as_ref();
                let dead_letters = dead_letters.and_then(|dead| dead.store.as_ref());
                let watched = std::iter::once(&watch.store);
                watched
                    .chain(&watch.positions)
                    .chain(dead_letters)
                    .collect()
            }
        }
    }
}

// === impl HttpPlan ===

impl HttpPlan {
    /// Requests to an address, each to an instance of its own.
    pub fn new(component: impl Into<String>, addr: impl Into<ListenAddress>) -> Self {
        Self {
            component: component.into(),
            addr: addr.into(),
            reuse: 1,
            is_optional: false,
            place: Place::default(),
        }
    }
}

// === impl CommandPlan ===

impl CommandPlan {
    /// A command without arguments and standard input.
    pub fn new(component: impl Into<String>) -> Self {
        Self {
            component: component.into(),
            arguments: Vec::new(),
            has_stdin: false,
            place: Place::default(),
        }
    }
}

// === impl WatchPlan ===

impl WatchPlan {
    /// Changes in the default bucket, delivered as is usual: `on` is `SET@key`, `DEL@key`, or several
    /// of these separated by commas.
    pub fn new(
        component: impl Into<String>,
        store: impl Into<String>,
        on: impl Into<String>,
    ) -> Self {
        Self {
            name: None,
            component: component.into(),
            store: store.into(),
            bucket: "default".to_owned().into(),
            on: vec![on.into().into()],
            parallel: None,
            retries: None,
            backoff: None,
            deadline: None,
            hops: None,
            positions: None,
            dead_letters: None,
            place: Place::default(),
        }
    }

    fn forget_places(&mut self) {
        self.place = Place::default();
        let dead_letters = self.dead_letters.iter_mut();
        let dead_letters = dead_letters.map(|dead| &mut dead.bucket);
        let texts = self.name.iter_mut().chain(&mut self.on).chain(dead_letters);
        for text in texts.chain([&mut self.bucket]) {
            text.place = Place::default();
        }
    }
}
