use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use keywell_runtime::Environment;
use keywell_wasi::Grants;

use super::component::ComponentArguments;
use super::signal;
use super::store::StoreArguments;
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
        let (runtime, component) = self.component.load(&self.component.options())?;
        let opened = signal::unless(stop.as_mut(), self.store.open()).await?;
        let store = opened.ok_or_else(interrupted)?;
        let grants = Arc::new(Grants::everything_in(store.clone()));
        let environment = Environment {
            stdin: true,
            ..self.component.environment(self.arguments)
        };
        let command = runtime.command(&component, grants, environment)?;
        let ended = signal::unless(stop, command.run()).await;
        store.close().await?;
        ended?.map(ExitCode::from).ok_or_else(interrupted)
    }
}
