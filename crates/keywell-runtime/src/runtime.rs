use std::fs;
use std::path::Path;
use std::sync::Arc;

use keywell_wasi::Grants;
use wasmtime::component::Linker;

use crate::calls::{self, Callee};
use crate::common::Shared;
use crate::compiler::Compiler;
use crate::engine::{self, Tasks};
use crate::engines::Engines;
use crate::http::Connections;
use crate::instance::Instances;
use crate::invoke::Invoker;
use crate::loaded::{LoadedComponent, Outline};
use crate::p3;
use crate::state::State;
use crate::watch::{self, Causes, Triggers, WatchOptions, WatchTarget, WatchTrigger};
use crate::worker::{self, WorkerNames, WorkerOptions, Workers};
use crate::{
    Command, Environment, Error, GrantedDir, HttpApp, HttpOptions, InvokeOptions, Options, offers,
};

/// Compiles components and makes applications of them. One for a process.
pub struct Runtime {
    engines: Engines,
    shared: Shared,
    connections: Arc<Connections>,
    compiler: Compiler,
    options: Options,
    causes: Arc<Causes>,
    triggers: Triggers,
}

// === impl Runtime ===

impl Runtime {
    /// Makes a runtime.
    ///
    /// # Errors
    ///
    /// [`Error::Engine`] when the machine does not give the address space for the pool.
    pub fn new(options: &Options) -> Result<Self, Error> {
        let engines = Engines::new(options)?;
        Ok(Self {
            engines,
            shared: Shared::new(
                options.instances,
                options.total_memory,
                options.output.clone(),
            ),
            connections: Arc::new(Connections::new(
                options.connections,
                options.instances,
                options.write_timeout,
            )),
            compiler: Compiler::new(options),
            options: options.clone(),
            causes: Arc::new(Causes::new()),
            triggers: Triggers::default(),
        })
    }

    /// How many components a call may go through: [`Options::chain`].
    pub fn chain(&self) -> u32 {
        self.options.chain.max(1)
    }

    /// Loads a component from its file: its compiled code from the cache, or else compiles it.
    ///
    /// Imports and exports of release candidates of WASI 0.2 are renamed to releases;
    /// [`interfaces`](crate::interfaces) and [`exports`](crate::exports()) return the component's
    /// own names.
    ///
    /// # Errors
    ///
    /// [`Error::Read`], [`Error::NotWasm`], [`Error::CoreModule`], [`Error::Unready`],
    /// [`Error::TooLarge`] or [`Error::Malformed`].
    pub fn load(&self, path: &Path) -> Result<LoadedComponent, Error> {
        self.load_as(path, path)
    }

    /// As [`Runtime::load`], but messages call the file `name` where it can be read: the reference
    /// of the image that it was in.
    ///
    /// # Errors
    ///
    /// As [`Runtime::load`].
    pub fn load_as(&self, name: &Path, path: &Path) -> Result<LoadedComponent, Error> {
        self.compile(name, &read(path)?)
    }

    /// Loads a component for what it imports and exports, without compiling it: its functions trap.
    /// Its code is not checked.
    ///
    /// # Errors
    ///
    /// As [`Runtime::load`].
    pub fn outline(&self, name: &Path, path: &Path) -> Result<Outline, Error> {
        self.compiler.outline(&self.engines, name, &read(path)?)
    }

    /// As [`Runtime::load_as`], but a large component that would have to be compiled comes as an
    /// [outline](LoadedComponent::is_outline), to be checked before it is loaded.
    ///
    /// # Errors
    ///
    /// As [`Runtime::load`].
    pub fn glance(&self, name: &Path, path: &Path) -> Result<LoadedComponent, Error> {
        self.compiler.glance(&self.engines, name, &read(path)?)
    }

    /// Whether the cache has the compiled code of a component, so that loading it compiles nothing.
    ///
    /// # Errors
    ///
    /// As [`Runtime::load`], but for what compiling finds.
    pub fn is_kept(&self, name: &Path, path: &Path) -> Result<bool, Error> {
        let found = self.compiler.find(&self.engines, name, &read(path)?)?;
        Ok(found.is_some())
    }

    /// Checks that everything that a component imports is offered and has the types that are
    /// offered.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] or [`Error::Mismatch`].
    pub fn check(&self, component: &LoadedComponent) -> Result<(), Error> {
        let grants = Arc::new(Grants::none());
        let made = self.instances(component, grants, Environment::default(), false);
        made.map(drop)
    }

    /// Compiles a component, and keeps the result in the cache. `path` is for messages.
    ///
    /// A core module that was built for WASI preview 1 is made a component first.
    ///
    /// # Errors
    ///
    /// As [`Runtime::load`], but for reading.
    pub fn compile(&self, path: &Path, wasm: &[u8]) -> Result<LoadedComponent, Error> {
        self.compiler.compile(&self.engines, path, wasm)
    }

