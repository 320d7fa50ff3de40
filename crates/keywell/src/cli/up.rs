//! `keywell up`: an application from its `keywell.toml`.

use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;

use clap::Args;
use keywell_app::Application;
use keywell_config::{ConfigError, Plan};

use super::application::{attend, lines};
use super::cache::CacheArguments;
use super::metrics::MetricsArguments;
use super::{files, output, signal};
use crate::cli::failed::{Ended, Failed};

/// Run an application: every store, component and trigger of a keywell.toml.
///
/// Each store is opened once. Each trigger that starts is printed as a line. If one cannot start,
/// none does. If one fails later, its error is printed, the others stop, and the exit code is 1. SIGINT or
/// SIGTERM lets running requests and deliveries finish and closes the stores.
#[derive(Args)]
#[command(
    after_help = "Example:\n  keywell up\n  keywell up shop/keywell.toml\n\n\
    What it reads:\n  \
    [store.main]\n  \
    url = \"disk:data\"\n\n  \
    [component.alerts]\n  \
    path = \"http_watcher.wasm\"\n  \
    store = \"main\"\n  \
    outgoing = [\"localhost:3001\"]\n\n  \
    [[trigger.watch]]\n  \
    component = \"alerts\"\n  \
    on = \"SET@order:*,DEL@order:*\""
)]
pub(super) struct Up {
    /// The application.
    #[arg(value_name = "FILE", default_value = "keywell.toml")]
    file: PathBuf,

    #[command(flatten)]
    metrics: MetricsArguments,

    #[command(flatten)]
    cache: CacheArguments,
}

// === impl Up ===

impl Up {
    pub(super) async fn main(self) -> Ended {
        // Before all else, so that no signal is missed that comes once a trigger is printed.
        let mut stop = pin!(signal::stop()?);
        files::raise_limit();
        let plan = Plan {
            is_metered: self.metrics.metrics,
            ..Plan::read(&self.file)?
        };
        let application = Application::load(plan, self.cache.options())?;
        let Some(handle) = application.start_unless(stop.as_mut()).await? else {
            return Ok(ExitCode::SUCCESS);
        };
        for trigger in handle.status().triggers {
            for line in lines(&trigger, str::to_owned) {
                output::say(&line);
            }
        }
        Ok(if attend(handle, stop).await? {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

impl From<ConfigError> for Failed {
    fn from(error: ConfigError) -> Self {
        Self::Usage(error.to_string())
    }
}
