use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use keywell_app::TriggerKind;
use keywell_runtime::{LoadedComponent, Options, Runtime, exports, interfaces};
use keywell_store::terminal::{self, escape};
use serde::Serialize;

use super::cache::CacheFolder;
use super::images::ImageArguments;
use super::output;
use super::written::Written;
use crate::cli::failed::{Ended, Failed};

/// Show what a component imports and exports, and whether Keywell offers it.
#[derive(Args)]
#[command(after_help = "Example:\n  keywell inspect counter.wasm")]
pub(super) struct Inspect {
    /// The component: a file, or an image such as ghcr.io/NAME:TAG.
    #[arg(value_name = "COMPONENT")]
    component: PathBuf,

    /// Print JSON.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    images: ImageArguments,

    #[command(flatten)]
    cache: CacheFolder,
}

#[derive(Serialize)]
struct Report {
    imports: Vec<Import>,
    exports: Vec<String>,
    /// The generations of `wasi:keyvalue` it imports; those of other key-value packages with the
    /// package: `keywell:keyvalue@0.1.0`, `fermyon:spin/key-value`.
    generations: Vec<String>,
    /// What it can be run with: `serve`, `serve --watch`, `run`.
    commands: Vec<&'static str>,
}

#[derive(Serialize)]
struct Import {
    name: String,
    offered: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

// === impl Inspect ===

impl Inspect {
    pub(super) async fn main(self) -> Ended {
        let options = Options {
            cache: self.cache.folder(),
            instances: 1,
            ..Options::default()
        };
        let runtime = Runtime::new(&options)?;
        let loaded = match Written::read(&self.component)? {
            Written::File(file) => runtime.outline(&file, &file)?,
            Written::Image(reference) => {
                let (name, folder) = (reference.to_string(), self.cache.images());
                let pulled = self.images.pull_one(folder.as_deref(), &name).await?;
                runtime.outline(name.as_ref(), &pulled.file)?
            }
        };
        let report = Report::new(&loaded);
        if self.json {
            let json = serde_json::to_string_pretty(&report)
                .map_err(|error| Failed::because("cannot write JSON", error))?;
            output::print(&terminal::escape_json(&json))?;
        } else {
            output::print(&report.text())?;
        }
        let runnable = report.imports.iter().all(|import| import.offered);
        Ok(if runnable {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

// === impl Report ===

impl Report {
    fn new(loaded: &LoadedComponent) -> Self {
        let component = loaded.component();
        let imports = interfaces(component).into_iter().map(|interface| Import {
            offered: interface.missing.is_none(),
            hint: interface.missing.map(|missing| missing.hint),
            name: interface.name,
        });
        let mut generations: Vec<String> = keywell_wasi::imports(component)
            .into_iter()
            .filter_map(|import| import.generation)
            .map(|generation| generation.to_string())
            .collect();
        let packages = keywell_wasi::spin_imports(component).into_iter();
        let packages = packages.chain(keywell_wasi::collections_imports(component));
        generations.extend(packages.map(str::to_owned));
        generations.sort();
        generations.dedup();
        let kinds = TriggerKind::ALL.into_iter();
        let commands = kinds
            .filter(|kind| kind.is_exported_by(loaded))
            .map(|kind| match kind {
                TriggerKind::Http => "serve",
                TriggerKind::Watch => "serve --watch",
                TriggerKind::Command => "run",
                TriggerKind::Invoke => "invoke",
            })
            .collect();
        Self {
            imports: imports.collect(),
            exports: exports(component),
            generations,
            commands,
        }
    }

    fn text(&self) -> String {
        let mut lines = vec!["imports".to_owned()];
        for Import { name, hint, .. } in &self.imports {
            lines.push(match hint {
                None => format!("  {}", escape(name)),
                Some(hint) => format!("  {}   NOT OFFERED: {}", escape(name), escape(hint)),
            });
        }
        lines.push("exports".to_owned());
        lines.extend(
            self.exports
                .iter()
                .map(|name| format!("  {}", escape(name))),
        );
        let list = |names: &[&str]| {
            if names.is_empty() {
                "none".into()
            } else {
                names.join(", ")
            }
        };
        let generations = self.generations.iter().map(String::as_str);
        // Those of other packages have names with the package.
        let (others, standard): (Vec<_>, Vec<_>) =
            generations.partition(|generation| generation.contains(':'));
        if !standard.is_empty() || others.is_empty() {
            lines.push(format!("wasi:keyvalue  {}", list(&standard)));
        }
        for other in others {
            let (package, version) = other
                .split_once('@')
                .unwrap_or((other, "without a version"));
            lines.push(format!("{package}  {version}"));
        }
        let commands: Vec<String> = self
            .commands
            .iter()
            .map(|command| format!("keywell {command}"))
            .collect();
        let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
        lines.push(format!("runs with      {}", list(&commands)));
        lines.join("\n")
    }
}
