use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use keywell::PROVIDERS;
use keywell_store::{Provider, Setting};
use serde::Serialize;

use super::output;
use crate::cli::failed::{Ended, Failed};

/// List the kinds of stores, the forms of their URLs, and their settings.
#[derive(Args)]
#[command(after_help = "Examples:\n  keywell stores\n  keywell stores redis")]
pub(super) struct Stores {
    /// Only this kind, with all of its settings.
    #[arg(value_name = "KIND")]
    kind: Option<String>,

    /// Print JSON, with all settings.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Kind {
    name: &'static str,
    summary: &'static str,
    schemes: &'static [&'static str],
    urls: Vec<Url>,
    settings: Vec<Described>,
    in_process: bool,
}

#[derive(Serialize)]
struct Url {
    form: &'static str,
    help: &'static str,
}

#[derive(Serialize)]
struct Described {
    name: &'static str,
    aliases: &'static [&'static str],
    value: String,
    default: &'static str,
    secret: bool,
    help: &'static str,
}

// === impl Stores ===

impl Stores {
    pub(super) fn main(self) -> Ended {
        let kinds = self.kinds()?;
        if self.json {
            let described: Vec<Kind> = kinds.into_iter().map(Kind::new).collect();
            let json = serde_json::to_string_pretty(&described);
            let json = json.map_err(|error| Failed::because("cannot write JSON", error))?;
            output::print(&json)?;
        } else {
            output::print(&text(&kinds, self.kind.is_some()))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn kinds(&self) -> Result<Vec<&'static dyn Provider>, Failed> {
        let Some(name) = &self.kind else {
            return Ok(PROVIDERS.to_vec());
        };
        // A scheme will do as well.
        let mut providers = PROVIDERS.iter().copied();
        let is_it = |provider: &&dyn Provider| provider.name() == name;
        let found = providers.find(is_it).or_else(|| keywell::provider(name));
        let names: Vec<&str> = PROVIDERS.iter().map(|provider| provider.name()).collect();
        let unknown = || {
            if keywell::not_built().any(|feature| feature == name) {
                return format!(
                    "this build has no store {name}; build it with `--features {name}`"
                );
            }
            format!(
                "unknown kind of store {name:?}; known: {}",
                names.join(", ")
            )
        };
        Ok(vec![found.ok_or_else(|| Failed::Usage(unknown()))?])
    }
}

fn text(kinds: &[&dyn Provider], has_settings: bool) -> String {
    let mut text = String::new();
    for (at, kind) in kinds.iter().enumerate() {
        if at > 0 {
            text.push('\n');
        }
        let _ = writeln!(text, "{}: {}", kind.name(), kind.summary());
        let forms: Vec<_> = kind
            .forms()
            .iter()
            .map(|form| (form.form.to_owned(), form.help))
            .collect();
        table(&mut text, &forms);
        let settings = kind.settings();
        if has_settings {
            let _ = writeln!(text, "\nSettings:");
            let rows: Vec<_> = settings
                .iter()
                .map(|setting| (name(setting), setting))
                .collect();
            for (name, setting) in rows {
                let _ = writeln!(text, "  {name}");
                let _ = writeln!(text, "      {}", setting.help);
                let _ = writeln!(text, "      {}; default: {}", setting.kind, setting.default);
            }
        } else {
            let names: Vec<&str> = settings.iter().map(|setting| setting.name).collect();
            let _ = writeln!(text, "  settings: {}", names.join(", "));
        }
    }
    let absent: Vec<&str> = keywell::not_built().collect();
    if !has_settings && !absent.is_empty() {
        let _ = writeln!(
            text,
            "\nNot in this build, but with `--features all-stores`, or the name of one: {}.",
            absent.join(", ")
        );
    }
    if !has_settings {
        text.push_str("\n`keywell stores KIND` explains the settings of one kind.\n");
    }
    text
}

fn name(setting: &Setting) -> String {
    match setting.aliases {
        [] => setting.name.to_owned(),
        aliases => format!("{} (or {})", setting.name, aliases.join(", ")),
    }
}

fn table(text: &mut String, rows: &[(String, &str)]) {
    let width = rows
        .iter()
        .map(|(name, _)| name.len())
        .max()
        .unwrap_or_default();
    for (name, help) in rows {
        let _ = writeln!(text, "  {name:width$}  {help}");
    }
}

// === impl Kind ===

impl Kind {
    fn new(provider: &'static dyn Provider) -> Self {
        let urls = provider.forms().iter();
        let settings = provider.settings().iter();
        Self {
            name: provider.name(),
            summary: provider.summary(),
            schemes: provider.schemes(),
            urls: urls
                .map(|url| Url {
                    form: url.form,
                    help: url.help,
                })
                .collect(),
            settings: settings.map(Described::new).collect(),
            in_process: provider.is_in_process(),
        }
    }
}

// === impl Described ===

impl Described {
    fn new(setting: &'static Setting) -> Self {
        Self {
            name: setting.name,
            aliases: setting.aliases,
            value: setting.kind.to_string(),
            default: setting.default,
            secret: setting.is_secret,
            help: setting.help,
        }
    }
}
