use std::path::Path;
use std::time::Duration;

use keywell_config::{ComponentPlan, ConfigError, LinkPlan, Located, Plan, Problem, Report};
use keywell_runtime::{AllowedHost, Bounds, Environment, LoadedComponent, Runtime};
use keywell_store::BucketName;
use keywell_store::layer::{Grant, Limits};
use keywell_wasi::Grants;
use keywell_wasi::reserved::is_reserved;

use crate::stores::Stores;

/// A component of a plan, compiled, with what its instances see of the world.
pub(crate) struct Component {
    pub(crate) loaded: LoadedComponent,
    pub(crate) environment: Environment,
    /// How long a call may take, where that is not as for all.
    pub(crate) timeout: Option<Duration>,
}

/// A component whose text was read, to be compiled once that of all was.
pub(crate) struct Checked<'a> {
    name: &'a str,
    file: &'a Path,
    plan: &'a ComponentPlan,
    environment: Environment,
}

// === impl Checked ===

impl<'a> Checked<'a> {
    /// Reads everything in the plan of a component that has a meaning of its own.
    pub(crate) fn read(
        plan: &Plan,
        name: &'a str,
        component: &'a ComponentPlan,
    ) -> Result<Self, ConfigError> {
        let mut report = Report::default();
        for link in component.links() {
            if let Err(error) = grants(plan, link, |_, _| ()) {
                report.extend(error.report());
            }
        }
        let environment = environment(plan, name, component);
        let file = component.code.file().ok_or_else(|| {
            let problem = format!("the image {} was not downloaded", component.code);
            plan.error_at(component.place, problem)
        });
        match (file, environment) {
            (Ok(file), Ok(environment)) if !report.has_errors() => Ok(Self {
                name,
                file,
                plan: component,
                environment,
            }),
            (file, environment) => {
                let errors = file.err().into_iter().chain(environment.err());
                errors.for_each(|error| report.extend(error.report()));
                Err(report.into())
            }
        }
    }

    /// Compiles it. `memory` is the most of an instance where the component has none of its own.
    pub(crate) fn load(
        self,
        runtime: &Runtime,
        memory: usize,
    ) -> Result<Component, keywell_runtime::Error> {
        let name = self.name;
        let loaded = runtime.load(self.file)?;
        let bounds = Bounds {
            memory: Some(self.plan.memory.unwrap_or(memory)),
            timeout: self.plan.timeout,
        };
        Ok(Component {
            loaded: loaded.named(name).within(bounds),
            environment: self.environment,
            timeout: self.plan.timeout,
        })
    }
}

fn environment(
    plan: &Plan,
    name: &str,
    component: &ComponentPlan,
) -> Result<Environment, ConfigError> {
    let mut report = Report::default();
    let mut outgoing = Vec::new();
    for host in &component.outgoing {
        match host.parse::<AllowedHost>() {
            Ok(host) => outgoing.push(host),
            Err(error) => report.push(plan.at(host.place, Problem::error(error.to_string()))),
        }
    }
    if report.has_errors() {
        return Err(report.into());
    }
    let variables = component.env.iter();
    Ok(Environment {
        variables: variables
            .map(|(name, value)| (name.clone(), value.expose().to_owned()))
            .collect(),
        config: component
            .config
            .iter()
            .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
            .collect(),
        arguments: vec![name.to_owned()],
        stdin: false,
        outgoing,
    })
}

/// Reads the name of a bucket.
pub(crate) fn bucket(plan: &Plan, name: &Located<String>) -> Result<BucketName, ConfigError> {
    BucketName::parse(name).map_err(|error| plan.error_at(name.place, error.to_string()))
}

/// What a component may open by a link, once the stores are open.
pub(crate) fn granted(
    plan: &Plan,
    link: &LinkPlan,
    stores: &Stores,
) -> Result<Grants, ConfigError> {
    let mut granted = match &link.store {
        Some(store) => Grants::everything_in(stores.get(store)),
        None => Grants::none(),
    };
    let mut named = Vec::new();
    grants(plan, link, |own, grant| named.push((own, grant)))?;
    for (own, (store, bucket, grant, limits)) in named {
        granted = granted.with(own, stores.get(&store), bucket, grant, limits);
    }
    Ok(granted)
}

/// Reads the grants of a link: for the component's name of a bucket, the store, the bucket, the rights and
/// the limits.
fn grants(
    plan: &Plan,
    link: &LinkPlan,
    mut each: impl FnMut(BucketName, (String, BucketName, Grant, Limits)),
) -> Result<(), ConfigError> {
    let mut report = Report::default();
    for (own, grant) in &link.buckets {
        let place = grant.bucket.place;
        let [own, bucket] = [own, &grant.bucket.value].map(|name| BucketName::parse(name));
        let (own, bucket) = match (own, bucket) {
            (Ok(own), Ok(bucket)) => (own, bucket),
            (Err(error), _) | (_, Err(error)) => {
                report.push(plan.at(place, Problem::error(error.to_string())));
                continue;
            }
        };
        if let Some(reserved) = [&own, &bucket].into_iter().find(|name| is_reserved(name)) {
            let problem =
                format!("the bucket {reserved} is Keywell's own, and no component is granted it");
            report.push(plan.at(place, Problem::error(problem)));
            continue;
        }
        let rights = Grant {
            read_only: grant.read_only,
            prefix: grant.prefix.clone(),
        };
        let usual = Limits::default();
        let limits = Limits {
            key_bytes: grant.max_key.unwrap_or(usual.key_bytes),
            value_bytes: grant.max_value.unwrap_or(usual.value_bytes),
            ..usual
        };
        each(own, (grant.store.clone(), bucket, rights, limits));
    }
    if report.has_errors() {
        return Err(report.into());
    }
    Ok(())
}
