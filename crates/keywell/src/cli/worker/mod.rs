//! `keywell worker`: looking at durable workers, and deciding for them.

mod claim;
mod failure;
mod fork;
mod list;
mod log;
mod replay;
mod show;
mod time;
mod upgrade;

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use keywell_journal::{Decision, Head, Journals, Status, WorkerName};

use self::claim::claim;
use self::failure::failed;
use self::replay::Reached;
use super::kv::{Sink, Stop};
use super::store::StoreArguments;
use crate::cli::failed::{Ended, Failed};

/// Look at durable workers, and decide what becomes of them.
///
/// The store is the one that has their journals. Where a process has it open, it is reached by way of
/// that process.
#[derive(Args)]
#[command(
    mut_arg("store", |store| store.global(true).help("The store of the journals, such as disk:PATH")),
    after_help = "Examples:\n  \
        keywell worker list --store disk:data\n  \
        keywell worker log alice\n  \
        keywell worker resolve alice applied"
)]
pub(super) struct WorkerCommand {
    #[command(flatten)]
    store: StoreArguments,

    /// Print JSON, a worker or a record a line.
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    command: Command,
}

// A comment on a variant would stand in the place of the whole description of its command.
#[derive(Subcommand)]
enum Command {
    /// Print the workers, each with its state.
    #[command(after_help = "Example:\n  keywell worker list --store disk:data")]
    List,
    Show(Box<show::Show>),
    /// Print what a worker was asked, learned and did, a line each, since its last snapshot.
    #[command(after_help = "Example:\n  keywell worker log alice --store disk:data")]
    Log(Named),
    /// Decide what became of an effect that was interrupted, and which stopped the worker.
    #[command(after_help = "Example:\n  keywell worker resolve alice applied")]
    Resolve(Resolve),
    /// Let a worker run nothing until it is resumed.
    #[command(after_help = "Example:\n  keywell worker pause alice")]
    Pause(Named),
    /// Let a worker go on that is paused, or that stopped because it went another way than recorded.
    #[command(after_help = "Example:\n  keywell worker resume alice")]
    Resume(Named),
    Fork(fork::Fork),
    Upgrade(Box<upgrade::Upgrade>),
    /// Delete a worker with its journal and its kept answers. What it wrote to stores stays.
    #[command(after_help = "Example:\n  keywell worker delete alice")]
    Delete(Named),
}

#[derive(Args)]
struct Named {
    /// The worker.
    #[arg(value_name = "NAME")]
    name: WorkerName,
}

#[derive(Args)]
struct Resolve {
    #[command(flatten)]
    worker: Named,

    /// What became of it.
    #[arg(value_name = "DECISION")]
    decision: Decided,
}

#[derive(Clone, Copy, ValueEnum)]
enum Decided {
    /// It happened: its answer is read from the store.
    Applied,
    /// It did not happen: the component reads that the store was unavailable.
    NotApplied,
    /// It is done again, whether it happened or not.
    Retry,
}

// === impl WorkerCommand ===

impl WorkerCommand {
    pub(super) async fn main(self) -> Ended {
        self.store.check_lasting()?;
        let reached = Reached {
            store: self.store.reach_existing().await?,
            url: self.store.store,
        };
        let store = &reached.store;
        let mut out = Sink::stdout();
        let ended = async {
            let journals = Journals::open(store.clone()).await.map_err(failed)?;
            let run = self.command.run(&journals, &reached, self.json, &mut out);
            let code = run.await?;
            out.flush()?;
            Ok(code)
        };
        let ended = ended.await;
        let closed = store.close().await;
        match ended {
            Ok(code) => {
                closed?;
                Ok(code)
            }
            Err(Stop::Unread) => Ok(ExitCode::SUCCESS),
            Err(Stop::Failed(failed)) => Err(failed),
        }
    }
}

// === impl Command ===

impl Command {
    async fn run(
        self,
        journals: &Journals,
        reached: &Reached,
        json: bool,
        out: &mut Sink<'_>,
    ) -> Result<ExitCode, Stop> {
        match self {
            Self::List => return list::list(journals, json, out).await,
            Self::Show(show) => show.run(journals, reached, json, out).await?,
            Self::Log(Named { name }) => log::log(journals, &name, json, out).await?,
            Self::Fork(fork) => fork.run(journals, json, out).await?,
            Self::Upgrade(upgrade) => return upgrade.run(journals, reached, json, out).await,
            Self::Resolve(Resolve { worker, decision }) => {
                let (decision, claim) = (Decision::from(decision), claim());
                let resolved = journals.resolve(&worker.name, decision, &claim);
                resolved.await.map_err(failed)?;
            }
            Self::Pause(Named { name }) => {
                let head = journals.head(&name).await.map_err(failed)?;
                check(&name, &head, |status| {
                    matches!(status, Status::Idle | Status::Running)
                })?;
                let claim = claim();
                let paused = journals.set_status(&name, Status::Paused, &claim);
                paused.await.map_err(failed)?;
            }
            Self::Resume(Named { name }) => {
                let head = journals.head(&name).await.map_err(failed)?;
                check(&name, &head, |status| {
                    matches!(status, Status::Paused | Status::Stopped { .. })
                })?;
                // One that has nothing to run is idle again once it was opened.
                let claim = claim();
                let resumed = journals.set_status(&name, Status::Running, &claim);
                resumed.await.map_err(failed)?;
            }
            Self::Delete(Named { name }) => {
                journals.delete(&name, &claim()).await.map_err(failed)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Checks that a worker is in a state in which this makes sense.
fn check(
    name: &WorkerName,
    head: &Head,
    is_right: impl FnOnce(&Status) -> bool,
) -> Result<(), Failed> {
    if is_right(&head.status) {
        return Ok(());
    }
    let state = list::state(&head.status);
    Err(Failed::Failure(format!("the worker {name} is {state}")))
}

impl From<Decided> for Decision {
    fn from(decided: Decided) -> Self {
        match decided {
            Decided::Applied => Self::Applied,
            Decided::NotApplied => Self::NotApplied,
            Decided::Retry => Self::Retry,
        }
    }
}
