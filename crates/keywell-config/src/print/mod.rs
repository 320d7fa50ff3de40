//! Shows any plan as a `keywell.toml`; a file for each part.
//!
//! The text is read into an equal plan, but for places, once the variables are set that it names.
//! What may be secret stands in these: values of `secrets`, URLs with a password, and settings,
//! variables and configuration whose names say so or that were not written as plain text.

mod component;
mod http;
mod invoke;
mod link;
mod paths;
mod section;
mod store;
mod variables;
mod watch;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use keywell_store::terminal::escape;

use self::paths::Paths;
use self::section::Section;
use self::variables::Variables;
use crate::{CommandPlan, LimitsPlan, Plan, Secret, TriggerPlan, quoted};

/// A plan as a `keywell.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Printed {
    /// The file. Nothing in it is secret or acts on a terminal.
    pub text: String,
    /// The environment variables that it names, and their values.
    pub variables: Vec<(String, Secret)>,
}

// === impl Plan ===

impl Plan {
    /// The plan as a `keywell.toml`, for the folder of its own file. It behaves as the plan does
    /// once its variables are set.
    pub fn to_toml(&self) -> Printed {
        let paths = Paths::of(self);
        let mut variables = Variables::default();
        let mut body = String::new();
        if let Some(health) = &self.health {
            let _ = writeln!(body, "health = \"{}\"\n", health.value);
        }
        if let Some(build) = &self.build {
            let _ = writeln!(body, "build = {}\n", quoted::text(build));
        }
        limits(&self.limits, &mut body);
        for (name, plan) in &self.stores {
            store::print(name, plan, &mut variables, &mut body);
        }
        for (name, plan) in &self.components {
            component::print(name, plan, &paths, &mut variables, &mut body);
        }
        workers(&self.triggers, &mut body);
        for trigger in &self.triggers {
            match trigger {
                TriggerPlan::Http(http) => http::print(http, &paths, &mut body),
                TriggerPlan::Watch(watch) => watch::print(watch, &mut body),
                TriggerPlan::Command(command) => self::command(command, &mut body),
                TriggerPlan::Invoke(invoke) => invoke::print(invoke, &paths, &mut body),
            }
        }
        let mut text = String::new();
        if let Some(folder) = paths.folder() {
            let _ = writeln!(
                text,
                "# Paths start at the folder {folder}: keep this file there."
            );
        }
        if !variables.is_empty() {
            text.push_str("# Set these environment variables before it runs:\n");
            for (name, what) in variables.described() {
                let _ = writeln!(text, "#   {name}: {}", escape(what));
            }
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(body.trim_end());
        text.push('\n');
        Printed {
            text,
            variables: variables.into_values(),
        }
    }
}

fn limits(limits: &LimitsPlan, body: &mut String) {
    let mut section = Section::new("[limits]");
    section.size("memory", limits.memory);
    section.duration("timeout", limits.timeout);
    section.number("instances", limits.instances);
    section.number("connections", limits.connections);
    section.duration("write-timeout", limits.write_timeout);
    section.size("total-memory", limits.total_memory);
    section.finish(body);
}

/// `[worker.NAME]` of each that a trigger calls.
fn workers(triggers: &[TriggerPlan], body: &mut String) {
    let mut printed = BTreeSet::new();
    for trigger in triggers {
        let TriggerPlan::Invoke(invoke) = trigger else {
            continue;
        };
        let Some(workers) = &invoke.workers else {
            continue;
        };
        if printed.insert(workers.names.as_str()) {
            let name = quoted::key(&workers.names);
            let mut section = Section::new(format!("[worker.{name}]"));
            section.text("component", &invoke.http.component);
            section.text("journal", &workers.journal);
            section.number("snapshot-every", workers.snapshot_every);
            if let Some(policy) = workers.interrupted_requests.written() {
                section.text("interrupted-requests", policy);
            }
            section.finish(body);
        }
    }
}

fn command(command: &CommandPlan, body: &mut String) {
    let mut section = Section::new("[[trigger.command]]");
    section.text("component", &command.component);
    if !command.arguments.is_empty() {
        section.raw(
            "arguments",
            quoted::list(command.arguments.iter().map(String::as_str)),
        );
    }
    section.finish(body);
}
