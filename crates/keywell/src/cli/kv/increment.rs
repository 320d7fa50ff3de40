use std::process::ExitCode;

use clap::Args;

use super::target::key;
use super::{Sink, Stop, Target};

/// Add to a counter as one step, and print its new value.
///
/// A counter is decimal text, such as 42. A key that is not there counts from 0.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    keywell kv increment visits\n  \
    keywell kv increment stock/apples -3")]
pub(super) struct Increment {
    /// The key.
    #[arg(value_name = "KEY", value_parser = key)]
    key: String,

    /// What to add; may be negative.
    #[arg(
        value_name = "DELTA",
        default_value_t = 1,
        allow_negative_numbers = true
    )]
    delta: i64,
}

// === impl Increment ===

impl Increment {
    pub(super) async fn run(self, target: &Target, out: &mut Sink<'_>) -> Result<ExitCode, Stop> {
        let answer = target.bucket.increment(&self.key, self.delta).await;
        let sum = answer.map_err(target.cannot("increment", &self.key))?;
        out.put(format!("{sum}\n").as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }
}
