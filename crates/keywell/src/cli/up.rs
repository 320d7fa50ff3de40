//! `keywell up`: an application from its `keywell.toml`.

use std::pin::pin;
use std::process::ExitCode;

use clap::Args;
use keywell_config::{ConfigError, Draft, Plan};
use keywell_system::signal::Hangups;

use super::application::{attend, lines};
use super::changes::Changes;
use super::reloading::{Plans, Renewals};
use super::source::Source;
use super::{files, health, output, signal};
use crate::cli::failed::{Ended, Failed};

/// Run an application: every store, component and trigger of a keywell.toml, or of wadm manifests.
///
/// Several files make one application: manifests of wasmCloud 1.x (YAML or JSON), whose
/// applications may refer to each other's shared components, and at most one keywell.toml.
///
/// Each store is opened once. Each trigger that starts is printed as a line. If one cannot start,
/// none does. If one fails later, its error is printed, the others stop, and the exit code is 1.
/// SIGINT or SIGTERM lets running requests and deliveries finish and closes the stores.
///
/// SIGHUP reads the file and the components again and goes over to them without dropping a request:
/// what has changed is replaced, and everything else runs on. If something is wrong with them, the
/// application runs on as it was. The limits of all components cannot change that way.
///
/// With --check nothing starts: everything that is wrong is printed with its place, and the exit
/// code is 2 if there is an error. With --print nothing starts either, and the application is
/// printed as a keywell.toml.
#[derive(Args)]
#[command(
    after_help = "Example:\n  keywell up\n  keywell up shop/keywell.toml\n  \
    keywell up --watch\n  \
    keywell up --check --online shop/keywell.toml\n  \
    keywell up wadm.yaml --image ghcr.io/me/counter:0.1.0=counter.wasm\n  \
    keywell up --print wadm.yaml\n  \
    keywell up - <keywell.toml\n\n\
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
#[expect(clippy::struct_excessive_bools, reason = "options of a command")]
pub(super) struct Up {
    #[command(flatten)]
    source: Source,

    /// Print everything that is wrong with the file, and start nothing.
    #[arg(long)]
    check: bool,

    /// Check also that the servers of stores can be reached, and download images.
    #[arg(long, requires = "check")]
    online: bool,

    /// Print the application as a keywell.toml, with what may be secret as environment variables,
    /// and start nothing.
    #[arg(long, conflicts_with = "check")]
    print: bool,

    /// Reload, as at SIGHUP, when the file or a component changes.
    #[arg(long, conflicts_with_all = ["check", "print"])]
    watch: bool,
}

// === impl Up ===

impl Up {
    pub(super) async fn main(self) -> Ended {
        if self.check {
            return self.check().await;
        }
        if self.print {
            return self.print().await;
        }
        // Before all else, so that no signal is missed that comes once a trigger is printed.
        let mut stop = pin!(signal::stop()?);
        let hangups = signal::hangups()?;
        files::raise_limit();
        let mut plans = PlansOfFile {
            source: self.source.clone(),
            hangups,
            // As the files are before they are read, so that no change is missed.
            changes: None,
        };
        if self.watch {
            plans.changes = Some(Changes::of(self.source.sources(None)).await?);
        }
        let read = signal::unless(stop.as_mut(), self.source.read_input());
        if read.await?.is_none() {
            return Ok(ExitCode::SUCCESS);
        }
        let draft = self.source.draft()?;
        let examine = async { Ok::<_, Failed>(self.source.examined(draft, true).await) };
        let Some(examined) = signal::unless(stop.as_mut(), examine).await? else {
            return Ok(ExitCode::SUCCESS);
        };
        plans.follow(examined.plan()).await?;
        output::report(examined.report());
        let is_in_plan = examined.is_in_plan();
        let application = examined.application().map_err(|report| {
            let text = self.source.with_count(&report);
            if is_in_plan {
                Failed::Usage(text)
            } else {
                Failed::Failure(text)
            }
        })?;
        let Some(handle) = application.start_unless(stop.as_mut()).await? else {
            return Ok(ExitCode::SUCCESS);
        };
        let status = handle.status();
        let triggers = status.triggers.iter();
        let triggers = triggers.flat_map(|trigger| lines(trigger, str::to_owned));
        for line in triggers.chain(health::lines(&status)) {
            output::say(&line);
        }
        let name = self.source.name();
        let renewals = Renewals::of(plans, handle.examiner(), name, self.watch);
        Ok(if attend(handle, stop, renewals, str::to_owned).await? {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    /// Prints the application as a keywell.toml.
    async fn print(&self) -> Ended {
        self.source.read_input().await?;
        let draft = self.source.draft()?;
        output::report(&draft.report);
        if draft.report.has_errors() {
            return Err(Failed::Usage(self.source.with_count(&draft.report)));
        }
        let printed = draft.plan.to_toml();
        output::print(printed.text.trim_end())?;
        Ok(ExitCode::SUCCESS)
    }

    /// Prints everything that is wrong, or that nothing is.
    async fn check(self) -> Ended {
        self.source.read_input().await?;
        let draft = self.source.draft()?;
        let mut examined = self.source.examined(draft, self.online).await;
        if self.online {
            examined.reach().await;
        }
        let report = examined.report();
        output::report(report);
        if report.has_errors() {
            return Err(Failed::Usage(self.source.with_count(report)));
        }
        let is_valid = self.source.with_verb("is valid", "are valid");
        let size = size(examined.plan());
        output::say(&match report.warnings() {
            0 => format!("{is_valid}: {size}"),
            _ => format!("{is_valid}, with {}: {size}", report.count()),
        });
        Ok(ExitCode::SUCCESS)
    }
}

/// Reads the file again when it is asked to, or when files change.
struct PlansOfFile {
    source: Source,
    hangups: Hangups,
    changes: Option<Changes>,
}

// === impl PlansOfFile ===

impl PlansOfFile {
    /// Watches the components that a plan has now.
    async fn follow(&mut self, plan: &Plan) -> Result<(), Failed> {
        match &mut self.changes {
            Some(changes) => changes.watch(self.source.sources(Some(plan))).await,
            None => Ok(()),
        }
    }

    /// Does without what cannot be watched.
    fn keep_watching(&mut self, watched: Result<(), Failed>) {
        if let Err(failed) = watched {
            self.changes = None;
            output::complain(&format!("{failed}; from now on only SIGHUP reloads"));
        }
    }
}

impl Plans for PlansOfFile {
    async fn next(&mut self) -> Draft {
        let changed = async {
            match &mut self.changes {
                Some(changes) => changes.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.hangups.recv() => {}
            changed = changed => self.keep_watching(changed),
        }
        let draft = self.source.again().await;
        // What a broken file names is not known, and it has to be changed in any case.
        if !draft.report.has_errors() {
            let followed = self.follow(&draft.plan).await;
            self.keep_watching(followed);
        }
        draft
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