    /// Makes a component ready to answer HTTP requests.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`], [`Error::Mismatch`], [`Error::NoExport`] or [`Error::TooLarge`];
    /// [`Error::Unanswered`] or [`Error::Chain`] where others answer its imports.
    pub fn http(
        &self,
        component: &LoadedComponent,
        grants: Arc<Grants>,
        options: &HttpOptions,
    ) -> Result<HttpApp, Error> {
        let environment = Environment {
            stdin: false,
            ..options.environment.clone()
        };
        let instances = self.instances(component, grants, environment, true)?;
        HttpApp::new(instances, self.connections.clone(), options)
    }

    /// Makes a component ready to have its exported functions called by HTTP requests.
    ///
    /// # Errors
    ///
    /// As [`Runtime::http`], and [`Error::NotOffered`].
    pub fn http_invoke(
        &self,
        component: &LoadedComponent,
        grants: Arc<Grants>,
        options: &InvokeOptions,
    ) -> Result<HttpApp, Error> {
        let environment = Environment {
            stdin: false,
            ..options.http.environment.clone()
        };
        let instances = self.instances(component, grants, environment, true)?;
        HttpApp::invoking(instances, self.connections.clone(), options, None)
    }

    /// Makes a component ready to run as a command.
    ///
    /// # Errors
    ///
    /// As [`Runtime::http`].
    pub fn command(
        &self,
        component: &LoadedComponent,
        grants: Arc<Grants>,
        environment: Environment,
    ) -> Result<Command, Error> {
        Command::new(self.instances(component, grants, environment, true)?)
    }

    /// Makes a component ready to be called for changes. Every change after the return is
    /// delivered.
    ///
    /// # Errors
    ///
    /// As [`Runtime::http`]; [`Error::Watch`] when the bucket is not granted, or its store cannot
    /// be watched or reached.
    pub async fn watch(
        &self,
        component: &LoadedComponent,
        grants: Arc<Grants>,
        target: WatchTarget,
        options: &WatchOptions,
    ) -> Result<WatchTrigger, Error> {
        let environment = Environment {
            stdin: false,
            ..options.environment.clone()
        };
        let grants = self.caused(&grants);
        let instances = self.instances(component, grants.clone(), environment, true)?;
        self.triggers
            .open(instances, grants, &self.causes, target, options)
            .await
    }

    /// Makes a component ready to [answer imports](LoadedComponent::calling) of others.
    ///
    /// # Errors
    ///
    /// As [`Runtime::http`].
    pub fn callee(
        &self,
        component: &LoadedComponent,
        grants: &Grants,
        environment: Environment,
    ) -> Result<Callee, Error> {
        let environment = Environment {
            stdin: false,
            ..environment
        };
        // A delivery may have led to a call.
        let grants = self.caused(grants);
        let instances = self.instances(component, grants, environment, false)?;
        Ok(Callee::new(instances))
    }

    /// Makes a component ready to have its functions called.
    ///
    /// # Errors
    ///
    /// As [`Runtime::http`], but for [`Error::NoExport`].
    pub fn invoker(
        &self,
        component: &LoadedComponent,
        grants: Arc<Grants>,
        environment: Environment,
    ) -> Result<Invoker, Error> {
        let environment = Environment {
            stdin: false,
            ..environment
        };
        let instances = self.instances(component, grants, environment, true)?;
        Ok(Invoker::new(instances))
    }

    /// Compiles a component for [`workers`](Self::workers), as [`Runtime::load_as`]. It can be called
    /// by other triggers, too, and is a little slower with floating-point numbers.
    ///
    /// # Errors
    ///
    /// As [`Runtime::load`], and [`Error::Asynchronous`].
    pub fn load_worker(&self, name: &Path, path: &Path) -> Result<LoadedComponent, Error> {
        let wasm = read(path)?;
        self.compiler.compile_worker(&self.engines, name, &wasm)
    }

    /// Makes a component ready to run as workers: it was [loaded](Self::load_worker) for that.
    ///
    /// # Errors
    ///
    /// As [`Runtime::invoker`]; [`Error::Unrecorded`], [`Error::Ungranted`], and [`Error::Journal`]
    /// for a store that cannot keep journals.
    pub async fn workers(
        &self,
        component: &LoadedComponent,
        grants: Arc<Grants>,
        environment: Environment,
        options: WorkerOptions,
    ) -> Result<Workers, Error> {
        let environment = Environment {
            stdin: false,
            ..environment
        };
        worker::check(component, &environment)?;
        // For linking alone; each worker has its own.
        let linked = Arc::new(grants.replayed(Arc::clone));
        let instances =
            self.instances_linking(component, linked, environment, true, worker::link)?;
        Workers::new(component, instances, grants, options).await
    }

    /// Makes a component ready to have the functions of its workers called by HTTP requests.
    ///
    /// # Errors
    ///
    /// As [`Runtime::workers`], and [`Error::NotOffered`].
    pub async fn http_workers(
        &self,
        component: &LoadedComponent,
        grants: Arc<Grants>,
        options: &InvokeOptions,
        names: WorkerNames,
        worker_options: WorkerOptions,
    ) -> Result<(HttpApp, Workers), Error> {
        let environment = options.http.environment.clone();
        let workers = self.workers(
            component,
            grants.clone(),
            environment.clone(),
            worker_options,
        );
        let workers = workers.await?;
        let instances = self.instances(component, grants, environment, true)?;
        let called = Some((workers.clone(), names));
        let app = HttpApp::invoking(instances, self.connections.clone(), options, called)?;
        Ok((app, workers))
    }

