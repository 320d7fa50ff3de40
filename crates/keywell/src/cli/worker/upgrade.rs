use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use keywell_journal::{Error as JournalError, Journals, WorkerName};
use keywell_runtime::worker::{Rehearsals, WorkerError, WorkerNames};
use keywell_store::terminal;
use serde::Serialize;

use super::super::kv::{Sink, Stop};
use super::super::output;
use super::claim::claim;
use super::failure::failed;
use super::replay::{Reached, ReplayArguments};
use crate::cli::failed::Failed;

/// Let another component go on with workers, or check whether it could.
///
/// Each worker is replayed in memory with the component. Where it does something else than what is
/// recorded, the first difference is printed, and no worker is changed. With --check none is changed
/// either way, and without NAME all of the store are checked. The exit code is 1 if one differs.
///
/// Afterwards calls with the new component go on where the worker is, and calls with the one before
/// are refused.
#[derive(Args)]
#[command(
    override_usage = "keywell worker upgrade [OPTIONS] [NAME] <COMPONENT>",
    after_help = "Examples:\n  \
        keywell worker upgrade --check cart.wasm\n  \
        keywell worker upgrade alice cart.wasm --store disk:data\n  \
        keywell worker upgrade 'cart-*' cart.wasm"
)]
pub(super) struct Upgrade {
    /// The worker, with a * at the end all whose names begin so; and the component: a file, or an
    /// image such as ghcr.io/NAME:TAG.
    #[arg(value_names = ["NAME", "COMPONENT"], num_args = 1..=2, required = true)]
    given: Vec<PathBuf>,

    /// Change nothing, and say whether the component does what is recorded.
    #[arg(long)]
    check: bool,

    #[command(flatten)]
    replay: ReplayArguments,
}

/// How a worker went, as it is printed.
#[derive(Serialize)]
struct Printed<'a> {
    worker: &'a str,
    goes_on: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recorded: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asked: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

// === impl Upgrade ===

impl Upgrade {
    pub(super) async fn run(
        self,
        journals: &Journals,
        reached: &Reached,
        json: bool,
        out: &mut Sink<'_>,
    ) -> Result<ExitCode, Stop> {
        let (names, component) = self.read()?;
        let (workers, mut is_well) = named(journals, &names).await?;
        if workers.is_empty() && is_well && !self.check {
            return Err(Stop::failure("the store has no worker of that name"));
        }
        let replaying = self.replay.load(component, reached).await?;
        let rehearsals = replaying.workers.rehearsals();
        let mut rehearsed = Vec::new();
        for worker in workers {
            let outcome = rehearsals.rehearse(&worker).await;
            if let Err(error) = &outcome
                && !is_of_component(error)
            {
                output::complain(&error.to_string());
                is_well = false;
                continue;
            }
            let printed = Printed::new(&worker, &outcome);
            if json {
                out.json(&printed)?;
            } else {
                out.put(format!("{}\n", terminal::escape(&printed.line())).as_bytes())?;
            }
            match outcome {
                Ok(records) => rehearsed.push((worker, records)),
                Err(_) => is_well = false,
            }
        }
        if is_well && !self.check {
            for (worker, records) in rehearsed {
                if let Err(error) = upgrade(journals, &rehearsals, &worker, records).await {
                    output::complain(&error.to_string());
                    is_well = false;
                }
            }
        }
        Ok(if is_well {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    /// Which workers, and which component.
    fn read(&self) -> Result<(WorkerNames, &Path), Failed> {
        match &self.given[..] {
            [component] if self.check => {
                Ok((WorkerNames::Beginning(String::new()), component.as_path()))
            }
            [_] => Err(Failed::Usage(
                "name the workers to upgrade, or '*' for all: upgrade NAME COMPONENT".to_owned(),
            )),
            [names, component] => {
                let names = names.to_string_lossy().parse::<WorkerNames>();
                let names =
                    names.map_err(|error: JournalError| Failed::Usage(error.to_string()))?;
                Ok((names, component.as_path()))
            }
            _ => Err(Failed::Usage(
                "give a NAME and a COMPONENT, and no more".to_owned(),
            )),
        }
    }
}

/// Whether a component is to blame, rather than the world.
fn is_of_component(error: &WorkerError) -> bool {
    matches!(
        error,
        WorkerError::Journal(JournalError::Diverged(_))
            | WorkerError::Unfit { .. }
            | WorkerError::Unloadable { .. }
    )
}

/// The workers of these names, and whether all of them can be read.
async fn named(journals: &Journals, names: &WorkerNames) -> Result<(Vec<WorkerName>, bool), Stop> {
    if let WorkerNames::One(name) = names {
        return Ok((vec![name.clone()], true));
    }
    let (mut workers, mut is_well) = (Vec::new(), true);
    for (name, head) in journals.list().await.map_err(failed)? {
        match head {
            Ok(_) if names.have(&name) => workers.push(name),
            Err(error) if names.have(&name) => {
                output::complain(&error.to_string());
                is_well = false;
            }
            _ => {}
        }
    }
    Ok((workers, is_well))
}

/// Records that the component goes on with a worker.
async fn upgrade(
    journals: &Journals,
    rehearsals: &Rehearsals<'_>,
    worker: &WorkerName,
    records: u64,
) -> Result<(), JournalError> {
    let digest = rehearsals.digest();
    if journals.head(worker).await?.digest == digest {
        return Ok(());
    }
    journals.upgrade(worker, digest, records, &claim()).await
}

// === impl Printed ===

impl<'a> Printed<'a> {
    fn new(worker: &'a WorkerName, outcome: &Result<u64, WorkerError>) -> Self {
        let mut printed = Self {
            worker: worker.as_str(),
            goes_on: outcome.is_ok(),
            records: outcome.as_ref().ok().copied(),
            position: None,
            recorded: None,
            asked: None,
            problem: outcome.as_ref().err().map(ToString::to_string),
        };
        match outcome {
            Err(WorkerError::Journal(JournalError::Diverged(divergence))) => {
                printed.position = Some(divergence.position);
                printed.recorded = Some(divergence.recorded.clone());
                printed.asked = Some(divergence.asked.clone());
            }
            Err(WorkerError::Unfit { position, .. }) => printed.position = Some(*position),
            _ => {}
        }
        printed
    }

    fn line(&self) -> String {
        match (&self.problem, self.records) {
            (Some(problem), _) => problem.clone(),
            (None, records) => {
                let records = records.unwrap_or_default();
                format!("{}  goes on after {records} records", self.worker)
            }
        }
    }
}
