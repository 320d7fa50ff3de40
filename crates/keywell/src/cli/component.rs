use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use keywell_config::units::{duration, size};
use keywell_runtime::{AllowedHost, Environment, LoadedComponent, Options, Runtime};

use wasmtime::component::Component;

use super::cache::CacheArguments;
use super::usage::Unshown;
use super::{machine, output};
use crate::cli::failed::Failed;

/// A component, and what bounds it.
#[derive(Args)]
pub(super) struct ComponentArguments {
    /// The component's file.
    #[arg(value_name = "COMPONENT")]
    pub(super) component: PathBuf,

    /// An environment variable for the component; may be repeated. It gets no other.
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = Unshown::new(variable))]
    pub(super) variables: Vec<(String, String)>,

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
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    instances: u32,

    /// A host that the component may send HTTP requests to; may be repeated. Without a port, at
    /// 80 for http and 443 for https; *.HOST for all under it, * for every host.
    #[arg(long = "allow-http", value_name = "HOST[:PORT]")]
    outgoing: Vec<AllowedHost>,

    #[command(flatten)]
    cache: CacheArguments,
}

// === impl ComponentArguments ===

impl ComponentArguments {
    pub(super) fn load(&self, options: &Options) -> Result<(Runtime, LoadedComponent), Failed> {
        let runtime = Runtime::new(options)?;
        let component = runtime.load(&self.component)?;
        Ok((runtime, component))
    }

    /// The component's file name, which a command sees as its first argument.
    pub(super) fn name(&self) -> String {
        self.component
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    }

    /// What the component sees of the world, as a command with these arguments behind its name.
    pub(super) fn environment(&self, arguments: Vec<String>) -> Environment {
        Environment {
            variables: self.variables.clone(),
            arguments: std::iter::once(self.name()).chain(arguments).collect(),
            stdin: false,
            outgoing: self.outgoing.clone(),
        }
    }

    /// What bounds it.
    pub(super) fn options(&self) -> Options {
        Options {
            memory: self.memory,
            total_memory: self.total_memory.unwrap_or_else(machine::usual_total),
            timeout: self.timeout,
            instances: self.instances,
            cache: self.cache.folder(),
            output: output::output().clone(),
            ..Options::default()
        }
    }
}

/// Exports that a trigger calls: the beginnings of their names, whatever their patch release is.
pub(super) const HTTP: &[&str] = &["wasi:http/incoming-handler@0.2."];
pub(super) const COMMAND: &[&str] = &["wasi:cli/run@0.2."];
/// Of the watcher, these names and no others.
pub(super) const WATCHER: &[&str] = &[
    "wasi:keyvalue/watcher@0.2.0-draft",
    "wasi:keyvalue/watcher@0.2.0-draft2",
];

/// Whether a component exports one of these.
pub(super) fn is_exported(component: &Component, interfaces: &[&str]) -> bool {
    let component_type = component.component_type();
    let mut exports = component_type.exports(component.engine());
    exports.any(|(name, _)| {
        interfaces
            .iter()
            .any(|interface| match interface.strip_suffix('.') {
                Some(_) => name.starts_with(interface),
                None => name == *interface,
            })
    })
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}