    /// The same grants, with writes that deliveries lead to entered in the ledger.
    fn caused(&self, grants: &Grants) -> Arc<Grants> {
        let causes = self.causes.clone();
        Arc::new(grants.layered(move |origin, bucket| watch::layer(&causes, origin, bucket)))
    }

    fn instances(
        &self,
        component: &LoadedComponent,
        grants: Arc<Grants>,
        environment: Environment,
        has_trigger: bool,
    ) -> Result<Instances, Error> {
        self.instances_linking(component, grants, environment, has_trigger, |_| Ok(()))
    }

    /// As [`instances`](Self::instances), with more that is linked.
    fn instances_linking(
        &self,
        LoadedComponent {
            name,
            component,
            bounds,
            stacks,
            imports,
            ..
        }: &LoadedComponent,
        grants: Arc<Grants>,
        environment: Environment,
        has_trigger: bool,
        link: impl FnOnce(&mut Linker<State>) -> wasmtime::Result<()>,
    ) -> Result<Instances, Error> {
        for GrantedDir { host, .. } in &environment.dirs {
            // Opened again for each instance; that it is none is said before the first.
            fs::read_dir(host).map_err(|source| Error::Dir {
                path: host.clone(),
                source,
            })?;
        }
        let mut missing = offers::missing(component);
        missing.retain(|missing| !calls::answers(imports, &missing.import));
        if !missing.is_empty() {
            return Err(Error::Missing(missing));
        }
        let all = &self.options;
        let chains = imports.iter().map(|import| import.callee.chain());
        let chain = 1 + chains.max().unwrap_or(0);
        let most = self.chain();
        if chain > most {
            return Err(Error::Chain { chain, most });
        }
        let options = Options {
            memory: bounds.memory.map_or(all.memory, |own| own.min(all.memory)),
            timeout: bounds.timeout.unwrap_or(all.timeout),
            chain,
            ..all.clone()
        };
        let (tasks, ticker) = self.engines.of(component.engine());
        let most = match tasks {
            Tasks::One | Tasks::Replayed => bounds.instances,
            // The other half is for others.
            Tasks::Several => {
                let share = (engine::stacks(all, tasks) / 2 / stacks).max(1);
                let own = bounds.instances.unwrap_or(u32::MAX);
                (share < all.instances.min(own))
                    .then_some(share)
                    .or(bounds.instances)
            }
        };
        let most = most.map(|most| most.max(1));
        Instances::new(
            name.clone(),
            component,
            grants,
            environment,
            self.shared.common(name, (tasks, ticker), most, has_trigger),
            &options,
            |linker| {
                if tasks == Tasks::Several {
                    p3::link(linker)?;
                }
                link(linker).map_err(|error| Error::Mismatch(format!("{error:#}")))?;
                calls::link(linker, component, imports)
            },
        )
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use keywell_memory::MemoryStore;

    use super::*;

    fn runtime() -> Runtime {
        let options = Options {
            instances: 2,
            ..Options::default()
        };
        Runtime::new(&options).unwrap()
    }

    fn instances(runtime: &Runtime, name: &str, has_trigger: bool) -> Instances {
        let component = runtime.compile(Path::new(name), b"\0asm\x0d\0\x01\0");
        let grants = Arc::new(Grants::everything_in(Arc::new(MemoryStore::default())));
        let environment = Environment::default();
        let instances = runtime.instances(&component.unwrap(), grants, environment, has_trigger);
        instances.unwrap()
    }

    #[test]
    fn components_share_threads_and_the_triggers_of_one_its_turns() {
        let runtime = runtime();
        let [one, same, other] =
            ["one", "one", "other"].map(|name| instances(&runtime, name, true));
        assert!(one.turns().are(same.turns()));
        assert!(!one.turns().are(other.turns()));
        assert!(one.turns().share_threads(other.turns()));
        assert!(Arc::ptr_eq(one.room(), same.room()));
        assert!(!Arc::ptr_eq(one.room(), other.room()));
    }

    #[test]
    fn what_only_other_components_call_has_no_place_and_the_turns_of_its_component() {
        let runtime = runtime();
        let [callee, one] = [("other", false), ("one", true)]
            .map(|(name, has_trigger)| instances(&runtime, name, has_trigger));
        let places = [one.room().try_enter(), one.room().try_enter()];
        assert!(places.iter().all(Option::is_some));
        drop(places);
        let same = instances(&runtime, "other", true);
        assert!(same.turns().are(callee.turns()));
        let places = [one.room().try_enter(), one.room().try_enter()];
        assert!(
            places[0].is_some() && places[1].is_none(),
            "one is kept free"
        );
    }
}
