use std::collections::BTreeMap;
use std::sync::Arc;

use keywell_config::Plan;
use keywell_runtime::{LoadedComponent, Options, Runtime};

use crate::component::{Checked, Component, granted};
use crate::status::ComponentStatus;
use crate::stores::Stores;
use crate::trigger::{Prepared, Trigger};
use crate::{AppOptions, Error, machine};

/// A plan whose components are loaded. Nothing of it is open.
pub(crate) struct Loaded {
    plan: Plan,
    components: BTreeMap<String, Component>,
    /// As many as the plan has, in its order.
    triggers: Vec<Prepared>,
}

/// What the runtime of a plan is made of.
pub(crate) fn runtime_options(plan: &Plan, options: &AppOptions) -> Options {
    let usual = Options::default();
    let memories = plan.components.values().map(|component| component.memory);
    let largest = memories.flatten().max().unwrap_or(0);
    let limits = &plan.limits;
    Options {
        // The pool has room for the largest; the others are held to theirs.
        memory: memory(plan).max(largest),
        timeout: limits.timeout.unwrap_or(usual.timeout),
        instances: limits.instances.unwrap_or(usual.instances),
        connections: limits.connections.unwrap_or(usual.connections),
        write_timeout: limits.write_timeout.unwrap_or(usual.write_timeout),
        total_memory: limits.total_memory.unwrap_or_else(machine::usual_total),
        cache: options.cache.clone(),
        output: options.output.clone(),
        ..usual
    }
}

/// The most memory of an instance whose component says nothing else.
fn memory(plan: &Plan) -> usize {
    plan.limits
        .memory
        .unwrap_or_else(|| Options::default().memory)
}

// === impl Loaded ===

impl Loaded {
    /// Reads and compiles the components, and everything in the plan that has a meaning of its own.
    pub(crate) fn load(plan: Plan, runtime: &Runtime) -> Result<Self, Error> {
        plan.check()?;
        // Errors in the text are reported before any component is compiled.
        let triggers = plan.triggers.iter();
        let triggers = triggers
            .map(|trigger| Prepared::read(&plan, trigger))
            .collect::<Result<_, _>>()?;
        let mut checked = Vec::new();
        for (name, component) in &plan.components {
            checked.push((name, Checked::read(&plan, name, component)?));
        }
        let mut components = BTreeMap::new();
        for (name, component) in checked {
            let component = component.load(runtime, &plan, memory(&plan))?;
            components.insert(name.clone(), component);
        }
        Ok(Self {
            plan,
            components,
            triggers,
        })
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(crate) fn component(&self, name: &str) -> Option<&LoadedComponent> {
        self.components.get(name).map(|component| &component.loaded)
    }

    pub(crate) fn status(&self) -> Vec<ComponentStatus> {
        let components = self.plan.components.iter();
        let components = components.map(|(name, component)| ComponentStatus {
            name: name.clone(),
            path: component.path.clone(),
        });
        components.collect()
    }

    /// Makes every trigger ready, or none; with the component that each calls.
    pub(crate) async fn start(
        &self,
        runtime: &Runtime,
        stores: &Stores,
        options: &AppOptions,
    ) -> Result<Vec<(String, Trigger)>, Error> {
        let mut grants = BTreeMap::new();
        for (name, component) in &self.plan.components {
            let granted = granted(&self.plan, component, stores)?;
            grants.insert(name.as_str(), Arc::new(granted));
        }
        let mut started = Vec::new();
        for (prepared, trigger) in self.triggers.iter().zip(&self.plan.triggers) {
            let name = trigger.component();
            let (component, grants) = (&self.components[name], grants[name].clone());
            let ready = prepared.start(runtime, component, grants, stores, options);
            let ready = ready.await.map_err(|source| {
                let problem = format!("the component {name} cannot start: {source}");
                Error::Start {
                    component: name.to_owned(),
                    text: self.plan.error_at(trigger.place(), problem).to_string(),
                    source,
                }
            })?;
            started.extend(ready.map(|trigger| (name.to_owned(), trigger)));
        }
        Ok(started)
    }
}
