use std::collections::BTreeMap;
use std::path::Path;

use super::variables::Variables;
use super::{files, hosts, source};
use crate::report::secrets::is_secret;
use crate::tree::fields::{self, Fields, Unknown};
use crate::tree::finding::{self, Findings};
use crate::tree::{Node, Value};
use crate::{ComponentPlan, GrantPlan, Located, Secret};

/// Reads the components of a manifest.
pub(super) struct Components<'a> {
    /// The folder of the file, where relative paths start.
    pub(super) folder: &'a Path,
    pub(super) variables: &'a Variables,
    /// The name of the store that has the buckets.
    pub(super) store: &'a str,
    pub(super) plans: &'a mut BTreeMap<String, ComponentPlan>,
}

/// Keys of what is not offered, and what to do about it.
const MISSING: &[(&str, &str)] = &[
    ("ai_models", "call a model by HTTP"),
    ("dependencies", "compose the components before, by wac"),
    ("sqlite_databases", "keep values in key_value_stores"),
];

/// Keys that say nothing to the host, or to Keywell.
const SKIPPED: &[&str] = &[
    "dependencies_inherit_configuration",
    "description",
    "profile",
    "targets",
    "tool",
];

// === impl Components ===

impl Components<'_> {
    pub(super) fn read(&mut self, node: &Node<'_>, findings: &mut Findings) {
        let Some(table) = Fields::of(node, "component", findings) else {
            return;
        };
        for (name, node) in table.entries() {
            let what = format!("component.{}", name.value);
            // One with something wrong has its name all the same.
            let plan = self.component(node, &what, findings);
            self.plans
                .insert(name.value.clone().into_owned(), plan.unwrap_or_default());
        }
    }

    fn component(
        &self,
        node: &Node<'_>,
        what: &str,
        findings: &mut Findings,
    ) -> Option<ComponentPlan> {
        let mut fields = Fields::of(node, what, findings)?;
        let mut plan = ComponentPlan::default();
        let code = fields.required("source", findings);
        let code = code.and_then(|node| {
            source::read(node, &format!("source of {what}"), self.folder, findings)
        });
        if let Some(code) = code {
            (plan.code, plan.place) = (code.value, code.place);
        }
        for (name, value) in fields.values("environment", findings) {
            if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
                let message = format!("{:?} is no name of a variable, or has no value", name.value);
                findings.push(finding::error(name.place, message));
                continue;
            }
            if !is_secret(&name, &value) {
                plan.plain_env.insert(name.value.clone());
            }
            plan.env.push((name.value, Secret::from(value.value)));
        }
        for (name, value) in fields.values("variables", findings) {
            let Some(expanded) = self.variables.expand(&value, findings) else {
                continue;
            };
            if expanded.is_secret || is_secret(&name, &expanded.text) {
                plan.concealed.insert(name.value.clone());
            }
            plan.config.push((name.value, expanded.text));
        }
        for label in fields.texts("key_value_stores", findings) {
            let grant = self.grant(&label);
            plan.link.buckets.insert(label.value, grant);
        }
        let allowed = fields.texts("allowed_outbound_hosts", findings);
        hosts::add(allowed, self.variables, &mut plan, findings);
        if fields.take("allowed_http_hosts").is_some() {
            let message = format!("allowed_http_hosts of {what} is not read");
            let help = "write allowed_outbound_hosts = [\"https://HOST\"]";
            let place = fields.key_place("allowed_http_hosts");
            findings.push(finding::error(place, message).help(help));
        }
        let listed = fields.list("files", findings);
        plan.dirs = files::read(listed, what, self.folder, findings);
        if !fields.list("exclude_files", findings).is_empty() {
            let message = format!("exclude_files of {what} has no effect: whole folders are given");
            let place = fields.key_place("exclude_files");
            findings.push(finding::warning(place, message));
        }
        for (key, help) in MISSING {
            let is_used = fields.take(key).is_some_and(|value| match &value.value {
                Value::List(items) => !items.is_empty(),
                Value::Mapping(entries) => !entries.is_empty(),
                Value::Scalar(_) => true,
            });
            if is_used {
                let message = format!("{what} has {key}, which is not offered");
                findings.push(finding::error(fields.key_place(key), message).help(*help));
            }
        }
        plan.build = fields
            .take("build")
            .and_then(|node| build(node, &format!("build of {what}"), findings));
        fields.skip(SKIPPED);
        fields.finish(Unknown::Refused, findings);
        Some(plan)
    }

    /// The bucket of a label, which has its name.
    fn grant(&self, label: &Located<String>) -> GrantPlan {
        GrantPlan {
            store: self.store.to_owned(),
            bucket: label.clone(),
            read_only: false,
            prefix: String::new(),
            max_key: None,
            max_value: None,
        }
    }
}

/// The shell command by which it is built, in the folder of the file.
fn build(node: &Node<'_>, what: &str, findings: &mut Findings) -> Option<String> {
    let mut fields = Fields::of(node, what, findings)?;
    fields.skip(&["environment", "watch"]);
    let command = fields.required("command", findings).and_then(|node| {
        let what = format!("command of {what}");
        let commands = match &node.value {
            Value::List(items) => &items[..],
            _ => std::slice::from_ref(node),
        };
        let commands = commands.iter();
        let commands: Option<Vec<_>> = commands
            .map(|node| fields::text(node, &what, findings).map(|command| command.value))
            .collect();
        commands.map(|commands| commands.join(" && "))
    });
    let folder = fields.optional_text("workdir", findings);
    fields.finish(Unknown::Refused, findings);
    let command = command?;
    Some(match folder {
        // In quotes of the shell.
        Some(folder) => {
            let folder = folder.replace('\'', "'\\''");
            format!("cd '{folder}' && {command}")
        }
        None => command,
    })
}
