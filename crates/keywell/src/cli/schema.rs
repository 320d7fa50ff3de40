use std::process::ExitCode;

use clap::Args;

use super::output;
use crate::cli::failed::Ended;

/// Print the JSON Schema of keywell.toml, for editors that complete and check it.
#[derive(Args)]
#[command(after_help = "Example:\n  keywell schema > keywell.schema.json\n\n\
    An editor that knows it by a first line of keywell.toml:\n  \
    #:schema ./keywell.schema.json")]
pub(super) struct Schema {}

// === impl Schema ===

impl Schema {
    #[allow(clippy::unused_self, reason = "as all subcommands")]
    pub(super) fn main(self) -> Ended {
        output::print(&keywell_config::schema())?;
        Ok(ExitCode::SUCCESS)
    }
}
