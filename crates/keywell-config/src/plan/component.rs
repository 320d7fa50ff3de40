use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::dir::DirPlan;
use super::link::LinkPlan;
use crate::{Located, Place, Secret};

/// A component, what it sees of the world, and what bounds it. `Debug` has no values of `config`,
/// which may have been secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ComponentPlan {
    /// What is compiled.
    pub code: Code,
    /// Where that is written.
    pub place: Place,
    /// Its environment variables.
    pub env: Vec<(String, Secret)>,
    /// Those keys of `env` whose values are no secrets, and may be shown.
    pub plain_env: BTreeSet<String>,
    /// The values that it reads by `wasi:config`. Of two with one key the later is read.
    pub config: Vec<(String, String)>,
    /// Those keys of `config` whose values may be secret, and are not shown.
    pub concealed: BTreeSet<String>,
    /// The hosts that it may send HTTP requests to: `HOST`, `HOST:PORT`, `*.HOST`, `*`.
    pub outgoing: Vec<Located<String>>,
    /// The hosts that it may open TCP connections to: `HOST:PORT`.
    pub tcp: Vec<Located<String>>,
    /// The folders that it has.
    pub dirs: Vec<DirPlan>,
    /// What it reads by `wasmcloud:secrets`. Of two with one key the later is read.
    pub secrets: Vec<(String, Secret)>,
    /// What it reaches by `wasi:keyvalue`, where it has not chosen a link by its name.
    pub link: LinkPlan,
    /// What it reaches by `wasi:keyvalue` once it has chosen a link, by the names of the links.
    pub links: BTreeMap<String, LinkPlan>,
    /// Imports that other components answer.
    pub imports: Vec<ImportPlan>,
    /// How many instances of it there may be at once, where it is less than that of all; 0 where it
    /// is not to run.
    pub instances: Option<u32>,
    /// The most memory of an instance, in bytes, where it is less than that of all.
    pub memory: Option<usize>,
    /// How long a call may take, where it is not as for all.
    pub timeout: Option<Duration>,
    /// The shell command by which it is built, in the folder of the file.
    pub build: Option<String>,
    /// Whether it runs as workers, so that its code has to do the same in every replay.
    pub is_worker: bool,
}

/// Where a component's bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// In a file. A path that was read is taken from the folder of the configuration where it is
    /// relative.
    File(PathBuf),
    /// In an image of a registry.
    Image {
        /// Its reference: `ghcr.io/NAME:TAG`, with or without `oci://` before it.
        reference: String,
        /// The file that it was downloaded to.
        file: Option<PathBuf>,
    },
}

/// An import of a component that another component answers, with its own links and limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportPlan {
    /// The interface, without a version: `wasi:keyvalue/store`.
    pub interface: Located<String>,
    /// The component that answers, by its name in the plan.
    pub component: String,
}

// === impl Code ===

impl Default for Code {
    fn default() -> Self {
        Self::File(PathBuf::new())
    }
}

impl Code {
    /// The file, if it is known yet.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(file) => Some(file),
            Self::Image { file, .. } => file.as_deref(),
        }
    }
}

impl fmt::Display for Code {
    /// The path or the reference.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => file.display().fmt(f),
            Self::Image { reference, .. } => f.write_str(reference),
        }
    }
}

// === impl ComponentPlan ===

impl fmt::Debug for ComponentPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            code,
            place,
            env,
            plain_env,
            config,
            concealed,
            outgoing,
            tcp,
            dirs,
            secrets,
            link,
            links,
            imports,
            instances,
            memory,
            timeout,
            build,
            is_worker,
        } = self;
        let keys: Vec<&String> = config.iter().map(|(key, _)| key).collect();
        f.debug_struct("ComponentPlan")
            .field("code", code)
            .field("place", place)
            .field("env", env)
            .field("plain_env", plain_env)
            .field("config", &keys)
            .field("concealed", concealed)
            .field("outgoing", outgoing)
            .field("tcp", tcp)
            .field("dirs", dirs)
            .field("secrets", secrets)
            .field("link", link)
            .field("links", links)
            .field("imports", imports)
            .field("instances", instances)
            .field("memory", memory)
            .field("timeout", timeout)
            .field("build", build)
            .field("is_worker", is_worker)
            .finish()
    }
}

impl ComponentPlan {
    /// A component that has no buckets, no variables, and bounds as for all.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            code: Code::File(path.into()),
            ..Self::default()
        }
    }

    /// Whether the file of its code is known: that of an image is, once it was downloaded.
    pub fn has_file(&self) -> bool {
        self.code.file().is_some()
    }

    /// Its links, that without a name first.
    pub fn links(&self) -> impl Iterator<Item = &LinkPlan> {
        std::iter::once(&self.link).chain(self.links.values())
    }

    /// The same component, as if it had not been built, nor read from a file.
    #[must_use]
    pub fn without_places(&self) -> Self {
        let mut component = self.clone();
        component.place = Place::default();
        component.build = None;
        component.link.forget_places();
        component
            .links
            .values_mut()
            .for_each(LinkPlan::forget_places);
        let imports = component.imports.iter_mut();
        let imports = imports.map(|import| &mut import.interface);
        let hosts = component.outgoing.iter_mut().chain(&mut component.tcp);
        for text in hosts.chain(imports) {
            text.place = Place::default();
        }
        for dir in &mut component.dirs {
            dir.place = Place::default();
        }
        component
    }
}
