use std::process::ExitCode;

use clap::Args;

use super::set::expiring;
use super::target::key;
use super::{Sink, Stop, Target};
use crate::cli::number::whole;

/// Add to a counter as one step, and print its new value.
///
/// A counter is decimal text, such as 42. A key that is not there counts from 0.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    keywell kv increment visits\n  \
    keywell kv increment stock/apples -3\n  \
    keywell kv increment visits/today --ttl 24h")]
pub(super) struct Increment {
    /// The key.
    #[arg(value_name = "KEY", value_parser = key)]
    key: String,

    /// What to add; may be negative.
    #[arg(
        value_name = "DELTA",
        default_value_t = 1,
        value_parser = whole::<i64>(i128::from(i64::MIN)..=i128::from(i64::MAX)),
        allow_negative_numbers = true
    )]
    delta: i64,

    /// After how long a key that is created is gone: 500ms, 30s, 5m, 24h. Others are left as they are.
    #[arg(long = "ttl", value_name = "TIME", value_parser = expiring)]
    created: Option<keywell_store::Set>,
}

// === impl Increment ===

impl Increment {
    pub(super) async fn run(self, target: &Target, out: &mut Sink<'_>) -> Result<ExitCode, Stop> {
        let created = self.created.unwrap_or_default();
        let answer = target
            .bucket
            .increment_or_create(&self.key, self.delta, created);
        let sum = answer
            .await
            .map_err(target.cannot("increment", &self.key))?;
        out.put(format!("{sum}\n").as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }
}
