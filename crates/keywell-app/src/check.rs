//! What can be wrong with an application besides the text of its plan.

use std::collections::BTreeMap;

use keywell_config::{ImportPlan, Place, Plan, Problem, Report, TriggerPlan};
use keywell_runtime::invoke::{Functions, offered};
use keywell_runtime::{Error, Runtime, interfaces};
use keywell_wasi::Watcher;

use crate::component::Component;
use crate::kind::TriggerKind;
use crate::trigger::read_tls;

/// What is wrong with a plan, and whether the plan is to blame.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) report: Report,
    pub(crate) is_in_plan: bool,
}

// === impl Findings ===

impl Findings {
    /// Adds what is wrong with the plan itself, so that it fails everywhere.
    pub(crate) fn of_plan(&mut self, report: Report) {
        self.is_in_plan |= report.has_errors();
        self.report.extend(report);
    }

    /// Adds what is wrong with the world: a file or a server.
    pub(crate) fn of_world(&mut self, problem: Problem) {
        self.report.push(problem);
    }
}

/// Checks that each component is offered what it imports. With `is_whole`, the plan has all grants
/// that its file has.
pub(crate) fn components(
    plan: &Plan,
    components: &BTreeMap<String, Component>,
    is_whole: bool,
    findings: &mut Findings,
) {
    for (name, component) in components {
        let (own, component) = (&plan.components[name], component.loaded.component());
        for missing in interfaces(component).into_iter().filter_map(|i| i.missing) {
            let interface = unversioned(&missing.import);
            if own
                .imports
                .iter()
                .any(|import| *import.interface == interface)
            {
                continue;
            }
            let problem = format!(
                "the component {name} imports what Keywell does not offer: {}",
                missing.import
            );
            let help = match exporter(interface, name, components) {
                Some(exporter) => {
                    format!("add \"{interface}\" = {exporter:?} to [component.{name}.imports]")
                }
                None => missing.hint,
            };
            findings.of_world(plan.at(own.place, Problem::error(problem).help(help)));
        }
        let imports = keywell_wasi::imports(component);
        let mut imports = imports.iter().filter(|import| import.generation.is_some());
        let import = imports.next().map(|import| &*import.name);
        let import = import.or_else(|| keywell_wasi::collections_imports(component).pop());
        let import = import.or_else(|| keywell_wasi::spin_imports(component).pop());
        let import = import.or_else(|| keywell_wasi::wasmcloud_imports(component).pop());
        if let Some(import) = import
            && is_whole
            && own.links().all(|link| link.stores().next().is_none())
        {
            let problem = format!("the component {name} imports {import} and is granted no bucket");
            let help = format!("add a store or buckets to [component.{name}]");
            let problem = Problem::warning(problem).help(help);
            findings.of_world(plan.at(own.place, problem));
        }
    }
}

/// The imports of a plan that components answer, each with the component that has it.
pub(crate) fn imports(plan: &Plan) -> impl Iterator<Item = (&str, &ImportPlan)> {
    let components = plan.components.iter();
    components.flat_map(|(name, component)| {
        let imports = component.imports.iter();
        imports.map(move |import| (name.as_str(), import))
    })
}

/// Checks that components can answer the imports that they are to answer.
pub(crate) fn calls(
    plan: &Plan,
    components: &BTreeMap<String, Component>,
    findings: &mut Findings,
) {
    for (name, import) in imports(plan) {
        let (Some(caller), Some(target)) =
            (components.get(name), components.get(&import.component))
        else {
            continue;
        };
        let (interface, place) = (&import.interface.value, import.interface.place);
        let imported = interfaces(caller.loaded.component());
        if !imported
            .iter()
            .any(|own| unversioned(&own.name) == interface)
        {
            let problem = format!("the component {name} does not import {interface}");
            let problem = Problem::warning(problem).help("leave it out");
            findings.of_world(plan.at(place, problem));
        } else if let Err(error) = caller.loaded.check_call(interface, &target.loaded) {
            let problem = Problem::error(format!("the component {name}: {error}"));
            findings.of_world(plan.at(place, problem));
        }
    }
}

