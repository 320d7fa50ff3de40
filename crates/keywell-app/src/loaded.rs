use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use keywell_config::{ComponentPlan, HttpPlan, Located, Plan, TriggerPlan, WatchPlan};
use keywell_runtime::watch::{Backoff, PositionsStore, Subscriptions, WatchOptions, WatchTarget};
use keywell_runtime::{
    AllowedHost, Bounds, Environment, HttpOptions, LoadedComponent, Options, Runtime,
};
use keywell_store::BucketName;
use keywell_store::layer::{Grant, Limits};
use keywell_wasi::Grants;
use keywell_wasi::reserved::is_reserved;

use super::stores::Stores;
use crate::cli::cache::members;
use crate::cli::failed::Failed;
use crate::cli::listen::listen;
use crate::cli::machine;
use crate::cli::output;
use crate::cli::triggers::{Trigger, Triggers};

/// A plan whose components are loaded.
pub(super) struct Application<'a> {
    plan: &'a Plan,
    runtime: Runtime,
    components: BTreeMap<&'a str, Loaded>,
    watches: BTreeMap<usize, Watched>,
}

struct Loaded {
    component: LoadedComponent,
    environment: Environment,
}

/// What the text of a watch trigger means.
struct Watched {
    target: WatchTarget,
    dead_letters: Option<BucketName>,
}

// === impl Application ===

impl<'a> Application<'a> {
    /// Reads and compiles the components, and everything in the plan that has a meaning of its own.
    /// Nothing is opened yet.
    pub(super) fn load(plan: &'a Plan, cache: Option<PathBuf>) -> Result<Self, Failed> {
        let usual = Options::default();
        let memories = plan.components.values().map(|component| component.memory);
        let largest = memories.flatten().max().unwrap_or(0);
        let memory = plan.limits.memory.unwrap_or(usual.memory);
        let runtime = Runtime::new(&Options {
            // The pool has room for the largest; the others are held to theirs.
            memory: memory.max(largest),
            timeout: plan.limits.timeout.unwrap_or(usual.timeout),
            instances: plan.limits.instances.unwrap_or(usual.instances),
            connections: plan.limits.connections.unwrap_or(usual.connections),
            write_timeout: plan.limits.write_timeout.unwrap_or(usual.write_timeout),
            total_memory: plan
                .limits
                .total_memory
                .unwrap_or_else(machine::usual_total),
            cache,
            output: output::output().clone(),
            ..usual
        })?;
        let mut application = Self {
            plan,
            runtime,
            components: BTreeMap::new(),
            watches: BTreeMap::new(),
        };
        // Errors in the text are reported before any component is compiled.
        for (index, trigger) in plan.triggers.iter().enumerate() {
            if let TriggerPlan::Watch(watch) = trigger {
                application.watches.insert(index, watched(plan, watch)?);
            }
        }
        let mut environments = Vec::new();
        for (name, component) in &plan.components {
            grants(plan, component, |_, _| ())?;
            environments.push((name, component, environment(plan, name, component)?));
        }
        for (name, component, environment) in environments {
            let loaded = application.runtime.load(&component.path).map_err(|error| {
                let problem = format!("the component {name}: {error}");
                Failed::Failure(plan.error_at(component.place, problem).to_string())
            })?;
            let bounds = Bounds {
                memory: Some(component.memory.unwrap_or(memory)),
                timeout: component.timeout,
            };
            let loaded = Loaded {
                component: loaded.named(name).within(bounds),
                environment,
            };
            application.components.insert(name, loaded);
        }
        Ok(application)
    }

    /// Makes every trigger ready, or none.
    pub(super) async fn start(mut self, stores: &Stores) -> Result<Triggers, Failed> {
        let mut grants = BTreeMap::new();
        for (name, component) in &self.plan.components {
            grants.insert(
                name.as_str(),
                Arc::new(granted(self.plan, component, stores)?),
            );
        }
        let mut triggers = Triggers::default();
        for (index, trigger) in self.plan.triggers.iter().enumerate() {
            let name = trigger.component();
            let grants = grants[name].clone();
            let started = match trigger {
                TriggerPlan::Http(http) => self.http(http, grants).await,
                TriggerPlan::Watch(watch) => {
                    let watched = self.watches.remove(&index);
                    let watched = watched.expect("every watch was read when it was loaded");
                    let started = self.watch(watch, watched, grants, stores).await;
                    started
                        .map(|started| vec![started])
                        .map_err(|error| error.to_string())
                }
                _ => unreachable!("a plan has triggers of these kinds"),
            };
            let started = started.map_err(|error| {
                let problem = format!("the component {name} cannot start: {error}");
                let place = trigger.place();
                Failed::Failure(self.plan.error_at(place, problem).to_string())
            })?;
            for (line, trigger) in started {
                triggers.add(line, trigger);
            }
        }
        Ok(triggers)
    }

    async fn http(
        &self,
        plan: &HttpPlan,
        grants: Arc<Grants>,
    ) -> Result<Vec<(String, Trigger)>, String> {
        let loaded = &self.components[plan.component.as_str()];
        let options = HttpOptions {
            reuse: plan.reuse,
            environment: loaded.environment.clone(),
        };
        let app = self.runtime.http(&loaded.component, grants, &options);
        let app = app.map_err(|error| error.to_string())?;
        let servers = listen(&plan.addr, &app).await?;
        let triggers = servers.into_iter().map(|server| {
            let (name, addr) = (&plan.component, server.addr());
            let line = format!("{name} listens on http://{addr}");
            (line, Trigger::Http(server))
        });
        Ok(triggers.collect())
    }

