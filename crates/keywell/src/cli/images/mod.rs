//! The images of components, which are downloaded before a plan is loaded.

#[cfg(not(feature = "images"))]
#[path = "no_registries.rs"]
mod registries;
#[cfg(feature = "images")]
mod registries;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use keywell_config::units::duration;
use keywell_config::{Code, Draft, Place, Plan, Problem};

pub(super) use registries::{ImageReference, parsed};

use crate::cli::failed::Failed;

/// How registries are reached.
#[derive(Args, Clone)]
pub(super) struct ImageArguments {
    /// A registry that is spoken to without TLS, as written in references: HOST or HOST:PORT; may
    /// be repeated. Those of this machine, such as localhost, always are.
    #[arg(long, value_name = "REGISTRY")]
    insecure_registry: Vec<String>,

    /// How long a registry may send nothing: 500ms, 30s, 5m.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    registry_timeout: Duration,
}

/// Why the image of a component of a plan cannot be had.
pub(super) struct Unpulled {
    pub(super) problem: Problem,
    /// Where the image is written.
    pub(super) place: Place,
    /// Whether the plan is to blame, rather than the world.
    pub(super) is_in_plan: bool,
}

// === impl ImageArguments ===

impl ImageArguments {
    /// Resolves the image of every component of a plan that has one, downloads what is not kept
    /// yet, and puts the file into the plan. Answers what cannot be had.
    pub(super) async fn pull(&self, folder: Option<&Path>, plan: &mut Plan) -> Vec<Unpulled> {
        let mut unpulled = Vec::new();
        for (component, place, reference, file) in wanted(plan) {
            match self.pull_one(folder, reference).await {
                Ok(pulled) => *file = Some(pulled.file),
                Err(error) => unpulled.push(Unpulled::new(component, place, error)),
            }
        }
        unpulled
    }

    /// As [`pull`](Self::pull); what cannot be had is in the report.
    pub(super) async fn pull_for(&self, folder: Option<&Path>, draft: &mut Draft) {
        for unpulled in self.pull(folder, &mut draft.plan).await {
            let problem = draft.plan.at(unpulled.place, unpulled.problem);
            draft.report.push(problem);
        }
    }

    /// As [`pull`](Self::pull), but asks no registry. That an image is not kept is a warning.
    pub(super) async fn find(&self, folder: Option<&Path>, plan: &mut Plan) -> Vec<Unpulled> {
        let mut unpulled = Vec::new();
        for (component, place, reference, file) in wanted(plan) {
            match self.find_one(folder, reference).await {
                Ok(Some(kept)) => *file = Some(kept.file),
                Ok(None) => unpulled.push(Unpulled::unseen(component, place, reference)),
                Err(error) => unpulled.push(Unpulled::new(component, place, error)),
            }
        }
        unpulled
    }
}

// === impl Unpulled ===

impl Unpulled {
    fn new(component: &str, place: Place, error: Failed) -> Self {
        let (problem, is_in_plan) = match error {
            Failed::Usage(problem) => (problem, true),
            Failed::Failure(problem) => (problem, false),
        };
        Self {
            problem: Problem::error(format!("the component {component}: {problem}")),
            place,
            is_in_plan,
        }
    }

    fn unseen(component: &str, place: Place, reference: &str) -> Self {
        let problem = format!(
            "the component {component} was not checked: the image {reference} was not downloaded yet"
        );
        Self {
            problem: Problem::warning(problem).help("--online downloads it"),
            place,
            is_in_plan: false,
        }
    }
}

/// The components whose images have no file yet: each name, place, reference, and where its file
/// goes.
fn wanted(plan: &mut Plan) -> impl Iterator<Item = (&str, Place, &str, &mut Option<PathBuf>)> {
    let components = plan.components.iter_mut();
    components.filter_map(|(name, component)| match &mut component.code {
        Code::Image {
            reference,
            file: file @ None,
        } => Some((name.as_str(), component.place, reference.as_str(), file)),
        _ => None,
    })
}
