use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use keywell_app::TriggerKind;
use keywell_runtime::{Error, LoadedComponent, Outline, Runtime, exports, interfaces};
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
    /// The versions of `wasi:keyvalue` that it imports and Keywell does not offer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unoffered_generations: Vec<String>,
    /// The tools that made it, with their versions, as far as it names them.
    built_with: Vec<String>,
    /// Why it is refused although every import is offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    /// What it can be run with, unless it is refused: `serve`, `serve --watch`, `run`, `invoke`.
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
        let runtime = Runtime::new(&self.cache.alone())?;
        let outline = match Written::read(&self.component)? {
            Written::File(file) => runtime.outline(&file, &file)?,
            Written::Image(reference) => {
                let (name, folder) = (reference.to_string(), self.cache.images());
                let pulled = self.images.pull_one(folder.as_deref(), &name).await?;
                runtime.outline(name.as_ref(), &pulled.file)?
            }
        };
        let problem = match runtime.check(&outline.component) {
            Ok(()) | Err(Error::Missing(_)) => None,
            Err(error @ Error::Mismatch(_)) => Some(error.to_string()),
            Err(error) => return Err(error.into()),
        };
        let report = Report::new(outline, problem);
        if self.json {
            let json = serde_json::to_string_pretty(&report)
                .map_err(|error| Failed::because("cannot write JSON", error))?;
            output::print(&terminal::escape_json(&json))?;
        } else {
            output::print(&report.text())?;
        }
        Ok(if report.is_runnable() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

// === impl Report ===

impl Report {
    fn new(outline: Outline, problem: Option<String>) -> Self {
        let loaded = outline.component;
        let component = loaded.component();
        let imports = interfaces(component).into_iter().map(|interface| Import {
            offered: interface.missing.is_none(),
            hint: interface.missing.map(|missing| missing.hint),
            name: interface.name,
        });
        let imports: Vec<Import> = imports.collect();
        let mut generations: Vec<String> = keywell_wasi::imports(component)
            .into_iter()
            .filter_map(|import| import.generation)
            .map(|generation| generation.to_string())
            .collect();
        let packages = keywell_wasi::spin_imports(component).into_iter();
        let packages = packages.chain(keywell_wasi::collections_imports(component));
        generations.extend(packages.map(str::to_owned));
        if !keywell_wasi::wasmcloud_imports(component).is_empty() {
            generations.push("wasmcloud:keyvalue@0.2.0".to_owned());
        }
        generations.sort();
        generations.dedup();
        let unoffered = imports.iter().filter(|import| !import.offered);
        let unoffered = unoffered.filter_map(|import| import.name.strip_prefix("wasi:keyvalue/"));
        let versions = unoffered.map(|path| match path.split_once('@') {
            Some((_, version)) => version.to_owned(),
            None => "without a version".to_owned(),
        });
        // Of a version that is offered, an interface may be missing.
        let versions = versions.filter(|version| !generations.contains(version));
        let mut unoffered_generations: Vec<String> = versions.collect();
        unoffered_generations.sort();
        unoffered_generations.dedup();
        let tools = outline.producers.into_iter();
        let built_with = tools.map(|tool| format!("{} {}", tool.name, tool.version));
        let mut report = Self {
            imports,
            exports: exports(component),
            generations,
            unoffered_generations,
            built_with: built_with.map(|tool| tool.trim().to_owned()).collect(),
            problem,
            commands: Vec::new(),
        };
        if report.is_runnable() {
            report.commands = commands(&loaded);
        }
        report
    }

    /// Whether it is not refused.
    fn is_runnable(&self) -> bool {
        self.problem.is_none() && self.imports.iter().all(|import| import.offered)
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
        let list = |names: &[String]| {
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
        let unoffered = self.unoffered_generations.iter();
        let unoffered = unoffered.map(|version| format!("{} (not offered)", escape(version)));
        let standard = standard.into_iter().map(str::to_owned).chain(unoffered);
        let standard: Vec<String> = standard.collect();
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
        if !self.built_with.is_empty() {
            let tools: Vec<String> = self.built_with.iter().map(|t| escape(t).into()).collect();
            lines.push(format!("built with     {}", list(&tools)));
        }
        if let Some(problem) = &self.problem {
            lines.push(format!("refused        {}", escape(problem)));
        }
        lines.push(format!("runs with      {}", list(&commands)));
        lines.join("\n")
    }
}

/// The commands that a component can be run with.
fn commands(component: &LoadedComponent) -> Vec<&'static str> {
    let kinds = TriggerKind::ALL.into_iter();
    kinds
        .filter(|kind| kind.is_exported_by(component))
        .map(|kind| match kind {
            TriggerKind::Http => "serve",
            TriggerKind::Watch => "serve --watch",
            TriggerKind::Command => "run",
            TriggerKind::Invoke => "invoke",
        })
        .collect()
}
