use std::sync::Arc;

use keywell_config::{Draft, Place, Plan, Problem, Report};
use keywell_runtime::{Options, Runtime};

use crate::check::Findings;
use crate::loaded::{Loaded, runtime_options};
use crate::{AppOptions, Application, Error, stores};

/// A plan that was looked at as a whole: everything that is wrong with it, and the application, if
/// nothing is.
pub struct Examined {
    findings: Findings,
    plan: Plan,
    application: Option<Application>,
}

// === impl Examined ===

impl Examined {
    /// Checks a plan and compiles its components, on this thread. Nothing is opened yet.
    ///
    /// Unlike [`Application::load`], it goes on where something is wrong, checks the URLs and the
    /// settings of stores, and that each component can be called as its triggers do. A component in an
    /// image that was not downloaded is not checked, and there is no application then.
    pub fn new(draft: Draft, options: AppOptions) -> Self {
        Self::within(draft, options, |wanted| {
            let runtime = Runtime::new(wanted);
            runtime.map(Arc::new).map_err(Error::Runtime)
        })
    }

    /// As [`new`](Self::new), with a runtime that `runtime` makes or has.
    pub(crate) fn within(
        draft: Draft,
        options: AppOptions,
        runtime: impl FnOnce(&Options) -> Result<Arc<Runtime>, Error>,
    ) -> Self {
        let Draft { plan, report } = draft;
        let mut findings = Findings::default();
        let is_whole = !report.has_errors();
        findings.of_plan(report);
        if let (true, Err(error)) = (is_whole, plan.check()) {
            findings.of_plan(error.report());
        }
        let mut application = None;
        match runtime(&runtime_options(&plan, &options)) {
            Ok(runtime) => {
                let loaded = Loaded::examine(plan.clone(), &runtime, &mut findings);
                application = loaded.map(|loaded| Application::new(runtime, loaded, options));
            }
            Err(error) => findings.of_world(Problem::error(error.to_string())),
        }
        findings.of_plan(stores::check(&plan));
        Self {
            findings,
            plan,
            application,
        }
    }

    /// Reports stores on servers that cannot be opened besides, from within a tokio runtime. Each is
    /// opened and closed again. Stores on this machine are left alone.
    pub async fn reach(&mut self) {
        for problem in stores::reach(&self.plan).await {
            self.findings.of_world(problem);
        }
    }

    /// Adds a problem that the caller found with something in the plan, and whether the plan is to
    /// blame.
    pub fn add(&mut self, place: Place, problem: Problem, is_in_plan: bool) {
        let mut report = Report::default();
        report.push(self.plan.at(place, problem));
        if is_in_plan {
            self.findings.of_plan(report);
        } else {
            self.findings.report.extend(report);
        }
    }

    /// The plan, as far as it could be read.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Everything that is wrong with the plan, and warnings.
    pub fn report(&self) -> &Report {
        &self.findings.report
    }

    /// Whether the plan is to blame for an error, so that it fails everywhere, rather than the world:
    /// a file or a server.
    pub fn is_in_plan(&self) -> bool {
        self.findings.is_in_plan
    }

    /// The application, if there is no error and every image was downloaded.
    ///
    /// # Errors
    ///
    /// The report.
    pub fn application(self) -> Result<Application, Report> {
        let report = self.findings.report;
        let application = self.application.filter(|_| !report.has_errors());
        application.ok_or(report)
    }
}
