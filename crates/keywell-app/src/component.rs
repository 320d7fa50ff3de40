use std::path::Path;
use std::time::Duration;

use keywell_config::{Code, ComponentPlan, ConfigError, LinkPlan, Located, Plan, Problem, Report};
use keywell_runtime::{
    AllowedHost, AllowedPeer, Bounds, Environment, GrantedDir, LoadedComponent, Runtime,
};
use keywell_store::BucketName;
use keywell_store::layer::{Grant, Limits};
use keywell_wasi::Grants;
use keywell_wasi::reserved::is_reserved;

use crate::stores::Stores;

/// A component of a plan, compiled, with what its instances see of the world.
#[derive(Clone)]
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
        let mut report = Report::default();
        for link in component.links() {
            if let Err(error) = grants(plan, link, |_, _| ()) {
                report.extend(error.report());
            }
        }
        match environment(plan, name, component) {
            Ok(environment) if !report.has_errors() => Ok(Self {
                name,
                plan: component,
                environment,
            }),
            environment => {
                let errors = environment.err().into_iter();
                errors.for_each(|error| report.extend(error.report()));
                Err(report.into())
            }
        }
    }

    /// Loads it, or its outline where it is large and has to be compiled first. `memory` is the most
    /// of an instance where the component has none of its own. Its file has to be known.
    pub(crate) fn glance(
        self,
        runtime: &Runtime,
        memory: usize,
    ) -> Result<Component, keywell_runtime::Error> {
        let name = self.name;
        let loaded = if self.plan.is_worker {
            let (name, file) = named_file(&self.plan.code);
            runtime.load_worker(name, file)?
        } else {
            glance(&self.plan.code, runtime)?
        };
        let bounds = Bounds {
            memory: Some(self.plan.memory.unwrap_or(memory)),
            timeout: self.plan.timeout,
            instances: self.plan.instances,
        };
        Ok(Component {
            loaded: loaded.named(name).within(bounds),
            environment: self.environment,
            timeout: self.plan.timeout,
        })
    }
}

// === impl Component ===

impl Component {
    /// Compiles it, if it is an outline.
    pub(crate) fn compile(
        &mut self,
        code: &Code,
        runtime: &Runtime,
    ) -> Result<(), keywell_runtime::Error> {
        if self.loaded.is_outline() {
            let (name, file) = named_file(code);
            let compiled = runtime.load_as(name, file)?;
            self.loaded = self.loaded.clone().with_code_of(compiled);
        }
        Ok(())
    }
}

/// Loads the code of a component, or its outline. Its file has to be known.
pub(crate) fn glance(
    code: &Code,
    runtime: &Runtime,
) -> Result<LoadedComponent, keywell_runtime::Error> {
    let (name, file) = named_file(code);
    runtime.glance(name, file)
}

/// What a component is called in messages, and its file, which has to be known.
fn named_file(code: &Code) -> (&Path, &Path) {
    match code {
        Code::File(file) => (file, file),
        Code::Image { reference, file } => {
            let file = file.as_deref().expect("images were downloaded before");
            (reference.as_ref(), file)
        }
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
    let mut tcp = Vec::new();
    for peer in &component.tcp {
        match peer.parse::<AllowedPeer>() {
            Ok(peer) => tcp.push(peer),
            Err(error) => report.push(plan.at(peer.place, Problem::error(error.to_string()))),
        }
    }
    if report.has_errors() {
        return Err(report.into());
    }
    let dirs = component.dirs.iter();
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
        secrets: component.secrets.clone(),
        arguments: vec![name.to_owned()],
        stdin: false,
        outgoing,
        tcp,
        dirs: dirs
            .map(|dir| GrantedDir {
                host: dir.host.clone(),
                guest: dir.guest.clone(),
                is_read_only: dir.is_read_only,
            })
            .collect(),
    })
}

/// Reads the name of a bucket.
pub(crate) fn bucket(plan: &Plan, name: &Located<String>) -> Result<BucketName, ConfigError> {
    BucketName::parse(name).map_err(|error| plan.error_at(name.place, error.to_string()))
}

/// What a component may open, once the stores are open.
pub(crate) fn granted(
    plan: &Plan,
    component: &ComponentPlan,
    stores: &Stores,
) -> Result<Grants, ConfigError> {
    let mut granted = granted_by(plan, &component.link, stores)?;
    for (name, link) in &component.links {
        granted = granted.with_link(name, granted_by(plan, link, stores)?);
    }
    Ok(granted)
}

fn granted_by(plan: &Plan, link: &LinkPlan, stores: &Stores) -> Result<Grants, ConfigError> {
    let mut granted = match &link.store {
        Some(store) => Grants::everything_in(stores.get(store)),
        None => Grants::none(),
    };
    let mut named = Vec::new();
    grants(plan, link, |own, grant| named.push((own, grant)))?;
    for (own, (store, bucket, grant, limits)) in named {
        let store = stores.get(&store);
        granted = match own {
            Some(own) => granted.with(own, store, bucket, grant, limits),
            None => granted.with_every_name(store, bucket, grant, limits),
        };
    }
    Ok(granted)
}

/// Reads the grants of a link: for the component's name of a bucket, or for every other name, the
/// store, the bucket, the rights and the limits.
fn grants(
    plan: &Plan,
    link: &LinkPlan,
    mut each: impl FnMut(Option<BucketName>, (String, BucketName, Grant, Limits)),
) -> Result<(), ConfigError> {
    let mut report = Report::default();
    let named = link.buckets.iter().map(|(own, grant)| (Some(own), grant));
    // A whole store has every other name already.
    let every = link.every_bucket.iter().filter(|_| link.store.is_none());
    for (own, grant) in named.chain(every.map(|grant| (None, grant))) {
        let place = grant.bucket.place;
        let own = own.map(|own| BucketName::parse(own)).transpose();
        let (own, bucket) = match (own, BucketName::parse(&grant.bucket)) {
            (Ok(own), Ok(bucket)) => (own, bucket),
            (Err(error), _) | (_, Err(error)) => {
                report.push(plan.at(place, Problem::error(error.to_string())));
                continue;
            }
        };
        if let Some(reserved) = own.iter().chain([&bucket]).find(|name| is_reserved(name)) {
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
