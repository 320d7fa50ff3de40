use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use keywell_app::{AppOptions, Application};
use keywell_config::units::{duration, size};
use keywell_config::{Code, ComponentPlan, DirPlan, LimitsPlan, LinkPlan, Place, Plan, Secret};
use keywell_runtime::output::Output;
use keywell_runtime::{AllowedHost, AllowedPeer, HostError};

use super::cache::CacheArguments;
use super::config_file::ConfigFile;
use super::config_set::{ConfigSetArguments, NamedSet};
use super::images::ImageArguments;
use super::metrics::MetricsArguments;
use super::number::whole;
use super::output;
use super::store::GivenUrl;
use super::usage::Unshown;
use super::written::Written;
use crate::cli::failed::Failed;

/// A component, and what bounds it.
#[derive(Args, Clone)]
pub(super) struct ComponentArguments {
    /// The component: a file, or an image such as ghcr.io/NAME:TAG.
    #[arg(value_name = "COMPONENT")]
    component: PathBuf,

    /// An environment variable for the component; may be repeated. It gets no other.
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = Unshown::new(variable))]
    variables: Vec<(String, String)>,

    /// A value that the component reads by wasi:config; may be repeated.
    #[arg(long = "config", value_name = "KEY=VALUE", value_parser = Unshown::new(setting))]
    config: Vec<(String, String)>,

    /// A file of such values, a line KEY=VALUE each; empty lines and those that begin with # are
    /// skipped. May be repeated; a later file wins, and --config over all files.
    #[arg(long, value_name = "FILE", value_parser = ConfigFile::read)]
    config_file: Vec<ConfigFile>,

    #[command(flatten)]
    config_sets: ConfigSetArguments,

    /// A host that the component may send HTTP requests to; may be repeated. Without a port, at
    /// 80 for http and 443 for https; *.HOST for all under it, * for every host.
    #[arg(long = "allow-http", value_name = "HOST[:PORT]", value_parser = host)]
    outgoing: Vec<String>,

    /// A host that the component may open TCP connections to; may be repeated.
    #[arg(long = "allow-tcp", value_name = "HOST:PORT", value_parser = peer)]
    tcp: Vec<String>,

    /// A folder that the component has, by its own name or as GUEST, to read only with :ro; may be
    /// repeated.
    #[arg(long = "dir", value_name = "FOLDER[::GUEST][:ro]", value_parser = dir)]
    dirs: Vec<DirPlan>,

    /// An export file of `keywell kv export`, whose keys a store in memory has at first.
    #[arg(long, value_name = "FILE")]
    preset: Option<PathBuf>,

    /// How long a call may take: 500ms, 30s, 5m.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    timeout: Duration,

    /// How much memory an instance may have: 64KiB, 256MiB, 1GiB. What Keywell holds for it may
    /// have as much again, and 4 MiB at least.
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = size)]
    memory: usize,

    /// How much memory all instances may have together, with what Keywell holds for them; past it
    /// requests wait, then get 503. [default: three quarters of the machine's, or of the cgroup's]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    total_memory: Option<usize>,

    /// How many instances may be there at once; calls past it wait. Where there are requests,
    /// deliveries have at most half of them.
    #[arg(long, value_name = "N", default_value_t = 256,
          value_parser = whole::<u32>(1..=10_000))]
    instances: u32,

    #[command(flatten)]
    metrics: MetricsArguments,

    #[command(flatten)]
    cache: CacheArguments,

    #[command(flatten)]
    images: ImageArguments,
}

// === impl ComponentArguments ===

impl ComponentArguments {
    /// The store of the plan.
    pub(super) const STORE: &str = "main";

    /// A file, or an image.
    pub(super) fn written(&self) -> Result<Written, Failed> {
        Written::read(&self.component)
    }

    /// Reads the configuration sets that it is given.
    pub(super) fn config_sets(&self) -> Result<Vec<NamedSet>, Failed> {
        self.config_sets.read()
    }

    /// A plan of a component alone, by its own name, with every bucket of a store and the values of
    /// `sets`; nothing calls it.
    pub(super) fn plan(&self, written: &Written, store: &GivenUrl, sets: &[NamedSet]) -> Plan {
        let variables = self.variables.iter();
        let outgoing = self.outgoing.iter();
        let sets = sets.iter().flat_map(|set| &set.values);
        let files = self.config_file.iter().flat_map(ConfigFile::values);
        let component = ComponentPlan {
            env: variables
                .map(|(name, value)| (name.clone(), value.clone().into()))
                .collect(),
            config: sets.chain(files).chain(&self.config).cloned().collect(),
            outgoing: outgoing.map(|host| host.clone().into()).collect(),
            tcp: self.tcp.iter().map(|peer| peer.clone().into()).collect(),
            dirs: self.dirs.clone(),
            link: LinkPlan::to(Self::STORE),
            code: written.code(),
            ..ComponentPlan::default()
        };
        let mut store = store.plan();
        if let Some(preset) = &self.preset {
            let preset = Secret::from(preset.to_string_lossy().into_owned());
            store.settings.push(("preset".to_owned(), preset.into()));
        }
        Plan {
            limits: LimitsPlan {
                memory: Some(self.memory),
                timeout: Some(self.timeout),
                instances: Some(self.instances),
                total_memory: self.total_memory,
                ..LimitsPlan::default()
            },
            stores: [(Self::STORE.to_owned(), store)].into(),
            components: [(written.name(), component)].into(),
            is_metered: self.metrics.metrics,
            ..Plan::default()
        }
    }

    /// Downloads the component, if it is an image, and checks and compiles a plan.
    pub(super) async fn load(&self, plan: Plan) -> Result<Application, Failed> {
        self.load_printing(plan, output::output().clone()).await
    }

    /// As [`load`](Self::load), but what the component prints goes there.
    pub(super) async fn load_printing(
        &self,
        mut plan: Plan,
        output: Output,
    ) -> Result<Application, Failed> {
        self.pull(&mut plan).await?;
        let options = AppOptions {
            output,
            ..self.cache.options(self.config_sets.state())
        };
        Application::load(plan, options).map_err(Failed::of_one)
    }

    /// Downloads the component of a plan, if it is an image.
    pub(super) async fn pull(&self, plan: &mut Plan) -> Result<(), Failed> {
        let folder = self.cache.images();
        for component in plan.components.values_mut() {
            if let Code::Image { reference, file } = &mut component.code {
                let pull = self.images.pull_one(folder.as_deref(), reference);
                *file = Some(pull.await?.file);
            }
        }
        Ok(())
    }
}

fn host(text: &str) -> Result<String, HostError> {
    text.parse::<AllowedHost>().map(|_| text.to_owned())
}

fn peer(text: &str) -> Result<String, HostError> {
    text.parse::<AllowedPeer>().map(|_| text.to_owned())
}

/// Reads `FOLDER[::GUEST][:ro]`.
fn dir(text: &str) -> Result<DirPlan, String> {
    let (paths, mode) = match text.strip_suffix(":ro") {
        Some(paths) => (paths, ":ro"),
        None => (text, ""),
    };
    let (host, guest) = paths.split_once("::").unwrap_or((paths, paths));
    if host.is_empty() || guest.is_empty() {
        return Err("write FOLDER or FOLDER::GUEST, with :ro behind it to read only".to_owned());
    }
    let host = format!("{host}{mode}");
    Ok(DirPlan::read(guest, &host, "".as_ref(), Place::default()))
}

pub(super) fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE".to_owned()),
    }
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}