    async fn watch(
        &self,
        plan: &WatchPlan,
        watched: Watched,
        grants: Arc<Grants>,
        stores: &Stores,
    ) -> Result<(String, Trigger), keywell_runtime::Error> {
        let loaded = &self.components[plan.component.as_str()];
        let mut target = watched.target;
        let positions = plan.positions.as_ref();
        target.positions = positions.map(|positions| PositionsStore {
            store: stores.get(positions),
            watched: stores.identity(&plan.store),
        });
        if let (Some(dead), Some(bucket)) = (&plan.dead_letters, watched.dead_letters) {
            let store = dead.store.as_ref().unwrap_or(&plan.store);
            target.dead_letters = (Some(stores.get(store)), bucket);
        }
        let line = format!(
            "{} watches {} in bucket {} of {}",
            plan.component, target.subscriptions, target.bucket, plan.store
        );
        let usual = WatchOptions::default();
        let timeout = self.plan.components[&plan.component].timeout;
        let options = WatchOptions {
            parallel: plan
                .parallel
                .map_or(usual.parallel, |parallel| parallel as usize),
            deadline: plan.deadline.or(timeout),
            retries: plan.retries.unwrap_or(usual.retries),
            backoff: plan.backoff.map_or(usual.backoff, |first| Backoff {
                first,
                most: usual.backoff.most.max(first),
            }),
            hops: plan.hops.unwrap_or(usual.hops),
            environment: loaded.environment.clone(),
            members: members(),
            ..usual
        };
        let trigger = self
            .runtime
            .watch(&loaded.component, grants, target, &options);
        Ok((line, Trigger::Watch(Box::new(trigger.await?))))
    }
}

fn environment(plan: &Plan, name: &str, component: &ComponentPlan) -> Result<Environment, Failed> {
    let outgoing = component.outgoing.iter().map(|host| {
        host.parse::<AllowedHost>()
            .map_err(|error| plan.error_at(host.place, error.to_string()))
    });
    let variables = component.env.iter();
    Ok(Environment {
        variables: variables
            .map(|(name, value)| (name.clone(), value.expose().to_owned()))
            .collect(),
        arguments: vec![name.to_owned()],
        stdin: false,
        outgoing: outgoing.collect::<Result<_, _>>()?,
    })
}

fn watched(plan: &Plan, watch: &WatchPlan) -> Result<Watched, Failed> {
    for on in &watch.on {
        Subscriptions::parse(on).map_err(|error| plan.error_at(on.place, error.to_string()))?;
    }
    let texts: Vec<&str> = watch.on.iter().map(|on| on.as_str()).collect();
    // Each was read by itself, so all of them can be.
    let subscriptions = Subscriptions::parse(&texts.join(","))
        .map_err(|error| plan.error_at(watch.place, error.to_string()))?;
    let bucket = bucket(plan, &watch.bucket)?;
    let mut target = WatchTarget::new(&watch.component, bucket, subscriptions);
    if let Some(name) = &watch.name {
        WatchTarget::check_name(name).map_err(|problem| plan.error_at(name.place, problem))?;
        target.name = Some(name.value.clone());
    }
    let dead_letters = watch.dead_letters.as_ref();
    let dead_letters = dead_letters.map(|dead| self::bucket(plan, &dead.bucket));
    Ok(Watched {
        target,
        dead_letters: dead_letters.transpose()?,
    })
}

fn bucket(plan: &Plan, name: &Located<String>) -> Result<BucketName, Failed> {
    BucketName::parse(name).map_err(|error| plan.error_at(name.place, error.to_string()).into())
}

fn granted(plan: &Plan, component: &ComponentPlan, stores: &Stores) -> Result<Grants, Failed> {
    let mut granted = match &component.store {
        Some(store) => Grants::everything_in(stores.get(store)),
        None => Grants::none(),
    };
    let mut named = Vec::new();
    grants(plan, component, |own, grant| named.push((own, grant)))?;
    for (own, (store, bucket, grant)) in named {
        granted = granted.with(own, stores.get(&store), bucket, grant, Limits::default());
    }
    Ok(granted)
}

/// Reads the grants of a component: for its name of a bucket, the store, the bucket and the rights.
fn grants(
    plan: &Plan,
    component: &ComponentPlan,
    mut each: impl FnMut(BucketName, (String, BucketName, Grant)),
) -> Result<(), Failed> {
    for (own, grant) in &component.buckets {
        let place = grant.bucket.place;
        let own = BucketName::parse(own);
        let own = own.map_err(|error| plan.error_at(place, error.to_string()))?;
        let bucket = bucket(plan, &grant.bucket)?;
        if let Some(reserved) = [&own, &bucket].into_iter().find(|name| is_reserved(name)) {
            let problem =
                format!("the bucket {reserved} is Keywell's own, and no component is granted it");
            return Err(plan.error_at(place, problem).into());
        }
        let rights = Grant {
            read_only: grant.read_only,
            prefix: grant.prefix.clone(),
        };
        each(own, (grant.store.clone(), bucket, rights));
    }
    Ok(())
}
