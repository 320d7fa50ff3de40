//! `keywell conformance`: the suite against a live store.

mod report;
mod run;

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use keywell_conformance::Subject;
use keywell_store::{BucketName, Error, Failure, Store, terminal};

use super::failed::{Ended, Failed};
use super::store::StoreArguments;
use super::{output, signal};

/// Check that a store keeps what the contract promises.
///
/// It works in buckets of its own, whose names begin with conformance-, and deletes from them what
/// it wrote. What the store does not declare has to be refused. Watching is not tried on a server
/// that emits no events. Where a promise is broken, the
/// smallest story that shows it is printed, and the exit code is 1.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    keywell conformance --store disk:/tmp/trial\n  \
    keywell conformance --store disk:data --bucket trial --json > report.json")]
pub(super) struct Conformance {
    #[command(flatten)]
    store: StoreArguments,

    /// The only bucket to write to, which has to be empty, instead of fresh ones.
    ///
    /// What is promised about several buckets is skipped.
    #[arg(long, value_name = "NAME")]
    bucket: Option<BucketName>,

    /// Print every behaviour and how it ended as JSON.
    #[arg(long)]
    json: bool,
}

/// How long the store may take for one behaviour.
const PATIENCE: Duration = Duration::from_mins(1);

// === impl Conformance ===

impl Conformance {
    pub(super) async fn main(self) -> Ended {
        let stop = signal::stop()?;
        let (subject, unwatched) = self.subject().await?;
        let bucket = self.bucket.clone().unwrap_or_default();
        let description = run::soon(subject.store().description(&bucket)).await?;
        let ran = run::run(&subject, stop).await;
        // What a behaviour that was given up wrote, it could not delete itself.
        let cleaned = run::soon(subject.clean()).await;
        let mut report = ran.map_err(|stopped| self.failure(&stopped))?;
        report.unwatched = unwatched;
        report.description = description;
        cleaned
            .map_err(|error| self.failure(&format!("keeps what the suite wrote to it: {error}")))?;
        run::soon(subject.store().close()).await?;
        if self.json {
            let json = serde_json::to_string_pretty(&report.json(&self.store.store.to_string()))
                .map_err(|error| Failed::because("cannot write JSON", error))?;
            output::print(&terminal::escape_json(&json))?;
        } else {
            output::print(&report.text(is_coloured()))?;
        }
        Ok(if report.is_kept() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    /// The store, found fit to be tested, and why it cannot be watched now, if so.
    async fn subject(&self) -> Result<(Subject, Option<String>), Failed> {
        let url: &keywell::StoreUrl = &self.store.store;
        let store = self.store.open().await?;
        let unfit = |error: Error| {
            let hint = match error {
                Error::NoSuchBucket(_) if self.bucket.is_none() => {
                    "; it has fixed buckets, so name an empty one: --bucket NAME"
                }
                _ => "",
            };
            self.failure(&format!("cannot be tested: {error}{hint}"))
        };
        let subject = match &self.bucket {
            None => Subject::shared(store),
            Some(bucket) => run::soon(Subject::within(store, bucket.clone()))
                .await
                .map_err(unfit)?,
        };
        // One that lives in this process would come back empty; it declares so.
        let again = url.clone();
        let subject = subject
            .patience(PATIENCE)
            .reopening(move || reopen(again.clone()));
        let unwatched = run::soon(subject.preflight()).await.map_err(unfit)?;
        // That it is unavailable is what not being tried means.
        let unwatched = unwatched.map(|error| match error {
            Error::Unavailable(failure) => failure.to_string(),
            error => error.to_string(),
        });
        Ok((subject, unwatched))
    }

    fn failure(&self, what: &str) -> Failed {
        Failed::Failure(format!("the store {} {what}", self.store.store))
    }
}

async fn reopen(url: keywell::StoreUrl) -> Result<Arc<dyn Store>, Error> {
    let store = keywell::open(&url).await;
    store.map_err(|error| Error::Unavailable(Failure::caused_by("opening it again", error)))
}

/// Whether the table is read by a person, who did not ask for it without colours.
fn is_coloured() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stdout().is_terminal() && !refused
}
