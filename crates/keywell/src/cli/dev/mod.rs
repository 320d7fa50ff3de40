//! `keywell dev`: builds a project and runs it, and again whenever its sources change.

mod build;
mod plans;
mod project;

use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use keywell_app::{Examined, Handle};

use self::build::Builds;
use self::plans::PlansOfProject;
use self::project::Project;
use super::application::{attend, lines};
use super::cache::CacheArguments;
use super::images::ImageArguments;
use super::metrics::MetricsArguments;
use super::reloading::{Plans as _, Renewals, examined};
use super::state::StateArguments;
use super::{files, output, signal};
use crate::cli::failed::{Ended, Failed};

/// Build a project, run it, and do so again whenever its sources change.
///
/// It runs what its keywell.toml says, as `keywell up` does; without one, what the wasmcloud.toml
/// or .wash/config.yaml says. A component is built by Cargo (`cargo build --release --target
/// wasm32-wasip2`) unless the file has another command, `build`; an image is downloaded when it
/// starts. A new component takes the place of the old one without dropping a request, and the data
/// of stores stays. If a build fails, what was built before runs on.
///
/// What changes in the folder starts a build, but for hidden files, the folders
/// of stores, and those in which Cargo and Node keep what they build and download.
#[derive(Args)]
#[command(after_help = "Example:\n  keywell new shop\n  keywell dev shop")]
pub(super) struct Dev {
    /// The folder of the project.
    #[arg(value_name = "DIR", default_value = ".", hide_default_value = true)]
    folder: PathBuf,

    #[command(flatten)]
    metrics: MetricsArguments,

    #[command(flatten)]
    cache: CacheArguments,

    #[command(flatten)]
    images: ImageArguments,

    #[command(flatten)]
    state: StateArguments,
}

// === impl Dev ===

impl Dev {
    pub(super) async fn main(self) -> Ended {
        let asked = signal::stop()?;
        let mut hangups = signal::hangups()?;
        // Nothing is left of it where the terminal is closed.
        let mut stop = pin!(async {
            tokio::select! {
                () = asked => {}
                () = hangups.recv() => {}
            }
        });
        files::raise_limit();
        let builds = Builds::default();
        let ended = self.run(&builds, stop.as_mut()).await;
        builds.end().await;
        ended
    }

    async fn run(&self, builds: &Builds, mut stop: Pin<&mut impl Future<Output = ()>>) -> Ended {
        let project = Project::find(&self.folder, &self.state)?;
        let source = project.file.display().to_string();
        let is_metered = self.metrics.metrics;
        let images = (self.images.clone(), self.cache.images());
        let plans = PlansOfProject::of(project, builds.clone(), images, is_metered);
        let mut plans = plans.await?;
        let started = self.start(&mut plans, &source, stop.as_mut()).await;
        let Some(handle) = started? else {
            return Ok(ExitCode::SUCCESS);
        };
        let renewals = Renewals::of(plans, handle.examiner(), source, true);
        Ok(if attend(handle, stop, renewals, str::to_owned).await? {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    /// Builds and starts the application, after as many attempts as it takes; none if it is to stop
    /// before.
    async fn start(
        &self,
        plans: &mut PlansOfProject,
        source: &str,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<Option<Handle>, Failed> {
        loop {
            let next = async { Ok::<_, Failed>(plans.next().await) };
            let Some(draft) = signal::unless(stop.as_mut(), next).await? else {
                return Ok(None);
            };
            let since = Instant::now();
            let options = self.cache.options(&self.state);
            let examined = examined(move || Examined::new(draft, options));
            let examined = async { Ok::<_, Failed>(examined.await) };
            let Some(examined) = signal::unless(stop.as_mut(), examined).await? else {
                return Ok(None);
            };
            output::report(examined.report());
            let failed = match examined.application() {
                Ok(application) => match application.start_unless(stop.as_mut()).await {
                    Ok(Some(handle)) => {
                        for trigger in handle.status().triggers {
                            for line in lines(&trigger, str::to_owned) {
                                output::say(&line);
                            }
                        }
                        let took = since.elapsed().as_secs_f64();
                        output::say(&format!("started {source} in {took:.3} s"));
                        return Ok(Some(handle));
                    }
                    Ok(None) => return Ok(None),
                    Err(error) => error.to_string(),
                },
                Err(report) => format!("{source} has {}", report.count()),
            };
            output::complain(&format!("{failed}; waiting for a change"));
        }
    }
}
