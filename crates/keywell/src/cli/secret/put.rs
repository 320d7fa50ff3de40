use std::path::PathBuf;

use clap::Args;
use keywell_state::{Name, Secrets};

use super::input;
use crate::cli::kv::Stop;
use crate::cli::usage::Unshown;

/// Encrypt a secret, in the place of what has the name.
///
/// It is read from standard input or a file, and is text of at most 64 KiB. A line end behind it is
/// left out. On a terminal, what is typed up to the end of the line is not shown.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    keywell secret put redis-password\n  \
    pass show redis | keywell secret put redis-password\n  \
    keywell secret put tls-key --file key.pem")]
pub(super) struct Put {
    /// The secret.
    #[arg(value_name = "NAME")]
    name: Name,

    /// Not the secret itself: every user of this machine can read the arguments of a process.
    #[arg(value_name = "SECRET", hide = true, value_parser = Unshown::new(argument))]
    argument: Option<()>,

    /// Take the secret from this file.
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
}

// === impl Put ===

impl Put {
    pub(super) async fn run(self, secrets: &Secrets) -> Result<(), Stop> {
        debug_assert_eq!(self.argument, None, "every one is refused");
        let value = match &self.file {
            Some(path) => input::file(path)?,
            None => input::standard(&self.name).await?,
        };
        Ok(secrets.put(&self.name, &value)?)
    }
}

fn argument(_text: &str) -> Result<(), String> {
    Err(
        "a secret is no argument, since every user of this machine can read those; give it by \
         standard input or --file"
            .to_owned(),
    )
}
