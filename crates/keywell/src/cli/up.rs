//! `keywell up`: an application from its `keywell.toml`.

use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;

use clap::Args;
use keywell_app::Examined;
use keywell_config::{ConfigError, Draft, Plan};

use super::application::{attend, lines};
use super::cache::CacheArguments;
use super::images::ImageArguments;
use super::metrics::MetricsArguments;
use super::{files, output, signal};
use crate::cli::failed::{Ended, Failed};

/// Run an application: every store, component and trigger of a keywell.toml.
///
/// Each store is opened once. Each trigger that starts is printed as a line. If one cannot start,
/// none does. If one fails later, its error is printed, the others stop, and the exit code is 1. SIGINT or
/// SIGTERM lets running requests and deliveries finish and closes the stores.
///
/// With --check nothing starts: everything that is wrong is printed with its place, and the exit code
/// is 2 if there is an error.
#[derive(Args)]
#[command(
    after_help = "Example:\n  keywell up\n  keywell up shop/keywell.toml\n  \
    keywell up --check --online shop/keywell.toml\n\n\
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

    /// Print everything that is wrong with the file, and start nothing.
    #[arg(long)]
    check: bool,

    /// Check also that the servers of stores can be reached, and download images.
    #[arg(long, requires = "check")]
    online: bool,

    #[command(flatten)]
    metrics: MetricsArguments,

    #[command(flatten)]
    cache: CacheArguments,

    #[command(flatten)]
    images: ImageArguments,
}

// === impl Up ===

impl Up {
    pub(super) async fn main(self) -> Ended {
        if self.check {
            return self.check().await;
        }
        // Before all else, so that no signal is missed that comes once a trigger is printed.
        let mut stop = pin!(signal::stop()?);
        files::raise_limit();
        let Some(examined) = signal::unless(stop.as_mut(), self.examined(true)).await? else {
            return Ok(ExitCode::SUCCESS);
        };
        output::report(examined.report());
        let is_in_plan = examined.is_in_plan();
        let application = examined.application().map_err(|report| {
            let text = format!("{} has {}", self.file.display(), report.count());
            if is_in_plan {
                Failed::Usage(text)
            } else {
                Failed::Failure(text)
            }
        })?;
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

    /// Reads the file and everything that it names; of images, those alone that are kept, unless they
    /// are to be downloaded.
    async fn examined(&self, is_online: bool) -> Result<Examined, Failed> {
        let mut draft = Draft::read(&self.file)?;
        draft.plan.is_metered = self.metrics.metrics;
        let folder = self.cache.images();
        let unpulled = if is_online {
            self.images.pull(folder.as_deref(), &mut draft.plan).await
        } else {
            self.images.find(folder.as_deref(), &mut draft.plan).await
        };
        let mut examined = Examined::new(draft, self.cache.options());
        for unpulled in unpulled {
            examined.add(unpulled.place, unpulled.problem, unpulled.is_in_plan);
        }
        Ok(examined)
    }

    /// Prints everything that is wrong, or that nothing is.
    async fn check(self) -> Ended {
        let mut examined = self.examined(self.online).await?;
        if self.online {
            examined.reach().await;
        }
        let report = examined.report();
        output::report(report);
        let file = self.file.display();
        if report.has_errors() {
            return Err(Failed::Usage(format!("{file} has {}", report.count())));
        }
        let size = size(examined.plan());
        output::say(&match report.warnings() {
            0 => format!("{file} is valid: {size}"),
            _ => format!("{file} is valid, with {}: {size}", report.count()),
        });
        Ok(ExitCode::SUCCESS)
    }
}

/// How many things a plan has: "1 store, 2 components and 2 triggers".
fn size(plan: &Plan) -> String {
    let count = |number, what| match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    };
    format!(
        "{}, {} and {}",
        count(plan.stores.len(), "store"),
        count(plan.components.len(), "component"),
        count(plan.triggers.len(), "trigger")
    )
}

impl From<ConfigError> for Failed {
    fn from(error: ConfigError) -> Self {
        Self::Usage(error.to_string())
    }
}
