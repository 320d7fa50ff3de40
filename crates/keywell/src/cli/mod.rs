//! The command line. A subcommand a file; each ends with an exit code: 0 done, 1 failed, 2 wrong
//! usage.

mod application;
mod cache;
mod changes;
mod compile;
mod compiling;
mod completions;
mod component;
mod config;
mod config_file;
mod config_set;
#[cfg(feature = "conformance")]
mod conformance;
mod deadletters;
mod dev;
mod draft;
mod failed;
mod files;
mod health;
mod images;
mod input;
mod inspect;
mod invoke;
mod kv;
mod lookup;
mod metrics;
mod new;
mod number;
mod output;
mod passwords;
#[cfg(feature = "images")]
mod pull;
#[cfg(feature = "images")]
mod push;
mod reloading;
mod route;
mod run;
mod schema;
mod secret;
mod serve;
mod signal;
mod source;
mod state;
mod status;
mod store;
mod stores;
mod up;
mod usage;
mod worker;
mod written;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use failed::Failed;

const EXIT_CODES: &str = "Exit codes:\n  \
    0  it is done, or was asked to stop\n  \
    1  it failed: a file, a server, a component that trapped or ran out of time\n  \
    2  it was asked for something that makes no sense, and did nothing\n\
    `keywell run` passes on the component's own code, from 0 to 255.";

/// Behind the options of every command.
const LAST: usize = 900;

/// Runs WebAssembly components on key-value stores.
#[derive(Parser)]
#[command(
    name = "keywell",
    version,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = EXIT_CODES
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,

    /// What to log: error, warn, info, debug or trace, or a filter such as keywell=debug. What
    /// components log by wasi:logging has the target component, and that a lost connection is back
    /// the target connection.
    #[arg(
        long,
        global = true,
        display_order = LAST,
        value_name = "FILTER",
        env = "KEYWELL_LOG",
        hide_env_values = true,
        default_value = output::USUAL_LOG
    )]
    log: String,

    /// Log lines as JSON, and so what components print, but for `run`.
    #[arg(long, global = true, display_order = LAST)]
    log_json: bool,
}

// A comment on a variant would stand in the place of the whole description of its command.
#[derive(Subcommand)]
enum Command {
    New(new::New),
    Dev(dev::Dev),
    Serve(Box<serve::Serve>),
    Run(run::Run),
    Invoke(Box<invoke::Invoke>),
    Up(up::Up),
    Status(status::Status),
    Worker(worker::WorkerCommand),
    Kv(kv::Kv),
    #[cfg(feature = "conformance")]
    Conformance(conformance::Conformance),
    Config(config::Config),
    Secret(secret::Secret),
    #[command(name = "deadletters")]
    DeadLetters(deadletters::DeadLettersCommand),
    Inspect(inspect::Inspect),
    Compile(compile::Compile),
    #[cfg(feature = "images")]
    Pull(pull::Pull),
    #[cfg(feature = "images")]
    Push(push::Push),
    Stores(stores::Stores),
    Schema(schema::Schema),
    Completions(completions::Completions),
}

pub(crate) fn main() -> ExitCode {
    let Arguments {
        command,
        log,
        log_json,
    } = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage::report(&error),
    };
    let ended = output::log(&log, log_json).and_then(|()| {
        passwords::warn();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| Failed::because("cannot start threads", error))?;
        let ended = runtime.block_on(signal::heeding(async {
            signal::survive_file_size_limit()?;
            match command {
                Command::New(new) => new.main(),
                Command::Dev(dev) => dev.main().await,
                Command::Serve(serve) => Box::pin(serve.main()).await,
                Command::Run(run) => Box::pin(run.main()).await,
                Command::Invoke(invoke) => Box::pin(invoke.main()).await,
                Command::Up(up) => Box::pin(up.main()).await,
                Command::Status(status) => status.main().await,
                Command::Worker(worker) => worker.main().await,
                Command::Kv(kv) => kv.main().await,
                #[cfg(feature = "conformance")]
                Command::Conformance(conformance) => conformance.main().await,
                Command::Config(config) => config.main(),
                Command::Secret(secret) => secret.main().await,
                Command::DeadLetters(letters) => letters.main().await,
                Command::Inspect(inspect) => inspect.main().await,
                Command::Compile(compile) => compile.main().await,
                #[cfg(feature = "images")]
                Command::Pull(pull) => pull.main().await,
                #[cfg(feature = "images")]
                Command::Push(push) => push.main().await,
                Command::Stores(stores) => stores.main(),
                Command::Schema(schema) => schema.main(),
                Command::Completions(completions) => completions.main(Arguments::command()),
            }
        }));
        // What still waits, such as a read of the terminal, is not worth waiting for.
        runtime.shutdown_background();
        ended
    });
    let code = ended.unwrap_or_else(report);
    output::finish();
    code
}

fn report(failed: Failed) -> ExitCode {
    let (text, code) = match failed {
        Failed::Failure(text) => (text, 1),
        Failed::Usage(text) => (text, 2),
    };
    output::complain(&text);
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The commands that are without a description or an example, each by its words.
    fn unexplained(command: &clap::Command, words: &str) -> Vec<String> {
        let mut found = Vec::new();
        let examples = command.get_after_help().map(ToString::to_string);
        let has_example = examples.is_some_and(|text| {
            text.starts_with("Example") && text.contains(&format!("\n  {words}"))
        });
        if command.get_about().is_none() || !has_example {
            found.push(words.to_owned());
        }
        for inner in command.get_subcommands() {
            found.extend(unexplained(inner, &format!("{words} {}", inner.get_name())));
        }
        found
    }

    #[test]
    fn the_help_of_every_command_has_a_description_and_an_example_of_it() {
        let command = Arguments::command();
        let all = command.get_subcommands();
        let found = all.flat_map(|command| {
            let words = format!("keywell {}", command.get_name());
            unexplained(command, &words)
        });
        assert_eq!(found.collect::<Vec<_>>(), [""; 0]);
    }

    #[test]
    fn a_long_description_is_not_cut_to_its_first_line() {
        let command = Arguments::command();
        for name in [
            "serve",
            "up",
            "status",
            "config",
            "secret",
            "deadletters",
            "pull",
        ] {
            let command = command.find_subcommand(name).unwrap();
            let long = command.get_long_about().map(ToString::to_string);
            assert!(long.is_some_and(|long| long.contains("\n\n")), "{name}");
        }
    }
}
