use std::collections::BTreeMap;
use std::sync::Arc;

use keywell_config::{ComponentPlan, ImportPlan, LinkPlan, Place, Plan, Problem, Report};
use keywell_runtime::invoke::Invoker;
use keywell_runtime::worker::Workers;
use keywell_runtime::{Callee, Import, LoadedComponent, Options, Runtime};
use keywell_wasi::Grants;

use crate::check::{self, Findings};
use crate::component::{Checked, Component, glance, granted};
use crate::listen::Listening;
use crate::reloaded::Differences;
use crate::spec::Spec;
use crate::status::ComponentStatus;
use crate::stores::Stores;
use crate::trigger::{Prepared, Trigger, worker_options};
use crate::{AppOptions, Error, StartError, machine};

/// A plan whose components are loaded. Nothing of it is open.
pub(crate) struct Loaded {
    plan: Plan,
    components: BTreeMap<String, Component>,
    /// As many as the plan has, in its order.
    triggers: Vec<Prepared>,
}

/// What each component may open, by its name in the plan.
pub(crate) type GrantsByName = BTreeMap<String, Arc<Grants>>;

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
        chain: plan.chain(),
        connections: limits.connections.unwrap_or(usual.connections),
        write_timeout: limits.write_timeout.unwrap_or(usual.write_timeout),
        total_memory: limits.total_memory.unwrap_or_else(machine::usual_total),
        cache: options.cache.clone(),
        output: options.output.clone(),
        listener: options.listener.clone(),
        ..usual
    }
}

/// The most memory of an instance whose component says nothing else.
fn memory(plan: &Plan) -> usize {
    plan.limits
        .memory
        .unwrap_or_else(|| Options::default().memory)
}

fn read_triggers(plan: &Plan, report: &mut Report) -> Vec<Prepared> {
    let triggers = plan.triggers.iter().filter_map(|trigger| {
        let read = Prepared::read(plan, trigger);
        read.map_err(|error| report.extend(error.report())).ok()
    });
    triggers.collect()
}

fn read_components<'a>(plan: &'a Plan, report: &mut Report) -> Vec<(&'a str, Checked<'a>)> {
    let components = plan.components.iter().filter_map(|(name, component)| {
        let read = Checked::read(plan, name, component);
        let read = read.map_err(|error| report.extend(error.report()));
        Some((name.as_str(), read.ok()?))
    });
    components.collect()
}

// === impl Loaded ===

impl Loaded {
    /// Reads and compiles the components, and everything in the plan that has a meaning of its own.
    pub(crate) fn load(plan: Plan, runtime: &Runtime) -> Result<Self, Error> {
        plan.check()?;
        // Errors in the text are reported before any component is compiled.
        let mut report = Report::default();
        let triggers = read_triggers(&plan, &mut report);
        let checked = read_components(&plan, &mut report);
        for component in plan.components.values().filter(|own| !own.has_file()) {
            let problem = format!("the image {} was not downloaded", component.code);
            report.push(plan.at(component.place, Problem::error(problem)));
        }
        if report.has_errors() {
            return Err(Error::Plan(report.into()));
        }
        let refused = |name: &str, source: keywell_runtime::Error| {
            let problem = format!("the component {name}: {source}");
            let place = plan.components[name].place;
            Error::Component {
                component: name.to_owned(),
                text: plan.error_at(place, problem).to_string(),
                source,
            }
        };
        let mut components = BTreeMap::new();
        for (name, component) in checked {
            let component = component.glance(runtime, memory(&plan));
            let component = component.map_err(|source| refused(name, source))?;
            components.insert(name.to_owned(), component);
        }
        // Before anything large is compiled, which takes long.
        if let Some((name, place, source)) = check::outlines(&plan, &components, runtime) {
            return Err(cannot_start_at(&plan, name, place, source.into()));
        }
        for (name, import) in check::imports(&plan) {
            let [caller, target] = [name, &import.component].map(|name| &components[name].loaded);
            if let Err(source) = caller.check_call(&import.interface, target) {
                let problem = format!("the component {name}: {source}");
                return Err(Error::Component {
                    component: name.to_owned(),
                    text: plan.error_at(import.interface.place, problem).to_string(),
                    source,
                });
            }
        }
        for (name, component) in &mut components {
            let compiled = component.compile(&plan.components[name].code, runtime);
            compiled.map_err(|source| refused(name, source))?;
        }
        Ok(Self {
            plan,
            components,
            triggers,
        })
    }

