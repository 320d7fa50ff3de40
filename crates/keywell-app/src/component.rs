use std::time::Duration;

use keywell_config::{ComponentPlan, ConfigError, Located, Plan};
use keywell_runtime::{AllowedHost, Bounds, Environment, LoadedComponent, Runtime};
use keywell_store::BucketName;
use keywell_store::layer::{Grant, Limits};
use keywell_wasi::Grants;
use keywell_wasi::reserved::is_reserved;

use crate::Error;
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
        grants(plan, component, |_, _| ())?;
        Ok(Self {
            name,
            plan: component,
            environment: environment(plan, name, component)?,
        })
    }

    /// Compiles it. `memory` is the most of an instance where the component has none of its own.
    pub(crate) fn load(
        self,
        runtime: &Runtime,
        plan: &Plan,
        memory: usize,
    ) -> Result<Component, Error> {
        let name = self.name;
        let loaded = runtime.load(&self.plan.path).map_err(|source| {
            let problem = format!("the component {name}: {source}");
            Error::Component {
                component: name.to_owned(),
                text: plan.error_at(self.plan.place, problem).to_string(),
                source,
            }
        })?;
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
    let outgoing = component.outgoing.iter().map(|host| {
        host.parse::<AllowedHost>()
            .map_err(|error| plan.error_at(host.place, error.to_string()))
    });
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
        outgoing: outgoing.collect::<Result<_, _>>()?,
    })
}

/// Reads the name of a bucket.
pub(crate) fn bucket(plan: &Plan, name: &Located<String>) -> Result<BucketName, ConfigError> {
    BucketName::parse(name).map_err(|error| plan.error_at(name.place, error.to_string()))
}

/// What a component may open, once the stores are.
pub(crate) fn granted(
    plan: &Plan,
    component: &ComponentPlan,
    stores: &Stores,
) -> Result<Grants, ConfigError> {
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
) -> Result<(), ConfigError> {
    for (own, grant) in &component.buckets {
        let place = grant.bucket.place;
        let own = BucketName::parse(own);
        let own = own.map_err(|error| plan.error_at(place, error.to_string()))?;
        let bucket = bucket(plan, &grant.bucket)?;
        if let Some(reserved) = [&own, &bucket].into_iter().find(|name| is_reserved(name)) {
            let problem =
                format!("the bucket {reserved} is Keywell's own, and no component is granted it");
            return Err(plan.error_at(place, problem));
        }
        let rights = Grant {
            read_only: grant.read_only,
            prefix: grant.prefix.clone(),
        };
        each(own, (grant.store.clone(), bucket, rights));
    }
    Ok(())
}