/// A component that exports an interface, in whichever version, and is not the one that imports it.
fn exporter<'a>(
    interface: &str,
    importer: &str,
    components: &'a BTreeMap<String, Component>,
) -> Option<&'a String> {
    let mut others = components.iter().filter(|(name, _)| *name != importer);
    let exports = |component: &Component| {
        let component = component.loaded.component();
        let component_type = component.component_type();
        let mut exports = component_type.exports(component.engine());
        exports.any(|(name, _)| unversioned(name) == interface)
    };
    let found = others.find(|(_, component)| exports(component));
    found.map(|(name, _)| name)
}

/// The name of an interface, without its version.
fn unversioned(interface: &str) -> &str {
    interface.split('@').next().unwrap_or(interface)
}

/// Checks that each component exports what its triggers call, and that certificates can be read.
pub(crate) fn triggers(
    plan: &Plan,
    components: &BTreeMap<String, Component>,
    findings: &mut Findings,
) {
    let mut encrypted = Vec::new();
    // Where all would be left out, nothing would run.
    let has_required = plan.triggers.iter().any(|trigger| !trigger.is_optional());
    for trigger in &plan.triggers {
        if let Some(http) = trigger.listener()
            && let Some(tls) = &http.tls
            && !encrypted.contains(&(&tls.certificate, &tls.key))
        {
            encrypted.push((&tls.certificate, &tls.key));
            if let Err(error) = read_tls(tls) {
                findings.of_world(plan.at(tls.place, Problem::error(error.to_string())));
            }
        }
        let name = trigger.component();
        let Some(component) = components.get(name) else {
            continue;
        };
        if trigger.is_optional() && has_required {
            continue;
        }
        if let TriggerPlan::Invoke(invoke) = trigger {
            let exported = Functions::of(component.loaded.component());
            for function in &invoke.functions {
                if let Err(error) = offered(&exported, &[function.as_str()]) {
                    let problem = Problem::error(format!("the component {name}: {error}"));
                    findings.of_world(plan.at(function.place, problem));
                }
            }
        }
        if let Some(error) = unexported(trigger, component) {
            let problem = Problem::error(format!("the component {name} cannot start: {error}"));
            findings.of_world(plan.at(trigger.place(), problem));
        }
    }
}

/// That a component does not export what a trigger calls, if it does not.
fn unexported(trigger: &TriggerPlan, component: &Component) -> Option<Error> {
    let kind = TriggerKind::from(trigger);
    if kind.is_exported_by(&component.loaded) {
        return None;
    }
    let (wanted, caller) = match kind {
        TriggerKind::Http => (
            "wasi:http/incoming-handler@0.2 or wasi:http/handler@0.3",
            "an HTTP trigger",
        ),
        TriggerKind::Watch => (Watcher::EXPORTS, "a watch trigger"),
        TriggerKind::Command => ("wasi:cli/run@0.2 or wasi:cli/run@0.3", "a command"),
        TriggerKind::Invoke => (
            "function that can be called from outside",
            "an invoke trigger",
        ),
    };
    let component = component.loaded.component();
    Some(Error::no_export(wanted, caller, component))
}

/// The first component that is an outline and could not start if it was compiled, by its name, and
/// why.
pub(crate) fn outlines<'a>(
    plan: &'a Plan,
    components: &BTreeMap<String, Component>,
    runtime: &Runtime,
) -> Option<(&'a str, Place, Error)> {
    let is_outline = |name: &str| components[name].loaded.is_outline();
    for (name, own) in &plan.components {
        // What others answer is linked once they are ready.
        if is_outline(name)
            && own.imports.is_empty()
            && let Err(error) = runtime.check(&components[name].loaded)
        {
            return Some((name, own.place, error));
        }
    }
    let mut triggers = plan
        .triggers
        .iter()
        .filter(|trigger| !trigger.is_optional());
    triggers.find_map(|trigger| {
        let name = trigger.component();
        let error = is_outline(name).then(|| unexported(trigger, &components[name]))?;
        Some((name, trigger.place(), error?))
    })
}