    /// As [`load`](Self::load), but goes on where something is wrong, and checks besides that each
    /// component can be called as its triggers do and has what it imports. `findings` has what is
    /// known of the plan's names already. What is in an image that was not downloaded is not
    /// checked, and answers none.
    pub(crate) fn examine(plan: Plan, runtime: &Runtime, findings: &mut Findings) -> Option<Self> {
        let is_whole = !findings.report.has_errors();
        let mut report = Report::default();
        let triggers = read_triggers(&plan, &mut report);
        let checked = read_components(&plan, &mut report);
        let mut components = BTreeMap::new();
        let mut checked: BTreeMap<&str, Checked<'_>> = checked.into_iter().collect();
        for (name, component) in plan.components.iter().filter(|(_, own)| own.has_file()) {
            // Also the file of one whose text is wrong may be wrong.
            let loaded = match checked.remove(name.as_str()) {
                Some(checked) => checked.glance(runtime, memory(&plan)).map(Some),
                None => glance(&component.code, runtime).map(|_| None),
            };
            match loaded {
                Ok(loaded) => components.extend(loaded.map(|loaded| (name.clone(), loaded))),
                Err(error) => {
                    let problem = Problem::error(format!("the component {name}: {error}"));
                    findings.of_world(plan.at(component.place, problem));
                }
            }
        }
        findings.of_plan(report);
        check::components(&plan, &components, is_whole, findings);
        check::calls(&plan, &components, findings);
        check::triggers(&plan, &components, findings);
        let is_whole = components.len() == plan.components.len();
        if !is_whole || findings.report.has_errors() {
            return None;
        }
        // Last, as it takes long where a component is large.
        for (name, component) in &mut components {
            let plan_of_it = &plan.components[name];
            if let Err(error) = component.compile(&plan_of_it.code, runtime) {
                let problem = Problem::error(format!("the component {name}: {error}"));
                findings.of_world(plan.at(plan_of_it.place, problem));
            }
        }
        (!findings.report.has_errors()).then_some(Self {
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

    /// How the components of another plan differ from these.
    pub(crate) fn differences(&self, new: &Self) -> Differences {
        let plans = |loaded: &Self, name: &str| loaded.plan.components[name].without_places();
        let (old, now) = (&self.components, &new.components);
        Differences::between(old.keys(), now.keys(), |name| {
            plans(self, name) == plans(new, name) && old[name].loaded.is_same_as(&now[name].loaded)
        })
    }

    pub(crate) fn status(&self) -> Vec<ComponentStatus> {
        let components = self.plan.components.iter();
        let components = components.map(|(name, component)| ComponentStatus {
            name: name.clone(),
            code: component.code.clone(),
        });
        components.collect()
    }

    /// What each trigger is made of, in the order of the plan.
    pub(crate) fn specs(&self, stores: &Stores) -> Vec<Spec> {
        let specs = self.plan.triggers.iter().map(|trigger| {
            let names = self.reached(trigger.component());
            let plans = names.iter().map(|name| &self.plan.components[*name]);
            let linked = plans.clone().flat_map(ComponentPlan::links);
            let reachable = linked.flat_map(LinkPlan::stores).chain(trigger.stores());
            let loaded = names
                .iter()
                .map(|name| self.components[*name].loaded.clone());
            Spec {
                trigger: trigger.without_places(),
                components: plans
                    .map(ComponentPlan::without_places)
                    .zip(loaded)
                    .collect(),
                limits: self.plan.limits.clone(),
                stores: reachable.map(|store| stores.get(store)).collect(),
            }
        });
        specs.collect()
    }

    /// A component and those that its calls reach, in an order that only depends on the plan.
    fn reached<'a>(&'a self, name: &'a str) -> Vec<&'a str> {
        let mut reached = vec![name];
        let mut next = 0;
        while let Some(name) = reached.get(next) {
            next += 1;
            for import in &self.plan.components[*name].imports {
                if !reached.contains(&&*import.component) {
                    reached.push(&import.component);
                }
            }
        }
        reached
    }

    /// What each component may open.
    pub(crate) fn grants(&self, stores: &Stores) -> Result<GrantsByName, Error> {
        let mut grants = BTreeMap::new();
        for (name, component) in &self.plan.components {
            let granted = granted(&self.plan, component, stores)?;
            grants.insert(name.clone(), Arc::new(granted));
        }
        Ok(grants)
    }

    /// Makes every trigger ready, or none.
    pub(crate) async fn start(
        &self,
        runtime: &Runtime,
        stores: &Stores,
        options: &AppOptions,
    ) -> Result<Vec<(usize, Trigger)>, Error> {
        let grants = self.grants(stores)?;
        let (mut started, mut listening) = (Vec::new(), Listening::default());
        for index in 0..self.triggers.len() {
            let trigger = self.start_one(index, runtime, &grants, stores, options, &mut listening);
            started.extend(trigger.await?.map(|trigger| (index, trigger)));
        }
        Ok(started)
    }

    /// Makes the trigger at an index of the plan ready; none where it is left out. It shares
    /// the addresses of those that listen where it does.
    pub(crate) async fn start_one(
        &self,
        index: usize,
        runtime: &Runtime,
        grants: &GrantsByName,
        stores: &Stores,
        options: &AppOptions,
        listening: &mut Listening,
    ) -> Result<Option<Trigger>, Error> {
        let trigger = &self.plan.triggers[index];
        let name = trigger.component();
        if self.plan.components[name].instances == Some(0) {
            tracing::warn!(component = name, "its instances are 0, so it does not run");
            return Ok(None);
        }
        let component = self.calling(name, runtime, grants, &mut BTreeMap::new())?;
        let grants = grants[name].clone();
        let ready =
            self.triggers[index].start(runtime, &component, grants, stores, options, listening);
        ready
            .await
            .map_err(|source| self.cannot_start(index, source))
    }

    /// Makes a component ready to have its functions called.
    pub(crate) fn invoker(
        &self,
        name: &str,
        runtime: &Runtime,
        stores: &Stores,
    ) -> Result<Invoker, Error> {
        let Some(plan) = self.plan.components.get(name) else {
            return Err(Error::NoComponent {
                component: name.to_owned(),
            });
        };
        let grants = self.grants(stores)?;
        let component = self.calling(name, runtime, &grants, &mut BTreeMap::new())?;
        let Component {
            loaded,
            environment,
            ..
        } = component;
        let ready = runtime.invoker(&loaded, grants[name].clone(), environment);
        ready.map_err(|source| cannot_start_at(&self.plan, name, plan.place, source.into()))
    }

    /// Makes a component ready to run as workers, whose journals are in a store of the plan.
    pub(crate) async fn workers(
        &self,
        name: &str,
        journal: &str,
        runtime: &Runtime,
        stores: &Stores,
    ) -> Result<Workers, Error> {
        let Some(plan) = self.plan.components.get(name) else {
            return Err(Error::NoComponent {
                component: name.to_owned(),
            });
        };
        let grants = self.grants(stores)?;
        let component = self.calling(name, runtime, &grants, &mut BTreeMap::new())?;
        let ready = workers(runtime, &component, grants[name].clone(), journal, stores);
        let ready = ready.await;
        ready.map_err(|source| cannot_start_at(&self.plan, name, plan.place, source.into()))
    }

    /// A component with its imports that others answer, which are made ready for it.
    fn calling<'a>(
        &'a self,
        name: &str,
        runtime: &Runtime,
        grants: &GrantsByName,
        callees: &mut BTreeMap<&'a str, Callee>,
    ) -> Result<Component, Error> {
        let mut imports = Vec::new();
        for ImportPlan {
            interface,
            component: callee,
            ..
        } in &self.plan.components[name].imports
        {
            if !callees.contains_key(&**callee) {
                let component = self.calling(callee, runtime, grants, callees)?;
                let Component {
                    loaded,
                    environment,
                    ..
                } = component;
                let ready = runtime.callee(&loaded, &grants[callee], environment);
                let ready = ready.map_err(|source| {
                    let place = self.plan.components[callee].place;
                    cannot_start_at(&self.plan, callee, place, source.into())
                })?;
                callees.insert(callee, ready);
            }
            imports.push(Import {
                interface: interface.value.clone(),
                callee: callees[&**callee].clone(),
            });
        }
        let component = self.components[name].clone();
        Ok(Component {
            loaded: component.loaded.calling(imports),
            ..component
        })
    }

    /// Why the trigger at an index of the plan cannot start.
    pub(crate) fn cannot_start(&self, index: usize, source: StartError) -> Error {
        let trigger = &self.plan.triggers[index];
        cannot_start_at(&self.plan, trigger.component(), trigger.place(), source)
    }
}

/// Makes a component ready to run as workers.
async fn workers(
    runtime: &Runtime,
    component: &Component,
    grants: Arc<Grants>,
    journal: &str,
    stores: &Stores,
) -> Result<Workers, keywell_runtime::Error> {
    let options = worker_options(journal, stores);
    let environment = component.environment.clone();
    let ready = runtime.workers(&component.loaded, grants, environment, options);
    ready.await
}

fn cannot_start_at(plan: &Plan, name: &str, place: Place, source: StartError) -> Error {
    let problem = format!("the component {name} cannot start: {source}");
    Error::Start {
        component: name.to_owned(),
        text: plan.error_at(place, problem).to_string(),
        source,
    }
}
