mod callee;
mod lines;
pub(super) mod notation;

use std::pin::pin;
use std::process::ExitCode;

use clap::Args;
use keywell_app::Handle;
use keywell_config::Plan;
use keywell_journal::WorkerName;
use keywell_runtime::invoke::Functions;

use self::callee::Callee;
use self::lines::Lines;
use self::notation::Notation;
use super::component::ComponentArguments;
use super::config_set::NamedSet;
use super::store::{GivenUrl, StoreArguments, schemes, url};
use super::usage::Unshown;
use super::written::Written;
use super::{metrics, output, signal};
use crate::cli::failed::{Ended, Failed};

/// Call a function that a component exports, and print its result.
///
/// The call is written NAME(ARGUMENTS). NAME is the function, with its interface where others have
/// the same name: get, api.get, golem:examples/api.{get}, golem:examples/api@1.0.0.{get} or
/// golem:examples/api.get@1.0.0. The arguments are WAVE, as is the result: 1, "text", 'c', [1, 2],
/// (1, "a"), {x: 1, y: 2}, red, some(1), none, ok(1), err("why"). An unknown name lists the
/// functions that there are.
///
/// What the component prints goes to standard error.
///
/// With --worker the call is one of a durable worker, which keeps its variables: what it was asked and
/// learned is in a journal, and is replayed into a new instance. `keywell worker` shows workers.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    keywell invoke guide.wasm 'set(\"b\", \"k\", [1, 2, 3])'\n  \
    keywell invoke guide.wasm 'golem:examples/api.{get}(\"b\", \"k\")' --store disk:data\n  \
    keywell invoke guide.wasm --json 'set(\"b\", \"k\", \"AQID\")'\n  \
    keywell invoke guide.wasm - < calls\n  \
    keywell invoke --worker alice cart.wasm 'add-item(\"tea\", 2)' --key order-1")]
pub(super) struct Invoke {
    #[command(flatten)]
    component: ComponentArguments,

    /// The call: NAME(ARGUMENTS). With -, one call per line from standard input, all in one
    /// instance; after a call that fails, the next one gets a fresh instance.
    #[arg(value_name = "CALL")]
    call: String,

    /// Read the arguments and print the result as JSON: NAME(JSON, JSON). Bytes are base64.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    store: StoreArguments,

    /// Call the durable worker of this name, which is made by its first call.
    #[arg(long, value_name = "NAME")]
    worker: Option<WorkerName>,

    /// An idempotency key: for 24 hours the worker answers it once more, and does not run it again.
    #[arg(long, value_name = "KEY", requires = "worker")]
    key: Option<String>,

    /// The store that has the journals of workers. [default: that of --store]
    #[arg(
        long,
        value_name = "URL",
        requires = "worker",
        value_parser = Unshown::new(url).suggesting(schemes),
        hide_possible_values = true
    )]
    journal: Option<GivenUrl>,
}

// === impl Invoke ===

impl Invoke {
    /// The name of the store that has the journals, where it is another than the component's.
    const JOURNAL: &str = "journal";

    pub(super) async fn main(self) -> Ended {
        let mut stop = pin!(signal::stop()?);
        let interrupted = || Failed::Failure("interrupted".to_owned());
        let written = self.component.written()?;
        let sets = self.component.config_sets()?;
        let plan = self.plan(&written, &sets)?;
        let printed = output::output().all_to_stderr();
        let load = self.component.load_printing(plan, printed);
        let application = signal::unless(stop.as_mut(), load).await?;
        let application = application.ok_or_else(interrupted)?;
        let functions = application.functions(&written.name());
        let functions = functions.expect("the plan has the component");
        let notation = Notation::new(self.json);
        // Nothing is opened for a call that cannot be made.
        if self.call != "-" {
            notation.read(&self.call, &functions)?;
        }
        let started = application.start_unless(stop.as_mut()).await;
        let handle = started.map_err(Failed::of_one)?.ok_or_else(interrupted)?;
        let ended = match self.callee(&handle, &written.name()).await {
            Ok(mut callee) => {
                let ended = signal::unless(stop, self.calls(&mut callee, &functions)).await;
                callee.release().await;
                ended
            }
            Err(error) => Err(error),
        };
        metrics::report(&handle.metering());
        let stopped = handle.stop().await.map_err(Failed::of_one);
        let ended = ended?.ok_or_else(interrupted)?;
        stopped.map(|()| ended)
    }

    fn plan(&self, written: &Written, sets: &[NamedSet]) -> Result<Plan, Failed> {
        let mut plan = self.component.plan(written, &self.store.store, sets);
        if self.worker.is_none() {
            return Ok(plan);
        }
        for component in plan.components.values_mut() {
            component.is_worker = true;
        }
        let journal = self.journal.clone().map(|store| StoreArguments { store });
        journal.as_ref().unwrap_or(&self.store).check_lasting()?;
        if let Some(journal) = journal.filter(|journal| !journal.is_same(&self.store)) {
            let name = Self::JOURNAL.to_owned();
            plan.stores.insert(name, journal.store.plan());
        }
        if self.call == "-" && self.key.is_some() {
            let problem = "--key is of one call, and with - there may be several";
            return Err(Failed::Usage(problem.to_owned()));
        }
        Ok(plan)
    }

    /// What is called: an instance, or a worker.
    async fn callee(&self, handle: &Handle, component: &str) -> Result<Callee, Failed> {
        let Some(worker) = self.worker.clone() else {
            let invoker = handle.invoker(component).map_err(Failed::of_one)?;
            return Ok(Callee::Instance(Box::new(invoker.session().await)));
        };
        let stores = handle.status().stores;
        let has_own = stores.iter().any(|store| store.name == Self::JOURNAL);
        let journal = if has_own {
            Self::JOURNAL
        } else {
            ComponentArguments::STORE
        };
        let workers = handle.workers(component, journal).await;
        Ok(Callee::Worker {
            workers: workers.map_err(Failed::of_one)?,
            worker,
            key: self.key.clone(),
        })
    }

    /// Makes the one call, or those of the lines.
    async fn calls(&self, callee: &mut Callee, functions: &Functions) -> Ended {
        let notation = Notation::new(self.json);
        if self.call != "-" {
            let outcome = callee.call(functions, notation, &self.call).await?;
            outcome
                .iter()
                .try_for_each(|result| output::print(result))?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut lines = Lines::of_stdin();
        let mut failed = None;
        while let Some((number, line)) = lines.next().await? {
            let outcome = match line {
                Ok(line) if line.trim().is_empty() => continue,
                Ok(line) => callee.call(functions, notation, &line).await,
                Err(error) => Err(error),
            };
            match outcome {
                Ok(results) => results
                    .iter()
                    .try_for_each(|result| output::print(result))?,
                Err(error) => {
                    output::complain(&format!("line {number}: {error}"));
                    failed.get_or_insert(error);
                }
            }
        }
        Ok(match failed {
            None => ExitCode::SUCCESS,
            Some(Failed::Failure(_)) => ExitCode::from(1),
            Some(Failed::Usage(_)) => ExitCode::from(2),
        })
    }
}
