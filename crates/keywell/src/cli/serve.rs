use std::pin::{Pin, pin};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use keywell::StoreUrl;
use keywell_config::ListenAddress;
use keywell_config::units::duration;
use keywell_runtime::watch::{PositionsStore, Subscriptions, WatchOptions, WatchTarget};
use keywell_runtime::{HttpOptions, LoadedComponent, Options, Runtime};
use keywell_store::{BucketName, Store};
use keywell_wasi::Grants;

use super::cache::members;
use super::component::{ComponentArguments, HTTP, is_exported};
use super::listen::listen;
use super::store::{self, StoreArguments};
use super::triggers::{Trigger, Triggers};
use super::usage::Unshown;
use super::{files, signal};
use crate::cli::failed::{Ended, Failed};

/// Serve HTTP with a component (HTTP/1.1, and HTTP/2 by prior knowledge), call it when keys change,
/// or both.
///
/// Every bucket name that the component opens is a bucket in the one store. SIGINT or SIGTERM lets
/// running requests and deliveries finish.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  keywell serve counter.wasm --store disk:visits\n  \
                  curl http://127.0.0.1:8080/hello\n  \
                  keywell serve http_watcher.wasm --watch 'SET@order:*,DEL@order:*' \
                  --allow-http localhost:3001 --store 'redis://127.0.0.1?layout=flat'"
)]
pub(super) struct Serve {
    #[command(flatten)]
    component: ComponentArguments,

    #[command(flatten)]
    store: StoreArguments,

    /// Where to listen; port 0 takes a free one. A name, as in localhost:8080, stands for all its
    /// addresses. A component that only watches listens nowhere.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    addr: ListenAddress,

    /// Let an instance answer up to N requests, one after the other. What the component keeps in
    /// its memory is then seen by later requests.
    #[arg(long, value_name = "N", default_value_t = 1)]
    reuse: u32,

    /// How many connections clients may have open. Past it, or where the process may not open so
    /// many files, the one that was idle for longest is closed.
    #[arg(long, value_name = "N", default_value_t = 10_000,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    connections: u32,

    /// How long a response may wait for a client that does not read it: 500ms, 30s, 5m.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    write_timeout: Duration,

    /// Call the component when keys change: SET@KEY when one is set, DEL@KEY when one is gone,
    /// several separated by commas; may be repeated. In a key, * stands for any characters and ?
    /// for one; behind =, as in SET@=a*b, a key is literal.
    #[arg(long, value_name = "CHANGES")]
    watch: Vec<Subscriptions>,

    /// The bucket whose keys are watched.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "default",
        requires = "watch"
    )]
    watch_bucket: BucketName,

    /// What this watcher is called: by it, it finds its place after a restart, also where --watch is
    /// another one then, and shares the events with other processes, which are to watch the same
    /// changes. Without it, all that watch the same changes of the same bucket with a component of the
    /// same file name share them.
    #[arg(long, value_name = "NAME", requires = "watch")]
    watch_name: Option<String>,

    /// Another store for what the watcher keeps of its own, its position and dead letters, where it
    /// may not write to the one that it watches.
    #[arg(long, value_name = "URL", requires = "watch", value_parser = Unshown::new(store::url))]
    positions: Option<StoreUrl>,
}

// === impl Serve ===

impl Serve {
    pub(super) async fn main(self) -> Ended {
        // Before all else, so that no signal is missed that comes once the address is printed.
        let mut stop = pin!(signal::stop()?);
        files::raise_limit();
        let (runtime, component) = self.component.load(&Options {
            connections: self.connections,
            write_timeout: self.write_timeout,
            ..self.component.options()
        })?;
        let Some(store) = signal::unless(stop.as_mut(), self.store.open()).await? else {
            return Ok(ExitCode::SUCCESS);
        };
        let ended = self.serve_with_positions(&runtime, &component, store.clone(), stop);
        let ended = ended.await;
        let closed = store.close().await;
        let code = ended?;
        closed?;
        Ok(code)
    }

    async fn serve_with_positions(
        &self,
        runtime: &Runtime,
        component: &LoadedComponent,
        store: Arc<dyn Store>,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) -> Ended {
        let other = self.positions.as_ref();
        let Some(url) = other.filter(|url| **url != self.store.store) else {
            return self.serve(runtime, component, store, None, stop).await;
        };
        let Some(positions) = signal::unless(stop.as_mut(), store::open(url)).await? else {
            return Ok(ExitCode::SUCCESS);
        };
        let ended = self.serve(runtime, component, store, Some(positions.clone()), stop);
        let ended = ended.await;
        let closed = positions.close().await;
        let code = ended?;
        closed?;
        Ok(code)
    }

