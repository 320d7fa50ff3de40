//! `keywell secret`: the secrets of the state folder. A subcommand a file.
//!
//! None prints a secret: what prints one is one pipe away from a log.

mod del;
mod input;
mod list;
mod put;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::kv::{Sink, Stop};
use super::state::StateArguments;
use crate::cli::failed::Ended;

/// Keep secrets, encrypted in the state folder, which keywell.toml names by { secret = "NAME" }.
///
/// The first secret makes a key, the file secrets.key of the state folder. The variable
/// `KEYWELL_SECRETS_KEY` may have another one, an age identity. No command prints a secret.
#[derive(Args)]
#[command(
    mut_arg("state", |state| state.global(true)),
    after_help = "Examples:\n  \
        keywell secret put redis-password < password\n  \
        keywell secret put tls-key --file key.pem\n  \
        keywell secret list"
)]
pub(super) struct Secret {
    #[command(flatten)]
    state: StateArguments,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Put(put::Put),
    List(list::List),
    Del(del::Del),
}

// === impl Secret ===

impl Secret {
    pub(super) async fn main(self) -> Ended {
        let secrets = self.state.secrets()?;
        let mut out = Sink::stdout();
        let ended = match self.command {
            Command::Put(put) => put.run(&secrets).await,
            Command::List(list) => list.run(&secrets, &mut out),
            Command::Del(del) => del.run(&secrets),
        };
        match ended.and_then(|()| out.flush()) {
            Ok(()) | Err(Stop::Unread) => Ok(ExitCode::SUCCESS),
            Err(Stop::Failed(failed)) => Err(failed),
        }
    }
}
