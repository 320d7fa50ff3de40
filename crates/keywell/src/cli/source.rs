use std::path::{Path, PathBuf};

use clap::Args;
use keywell_app::Examined;
use keywell_config::{ConfigError, Draft, Plan, Report};

use super::cache::CacheArguments;
use super::changes::Sources;
use super::images::{ImageArguments, Unpulled};
use super::metrics::MetricsArguments;

/// What an application is read from.
#[derive(Args, Clone)]
pub(super) struct Source {
    /// The application.
    #[arg(value_name = "FILE", default_value = "keywell.toml")]
    file: PathBuf,

    #[command(flatten)]
    metrics: MetricsArguments,

    #[command(flatten)]
    cache: CacheArguments,

    #[command(flatten)]
    images: ImageArguments,
}

// === impl Source ===

impl Source {
    /// What the files are called together.
    pub(super) fn name(&self) -> String {
        self.file.display().to_string()
    }

    /// How much is wrong.
    pub(super) fn with_count(&self, report: &Report) -> String {
        format!("{} has {}", self.name(), report.count())
    }

    /// Reads the application as far as it can be read.
    pub(super) fn draft(&self) -> Result<Draft, ConfigError> {
        let mut draft = Draft::read(&self.file)?;
        draft.plan.is_metered = self.metrics.metrics;
        Ok(draft)
    }

    /// Finds the files of images: of those alone that are kept, unless they are to be downloaded.
    /// Answers what cannot be had.
    pub(super) async fn resolve(&self, plan: &mut Plan, is_online: bool) -> Vec<Unpulled> {
        let folder = self.cache.images();
        if is_online {
            self.images.pull(folder.as_deref(), plan).await
        } else {
            self.images.find(folder.as_deref(), plan).await
        }
    }

    /// Reads the application and everything that it names.
    pub(super) async fn examined(&self, mut draft: Draft, is_online: bool) -> Examined {
        let unpulled = self.resolve(&mut draft.plan, is_online).await;
        let mut examined = Examined::new(draft, self.cache.options());
        for unpulled in unpulled {
            examined.add(unpulled.place, unpulled.problem, unpulled.is_in_plan);
        }
        examined
    }

    /// Reads the application once more; what cannot be read at all is in its report.
    pub(super) async fn again(&self) -> Draft {
        let mut draft = self.draft().unwrap_or_else(|error| Draft {
            plan: Plan::default(),
            report: error.report(),
        });
        if !draft.report.has_errors() {
            for unpulled in self.resolve(&mut draft.plan, true).await {
                let problem = draft.plan.at(unpulled.place, unpulled.problem);
                draft.report.push(problem);
            }
        }
        draft
    }

    /// The files of the application: its own, and those of the components of a plan.
    pub(super) fn sources(&self, plan: Option<&Plan>) -> Sources {
        let components = plan.into_iter().flat_map(|plan| plan.components.values());
        let components = components.filter_map(|component| component.code.file());
        let files = components.chain([&*self.file]).map(Path::to_owned);
        Sources {
            files: files.collect(),
            tree: None,
        }
    }
}
