use std::pin::pin;
use std::process::ExitCode;

use clap::Args;
use keywell_app::Event;
use keywell_config::{CommandPlan, TriggerPlan};

use super::component::ComponentArguments;
use super::store::StoreArguments;
use super::{metrics, signal};
use crate::cli::failed::{Ended, Failed};

/// Run a component as a command, from start to end. Its exit code is passed on.
#[derive(Args)]
#[command(
    after_help = "Example:\n  keywell run report.wasm --store disk:visits -- --since yesterday"
)]
pub(super) struct Run {
    #[command(flatten)]
    component: ComponentArguments,

    #[command(flatten)]
    store: StoreArguments,

    /// Arguments for the component.
    #[arg(last = true, value_name = "ARGUMENTS")]
    arguments: Vec<String>,
}

// === impl Run ===

impl Run {
    pub(super) async fn main(self) -> Ended {
        let mut stop = pin!(signal::stop()?);
        let interrupted = || Failed::Failure("interrupted".to_owned());
        let written = self.component.written()?;
        let sets = self.component.config_sets()?;
        let mut plan = self.component.plan(&written, &self.store.store, &sets);
        plan.triggers.push(TriggerPlan::Command(CommandPlan {
            arguments: self.arguments,
            has_stdin: true,
            ..CommandPlan::new(written.name())
        }));
        let load = self.component.load(plan);
        let application = signal::unless(stop.as_mut(), load).await?;
        let application = application.ok_or_else(interrupted)?;
        let started = application.start_unless(stop.as_mut()).await;
        let mut handle = started.map_err(Failed::of_one)?.ok_or_else(interrupted)?;
        let ended = signal::unless(stop, async { Ok::<_, Failed>(handle.next().await) });
        let ended = ended.await?.flatten();
        metrics::report(&handle.metering());
        handle.stop().await.map_err(Failed::of_one)?;
        match ended {
            Some(Event::Exited { code, .. }) => Ok(ExitCode::from(code)),
            Some(Event::Failed { problem, .. }) => Err(Failed::Failure(problem.to_string())),
            None => Err(interrupted()),
        }
    }
}
