use std::path::PathBuf;
use std::time::Instant;

use keywell_config::Draft;

use super::build::Builds;
use super::project::Project;
use crate::cli::changes::{Changes, Sources};
use crate::cli::failed::Failed;
use crate::cli::images::ImageArguments;
use crate::cli::output;
use crate::cli::reloading::Plans;

/// Builds a project, and again after each change; what it is then is the next plan.
#[allow(clippy::struct_excessive_bools, reason = "each is a step of its own")]
pub(super) struct PlansOfProject {
    project: Project,
    builds: Builds,
    changes: Changes,
    images: ImageArguments,
    /// Where images are kept.
    kept: Option<PathBuf>,
    is_metered: bool,
    /// Whether it was built, or that was tried.
    is_begun: bool,
    /// Whether a build has succeeded, or there was nothing to build.
    is_built: bool,
    /// Whether the tags of images were resolved.
    is_resolved: bool,
}

// === impl PlansOfProject ===

impl PlansOfProject {
    pub(super) async fn of(
        project: Project,
        builds: Builds,
        (images, kept): (ImageArguments, Option<PathBuf>),
        is_metered: bool,
    ) -> Result<Self, Failed> {
        let sources = Sources {
            files: [project.file.clone()].into(),
            tree: None,
        };
        Ok(Self {
            changes: Changes::of(sources).await?,
            project,
            builds,
            images,
            kept,
            is_metered,
            is_begun: false,
            is_built: false,
            is_resolved: false,
        })
    }

    /// Waits for something to do, and reads the project.
    async fn changed(&mut self) -> Result<Draft, Failed> {
        if std::mem::replace(&mut self.is_begun, true) {
            self.changes.next().await?;
        }
        let mut draft = self.project.read();
        draft.plan.is_metered = self.is_metered;
        // Of a file that is broken the sources are not known, and it has to be changed in any case.
        if !draft.report.has_errors() {
            let sources = self.project.sources(&draft.plan);
            self.changes.watch(sources).await?;
        }
        Ok(draft)
    }

    /// Finds the images of components that the project does not build. Tags are resolved once.
    async fn with_images(&mut self, mut draft: Draft) -> Draft {
        let kept = self.kept.as_deref();
        if std::mem::replace(&mut self.is_resolved, true) {
            // What is not kept is downloaded.
            drop(self.images.find(kept, &mut draft.plan).await);
        }
        self.images.pull_for(kept, &mut draft).await;
        draft
    }

    /// Runs all steps, and answers whether they succeeded.
    async fn build(&self, draft: &Draft) -> bool {
        let started = Instant::now();
        let steps = self.project.steps(&draft.plan);
        for step in &steps {
            let shown = step.shown();
            output::remark(&format!("$ {shown}"));
            let (folder, env) = (self.project.folder(&draft.plan), &draft.plan.build_with.env);
            let problem = match self.builds.run(step, folder, env).await {
                Ok(status) if status.success() => continue,
                Ok(status) => format!("the build failed ({status})"),
                Err(error) => format!("cannot run `{shown}`: {error}"),
            };
            let then = if self.is_built {
                "what was built before is kept"
            } else {
                "waiting for a change"
            };
            output::complain(&format!("{problem}; {then}"));
            return false;
        }
        if !steps.is_empty() {
            let took = started.elapsed().as_secs_f64();
            output::remark(&format!("built in {took:.1} s"));
        }
        true
    }
}

impl Plans for PlansOfProject {
    async fn next(&mut self) -> Draft {
        loop {
            match self.changed().await {
                Ok(draft) if draft.report.has_errors() => return draft,
                Ok(draft) if self.build(&draft).await => {
                    self.is_built = true;
                    return self.with_images(draft).await;
                }
                Ok(_) => {}
                Err(failed) => {
                    output::complain(&format!("{failed}; changes are not noticed any more"));
                    std::future::pending::<()>().await;
                }
            }
        }
    }
}

impl Drop for PlansOfProject {
    fn drop(&mut self) {
        self.builds.ask_to_end();
    }
}
