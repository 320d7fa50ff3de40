use std::process::ExitCode;

use clap::Args;

use super::target::key;
use super::{Sink, Stop, Target};

/// Print whether a key is there, and end with that as exit code.
///
/// It prints true and ends with 0, or prints false and ends with 1.
#[derive(Args)]
#[command(after_help = "Example:\n  keywell kv exists greeting && echo there")]
pub(super) struct Exists {
    /// The key.
    #[arg(value_name = "KEY", value_parser = key)]
    key: String,
}

// === impl Exists ===

impl Exists {
    pub(super) async fn run(self, target: &Target, out: &mut Sink<'_>) -> Result<ExitCode, Stop> {
        let answer = target.bucket.exists(&self.key).await;
        if answer.map_err(target.cannot("look for", &self.key))? {
            out.put(b"true\n")?;
            Ok(ExitCode::SUCCESS)
        } else {
            out.put(b"false\n")?;
            Ok(ExitCode::FAILURE)
        }
    }
}
