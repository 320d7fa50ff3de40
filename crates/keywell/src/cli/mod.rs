//! The command line. A subcommand a file; each ends with an exit code: 0 done, 1 failed, 2 wrong
//! usage.

mod application;
mod cache;
mod changes;
mod completions;
mod component;
mod config;
mod config_file;
mod config_set;
mod conformance;
mod deadletters;
mod dev;
mod draft;
mod failed;
mod files;
mod health;
mod images;
mod inspect;
mod invoke;
mod kv;
mod lookup;
mod metrics;
mod new;
mod output;
mod passwords;
mod pull;
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
mod written;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use failed::Failed;

/// Runs WebAssembly components on key-value stores.
#[derive(Parser)]
#[command(
    name = "keywell",
    version,
    arg_required_else_help = true,
    max_term_width = 100
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,

    /// What to log: error, warn, info, debug or trace, or a filter such as keywell=debug. What
    /// components log by wasi:logging has the target component.
    #[arg(
        long,
        global = true,
        value_name = "FILTER",
        env = "KEYWELL_LOG",
        hide_env_values = true,
        default_value = output::USUAL_LOG
    )]
    log: String,

    /// Log lines as JSON, and so what components print, but for `run`.
    #[arg(long, global = true)]
    log_json: bool,
}

#[derive(Subcommand)]
enum Command {
    // Their own descriptions are longer than a line.
    New(new::New),
    Dev(dev::Dev),
    /// Serve HTTP with a component, or call it when keys change.
    Serve(Box<serve::Serve>),
    /// Run a component as a command.
    Run(run::Run),
    // As above.
    Invoke(Box<invoke::Invoke>),
    Up(up::Up),
    /// Show what running processes run: components, stores, triggers and their counters.
    Status(status::Status),
    /// Look into a store, or change it.
    Kv(kv::Kv),
    /// Check that a store keeps what the contract promises.
    Conformance(conformance::Conformance),
    /// Keep named configuration for components.
    Config(config::Config),
    /// Keep secrets, encrypted.
    Secret(secret::Secret),
    /// List events that could not be delivered, send them again, or remove them.
    #[command(name = "deadletters")]
    DeadLetters(deadletters::DeadLettersCommand),
    /// Show what a component imports and exports.
    Inspect(inspect::Inspect),
    /// Download the component of an image from a registry.
    Pull(pull::Pull),
    /// Upload a component to a registry, as an image.
    Push(push::Push),
    /// List the kinds of stores, and their settings.
    Stores(stores::Stores),
    /// Print the JSON Schema of keywell.toml, for editors.
    Schema(schema::Schema),
    /// Print a script that completes the command line in a shell.
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
                Command::Kv(kv) => kv.main().await,
                Command::Conformance(conformance) => conformance.main().await,
                Command::Config(config) => config.main(),
                Command::Secret(secret) => secret.main().await,
                Command::DeadLetters(letters) => letters.main().await,
                Command::Inspect(inspect) => inspect.main().await,
                Command::Pull(pull) => pull.main().await,
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
