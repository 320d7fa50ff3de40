use std::path::{Path, PathBuf};

use clap::Args;
use keywell_journal::{Journals, WorkerName};

use super::super::invoke::notation::Notation;
use super::super::kv::{Sink, Stop};
use super::failure::failed;
use super::list;
use super::replay::{Reached, ReplayArguments};

/// Print where a worker is: its state, its component, who runs it.
///
/// With --at, a call of its component is made as it was: `keywell worker show NAME --at POSITION
/// COMPONENT CALL`. The journal is replayed in memory up to the end of the last invocation that had
/// ended at that record, and the call is written and answered as `keywell invoke` has it. It sees
/// variables, clocks and random numbers; where it reads or writes a store, sleeps or sends a request,
/// it is refused. Nothing is recorded, and the worker may run meanwhile.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    keywell worker show alice\n  \
    keywell worker show alice --at 12 cart.wasm 'get-cart()' --store disk:data")]
pub(super) struct Show {
    /// The worker.
    #[arg(value_name = "NAME")]
    name: WorkerName,

    /// Make a call as of this record, by its number in `keywell worker log`.
    #[arg(long, value_name = "POSITION", requires_all = ["component", "call"])]
    at: Option<u64>,

    /// With --at, the component of the worker: a file, or an image such as ghcr.io/NAME:TAG.
    #[arg(value_name = "COMPONENT", requires = "at")]
    component: Option<PathBuf>,

    /// With --at, the call: NAME(ARGUMENTS).
    #[arg(value_name = "CALL", requires = "at")]
    call: Option<String>,

    #[command(flatten)]
    replay: ReplayArguments,
}

// === impl Show ===

impl Show {
    pub(super) async fn run(
        self,
        journals: &Journals,
        reached: &Reached,
        json: bool,
        out: &mut Sink<'_>,
    ) -> Result<(), Stop> {
        let (Some(at), Some(component), Some(call)) = (self.at, &self.component, &self.call) else {
            let head = journals.head(&self.name).await.map_err(failed)?;
            return list::show(&self.name, &head, json, out);
        };
        self.ask(at, component, call, reached, json, out).await
    }

    /// Makes a call in the past.
    async fn ask(
        &self,
        at: u64,
        component: &Path,
        call: &str,
        reached: &Reached,
        json: bool,
        out: &mut Sink<'_>,
    ) -> Result<(), Stop> {
        let replaying = self.replay.load(component, reached).await?;
        let notation = Notation::new(json);
        let (function, arguments) = notation.read(call, replaying.workers.functions())?;
        let rehearsals = replaying.workers.rehearsals();
        let answer = rehearsals.ask(&self.name, at, function, &arguments).await;
        let answer = answer.map_err(|error| Stop::failure(error.to_string()))?;
        for value in notation.write(function, &answer)? {
            out.put(value.as_bytes())?;
            out.put(b"\n")?;
        }
        Ok(())
    }
}
