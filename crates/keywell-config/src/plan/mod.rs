//! What an application is made of.

mod build;
pub(crate) mod chain;
mod check;
mod command;
mod component;
mod dir;
mod http;
mod invoke;
mod limits;
mod link;
mod store;
mod trigger;
mod watch;
mod workers;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::{ListenAddress, Located, Source};

pub use build::BuildPlan;
pub use command::CommandPlan;
pub use component::{Code, ComponentPlan, ImportPlan};
pub use dir::DirPlan;
pub use http::{CorsPlan, HostPlan, HttpPlan, PathPlan, TlsPlan};
pub use invoke::InvokePlan;
pub use limits::LimitsPlan;
pub use link::{GrantPlan, LinkPlan};
pub use store::StorePlan;
pub use trigger::TriggerPlan;
pub use watch::{DeadLettersPlan, WatchPlan};
pub use workers::{InterruptedRequests, WorkersPlan};

/// An application: stores, components and what calls them. Every name in one that was read from a
/// file is defined; [`Plan::check`] says whether it is so in one that a program made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The file it was read from, for messages; relative places of stores are taken from its
    /// folder. Without one, they are taken from the current folder.
    pub file: Option<PathBuf>,
    /// The text of that file, for messages.
    pub source: Option<Source>,
    /// The other files that it was read from, with their texts: the places in the first of these
    /// have the number 1.
    pub more_files: Vec<(PathBuf, Source)>,
    /// What bounds all components together.
    pub limits: LimitsPlan,
    /// The stores, by name.
    pub stores: BTreeMap<String, StorePlan>,
    /// The components, by name.
    pub components: BTreeMap<String, ComponentPlan>,
    /// What calls the components, in the order written; never empty in one that was read.
    pub triggers: Vec<TriggerPlan>,
    /// The shell command by which all components are built, in the folder of the file.
    pub build: Option<String>,
    /// What builds run in and with. Only project files of other tools say it.
    pub build_with: BuildPlan,
    /// Where `GET /healthz` and `GET /readyz` are answered.
    pub health: Option<Located<ListenAddress>>,
    /// Whether the calls of every store are counted and timed. No file asks for it.
    pub is_metered: bool,
}

// === impl Plan ===

impl Plan {
    /// The same plan, as if it had not been read from files, and its components had not been built.
    #[must_use]
    pub fn without_places(&self) -> Self {
        let stores = self.stores.iter();
        let stores = stores.map(|(name, store)| (name.clone(), store.without_places()));
        let components = self.components.iter();
        let components =
            components.map(|(name, component)| (name.clone(), component.without_places()));
        let triggers = self.triggers.iter().map(TriggerPlan::without_places);
        Self {
            file: None,
            source: None,
            more_files: Vec::new(),
            limits: self.limits.clone(),
            stores: stores.collect(),
            components: components.collect(),
            triggers: triggers.collect(),
            build: None,
            build_with: BuildPlan::default(),
            health: self
                .health
                .as_ref()
                .map(|health| health.value.clone().into()),
            is_metered: self.is_metered,
        }
    }
}