    async fn serve(
        &self,
        runtime: &Runtime,
        component: &LoadedComponent,
        store: Arc<dyn Store>,
        positions: Option<Arc<dyn Store>>,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) -> Ended {
        let triggers = self.triggers(runtime, component, store, positions);
        let Some(triggers) = signal::unless(stop.as_mut(), triggers).await? else {
            return Ok(ExitCode::SUCCESS);
        };
        Ok(if triggers.run(stop).await {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    /// What calls the component, ready to run.
    async fn triggers(
        &self,
        runtime: &Runtime,
        component: &LoadedComponent,
        store: Arc<dyn Store>,
        positions: Option<Arc<dyn Store>>,
    ) -> Result<Triggers, Failed> {
        let store_is_ours = store.is_exclusive();
        let grants = Arc::new(Grants::everything_in(store));
        let mut triggers = Triggers::default();
        let answers_http = is_exported(component.component(), HTTP);
        // Without anything to watch, that it answers no HTTP is the error to report.
        if answers_http || self.watch.is_empty() {
            for (line, trigger) in self.http(runtime, component, grants.clone()).await? {
                triggers.add(line, trigger);
            }
        }
        if let Some(subscriptions) = self.subscriptions()? {
            if store_is_ours && !answers_http {
                tracing::warn!(
                    "no other process can change keys of {}, and only their changes call this component: \
                     give it a store that is a server, or run it with others by `keywell up`",
                    self.store.store
                );
            }
            let mut target = self.target(subscriptions);
            target.positions = positions.map(|store| PositionsStore {
                store,
                watched: store::identity(&self.store.store),
            });
            let (line, trigger) = self.watcher(runtime, component, grants, target).await?;
            let nowhere = if answers_http {
                ""
            } else {
                ", and listens nowhere"
            };
            triggers.add(format!("{line}{nowhere}"), trigger);
        }
        Ok(triggers)
    }

    async fn http(
        &self,
        runtime: &Runtime,
        component: &LoadedComponent,
        grants: Arc<Grants>,
    ) -> Result<Vec<(String, Trigger)>, Failed> {
        let options = HttpOptions {
            reuse: self.reuse,
            environment: self.component.environment(Vec::new()),
        };
        let app = runtime.http(component, grants, &options)?;
        let servers = listen(&self.addr, &app).await.map_err(Failed::Failure)?;
        let (name, store_url) = (self.component.name(), &self.store.store);
        let triggers = servers.into_iter().map(|server| {
            let addr = server.addr();
            let line = format!("{name} listens on http://{addr} with {store_url}");
            (line, Trigger::Http(server))
        });
        Ok(triggers.collect())
    }

    /// All that is to be watched, as one.
    fn subscriptions(&self) -> Result<Option<Subscriptions>, Failed> {
        let texts: Vec<String> = self.watch.iter().map(ToString::to_string).collect();
        if texts.is_empty() {
            return Ok(None);
        }
        Subscriptions::parse(&texts.join(","))
            .map(Some)
            .map_err(|error| Failed::Usage(error.to_string()))
    }

    fn target(&self, subscriptions: Subscriptions) -> WatchTarget {
        let (name, bucket) = (self.component.name(), self.watch_bucket.clone());
        let mut target = WatchTarget::new(&name, bucket, subscriptions);
        target.name.clone_from(&self.watch_name);
        target
    }

    async fn watcher(
        &self,
        runtime: &Runtime,
        component: &LoadedComponent,
        grants: Arc<Grants>,
        target: WatchTarget,
    ) -> Result<(String, Trigger), Failed> {
        let (name, bucket) = (&target.component, &target.bucket);
        let line = format!(
            "{name} watches {} in bucket {bucket} of {}",
            target.subscriptions, self.store.store
        );
        let options = WatchOptions {
            environment: self.component.environment(Vec::new()),
            members: members(),
            ..WatchOptions::default()
        };
        let trigger = runtime.watch(component, grants, target, &options).await?;
        Ok((line, Trigger::Watch(Box::new(trigger))))
    }
}
