use std::path::{Path, PathBuf};

use clap::Args;
use keywell_app::Examined;
use keywell_config::wadm::Providers;
use keywell_config::{ConfigError, Draft, Plan, Problem, ReadOptions, Report};

use super::cache::CacheArguments;
use super::changes::Sources;
use super::health::HealthArguments;
use super::images::{ImageArguments, Unpulled};
use super::input::Input;
use super::lookup::StateLookup;
use super::metrics::MetricsArguments;
use super::output;
use super::state::StateArguments;
use crate::cli::failed::Failed;

/// What an application is read from.
#[derive(Args, Clone)]
pub(super) struct Source {
    /// The application: a keywell.toml, a spin.toml, workloads of wasmCloud 2, wadm manifests, or
    /// several of these; `-` is standard input. Without one, the first that is here of
    /// keywell.toml, spin.toml, workload.yaml, workload.yml, workloaddeployment.yaml, wadm.yaml
    /// and wadm.yml.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,

    #[arg(skip)]
    input: Input,

    /// Take a built-in provider for an image of a manifest: http-server, http-client or
    /// keyvalue-redis.
    #[arg(long = "provider", value_name = "IMAGE=BUILTIN", value_parser = provider)]
    providers: Vec<String>,

    /// Take a file in place of a component's image.
    #[arg(long = "image", value_name = "REFERENCE=FILE", value_parser = replacement)]
    replacements: Vec<(String, PathBuf)>,

    #[command(flatten)]
    health: HealthArguments,

    #[command(flatten)]
    metrics: MetricsArguments,

    #[command(flatten)]
    cache: CacheArguments,

    #[command(flatten)]
    images: ImageArguments,

    #[command(flatten)]
    state: StateArguments,
}

// === impl Source ===

impl Source {
    /// Takes the file that is in the current folder, if none was named, and says which where it is
    /// not keywell.toml alone.
    pub(super) fn find(&mut self) -> Result<(), Failed> {
        if !self.files.is_empty() {
            return Ok(());
        }
        let mut found = keywell_config::find(Path::new("")).into_iter();
        let file = found.next().ok_or_else(|| {
            let (usual, others) = keywell_config::FILES.split_first().expect("there are some");
            let others = others.join(", ");
            Failed::Usage(format!(
                "there is no {usual} here, nor {others}; name the file of the application, or make \
                 a project by `keywell new NAME`"
            ))
        })?;
        let others: Vec<String> = found.map(|file| file.display().to_string()).collect();
        if others.is_empty() {
            if file != Path::new("keywell.toml") {
                output::remark(&format!("reading {}", file.display()));
            }
        } else {
            let others = others.join(" and ");
            output::remark(&format!("reading {}, and not {others}", file.display()));
        }
        self.files.push(file);
        Ok(())
    }

    /// What the files are called together.
    pub(super) fn name(&self) -> String {
        let files = self.files.iter().map(|file| {
            if Input::is(file) {
                "standard input".to_owned()
            } else {
                file.display().to_string()
            }
        });
        let names: Vec<String> = files.collect();
        match &names[..] {
            [first, others @ ..] if others.len() > 1 => {
                format!("{first} with {} other files", others.len())
            }
            names => names.join(" with "),
        }
    }

    /// A sentence on the files, with a verb for one or for several.
    pub(super) fn with_verb(&self, of_one: &str, of_several: &str) -> String {
        let is_one = self.files.len() == 1;
        format!(
            "{} {}",
            self.name(),
            if is_one { of_one } else { of_several }
        )
    }

    /// How much is wrong.
    pub(super) fn with_count(&self, report: &Report) -> String {
        format!("{} {}", self.with_verb("has", "have"), report.count())
    }

    /// Reads standard input, if that is one of the files. To be called before the application is
    /// read.
    pub(super) async fn read_input(&self) -> Result<(), Failed> {
        self.input.read(&self.files).await
    }

    /// Reads the application as far as it can be read.
    pub(super) fn draft(&self) -> Result<Draft, ConfigError> {
        let mut providers = Providers::default();
        for mapping in &self.providers {
            let mapped = providers.map(mapping);
            mapped.map_err(|problem| ConfigError::from(Problem::error(problem)))?;
        }
        let lookup = StateLookup(&self.state);
        let options = ReadOptions {
            providers,
            lookup: &lookup,
            images: self.replacements.iter().cloned().collect(),
            input: self.input.text(),
        };
        let mut draft = Draft::read_all(&self.files, &options)?;
        self.health.set(&mut draft.plan);
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
        let mut examined = Examined::new(draft, self.cache.options(&self.state));
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
            let folder = self.cache.images();
            self.images.pull_for(folder.as_deref(), &mut draft).await;
        }
        draft
    }

    /// The files of the application: its own, and those of the components of a plan.
    pub(super) fn sources(&self, plan: Option<&Plan>) -> Sources {
        let components = plan.into_iter().flat_map(|plan| plan.components.values());
        let components = components.filter_map(|component| component.code.file());
        let own = self.files.iter().map(PathBuf::as_path);
        let own = own.filter(|file| !Input::is(file));
        let files = components.chain(own).map(Path::to_owned);
        Sources {
            files: files.collect(),
            tree: None,
        }
    }
}

/// `IMAGE=BUILTIN`
fn provider(text: &str) -> Result<String, String> {
    let mapped = Providers::default().map(text);
    mapped.map(|()| text.to_owned())
}

/// `REFERENCE=FILE`
fn replacement(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((image, file)) if !image.is_empty() && !file.is_empty() => {
            Ok((image.to_owned(), PathBuf::from(file)))
        }
        _ => Err("write REFERENCE=FILE".to_owned()),
    }
}
