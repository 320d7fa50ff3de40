mod lines;
mod notation;

use std::pin::pin;
use std::process::ExitCode;

use clap::Args;
use keywell_runtime::invoke::{Functions, InvokeError, Invoker, Session};

use self::lines::Lines;
use self::notation::Notation;
use super::component::ComponentArguments;
use super::store::StoreArguments;
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
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    keywell invoke guide.wasm 'set(\"b\", \"k\", [1, 2, 3])'\n  \
    keywell invoke guide.wasm 'golem:examples/api.{get}(\"b\", \"k\")' --store disk:data\n  \
    keywell invoke guide.wasm --json 'set(\"b\", \"k\", \"AQID\")'\n  \
    keywell invoke guide.wasm - < calls")]
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
}

// === impl Invoke ===

impl Invoke {
    pub(super) async fn main(self) -> Ended {
        let mut stop = pin!(signal::stop()?);
        let interrupted = || Failed::Failure("interrupted".to_owned());
        let written = self.component.written()?;
        let sets = self.component.config_sets()?;
        let plan = self.component.plan(&written, &self.store.store, &sets);
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
        let ended = match handle.invoker(&written.name()) {
            Ok(invoker) => signal::unless(stop, self.calls(&invoker, &functions)).await,
            Err(error) => Err(Failed::of_one(error)),
        };
        metrics::report(&handle.metering());
        let stopped = handle.stop().await.map_err(Failed::of_one);
        let ended = ended?.ok_or_else(interrupted)?;
        stopped.map(|()| ended)
    }

    /// Makes the one call, or those of the lines.
    async fn calls(&self, invoker: &Invoker, functions: &Functions) -> Ended {
        let notation = Notation::new(self.json);
        let mut session = invoker.session().await;
        if self.call != "-" {
            let called = call(&mut session, functions, notation, &self.call).await?;
            called.iter().try_for_each(|result| output::print(result))?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut lines = Lines::of_stdin();
        let mut failed = None;
        while let Some((number, line)) = lines.next().await? {
            let called = match line {
                Ok(line) if line.trim().is_empty() => continue,
                Ok(line) => call(&mut session, functions, notation, &line).await,
                Err(error) => Err(error),
            };
            match called {
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

/// Makes a call, and answers what it returns, as it is printed.
async fn call(
    session: &mut Session,
    functions: &Functions,
    notation: Notation,
    text: &str,
) -> Result<Vec<String>, Failed> {
    let (function, arguments) = notation.read(text, functions)?;
    let called = session.call(function, &arguments).await;
    let results = called.map_err(|error| match error {
        InvokeError::TimedOut { .. } => Failed::Failure(format!("{error}; raise --timeout")),
        InvokeError::TooLarge { .. } => Failed::Usage(format!("{error}; raise --memory")),
        error => Failed::Failure(error.to_string()),
    })?;
    notation.write(function, &results)
}
