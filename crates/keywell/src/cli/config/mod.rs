//! `keywell config`: the named configuration of the state folder. A subcommand a file.

mod del;
mod get;
mod list;
mod put;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::kv::{Sink, Stop};
use super::state::StateArguments;
use crate::cli::failed::Ended;

/// Keep named configuration: sets of values that components read by wasi:config.
///
/// A set is a file of the state folder. `config-sets` in keywell.toml and --config-set refer to
/// sets by name. They are plain text: passwords belong into `keywell secret`.
#[derive(Args)]
#[command(
    mut_arg("state", |state| state.global(true)),
    after_help = "Examples:\n  \
        keywell config put shop currency=EUR page-size=20\n  \
        keywell config get shop --json\n  \
        keywell config put orders 'watch=SET@order:*,DEL@order:*'\n  \
        keywell serve alerts.wasm --config-set orders --store redis://127.0.0.1"
)]
pub(super) struct Config {
    #[command(flatten)]
    state: StateArguments,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Put(put::Put),
    Get(get::Get),
    Del(del::Del),
    List(list::List),
}

// === impl Config ===

impl Config {
    pub(super) fn main(self) -> Ended {
        let sets = self.state.state()?.config_sets();
        let mut out = Sink::stdout();
        let ended = match self.command {
            Command::Put(put) => put.run(&sets),
            Command::Get(get) => get.run(&sets, &mut out),
            Command::Del(del) => del.run(&sets),
            Command::List(list) => list.run(&sets, &mut out),
        };
        match ended.and_then(|()| out.flush()) {
            Ok(()) | Err(Stop::Unread) => Ok(ExitCode::SUCCESS),
            Err(Stop::Failed(failed)) => Err(failed),
        }
    }
}
