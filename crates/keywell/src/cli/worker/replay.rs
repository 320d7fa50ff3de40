use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use keywell_app::Application;
use keywell_config::units::{duration, size};
use keywell_config::{Code, ComponentPlan, LimitsPlan, LinkPlan, Plan};
use keywell_runtime::worker::Workers;
use keywell_store::Store;

use super::super::cache::CacheArguments;
use super::super::component::ComponentArguments;
use super::super::images::ImageArguments;
use super::super::store::GivenUrl;
use super::super::written::Written;
use crate::cli::failed::Failed;

/// How a component is run to replay workers in memory.
#[derive(Args)]
pub(super) struct ReplayArguments {
    /// A keywell.toml whose component of that name COMPONENT is then, with its grants and limits there.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["timeout", "memory"])]
    file: Option<PathBuf>,

    /// How long a call may take: 500ms, 30s, 5m.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    timeout: Duration,

    /// How much memory an instance may have: 64KiB, 256MiB, 1GiB.
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = size)]
    memory: usize,

    #[command(flatten)]
    cache: CacheArguments,

    #[command(flatten)]
    images: ImageArguments,
}

/// The store of the journals, as it was reached.
pub(super) struct Reached {
    pub(super) store: Arc<dyn Store>,
    pub(super) url: GivenUrl,
}

/// A component that replays workers.
pub(super) struct Replaying {
    pub(super) workers: Workers,
    /// What they run in.
    _application: Application,
}

// === impl ReplayArguments ===

impl ReplayArguments {
    /// Loads a component to replay workers whose journals are in a store.
    pub(super) async fn load(
        &self,
        component: &Path,
        reached: &Reached,
    ) -> Result<Replaying, Failed> {
        let (name, mut plan) = match &self.file {
            Some(file) => Self::plan_in(file, component)?,
            None => self.plan(component, reached)?,
        };
        for component in plan.components.values_mut() {
            component.is_worker = true;
            if let Code::Image { reference, file } = &mut component.code {
                let folder = self.cache.images();
                let pulled = self.images.pull_one(folder.as_deref(), reference);
                *file = Some(pulled.await?.file);
            }
        }
        let journal = plan.stores.keys().next().cloned();
        let journal = journal.ok_or_else(|| {
            Failed::Usage("the file has no store, and a worker's component has one".to_owned())
        })?;
        let application = Application::load(plan, self.cache.alone()).map_err(Failed::of_one)?;
        let workers = application.workers(&name, &journal, &reached.store).await;
        Ok(Replaying {
            workers: workers.map_err(Failed::of_one)?,
            _application: application,
        })
    }

    /// A component as `keywell invoke` has it, and its name in the plan.
    fn plan(&self, component: &Path, reached: &Reached) -> Result<(String, Plan), Failed> {
        const STORE: &str = ComponentArguments::STORE;
        let written = Written::read(component)?;
        let component = ComponentPlan {
            link: LinkPlan::to(STORE),
            code: written.code(),
            ..ComponentPlan::default()
        };
        let plan = Plan {
            limits: LimitsPlan {
                memory: Some(self.memory),
                timeout: Some(self.timeout),
                instances: Some(1),
                ..LimitsPlan::default()
            },
            stores: [(STORE.to_owned(), reached.url.plan())].into(),
            components: [(written.name(), component)].into(),
            ..Plan::default()
        };
        Ok((written.name(), plan))
    }

    /// A component as an application has it, and its name there.
    fn plan_in(file: &Path, component: &Path) -> Result<(String, Plan), Failed> {
        let plan = Plan::read(file).map_err(|error| Failed::Usage(error.to_string()))?;
        let name = component.to_string_lossy().into_owned();
        let mut components = plan.components;
        components.retain(|own, _| *own == name);
        if components.is_empty() {
            let file = file.display();
            return Err(Failed::Usage(format!("{file} has no component {name}")));
        }
        let plan = Plan {
            components,
            triggers: Vec::new(),
            health: None,
            ..plan
        };
        Ok((name, plan))
    }
}
