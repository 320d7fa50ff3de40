use std::process::ExitCode;

use clap::Args;

use super::target::key;
use super::{Stop, Target};

/// Delete keys. One that is not there is no error.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    keywell kv delete greeting\n  \
    keywell kv list --null --prefix session/ | xargs -0 -r keywell kv delete --")]
pub(super) struct Delete {
    /// The keys; several are deleted as one where the store can.
    #[arg(value_name = "KEY", required = true, value_parser = key)]
    keys: Vec<String>,
}

// === impl Delete ===

impl Delete {
    pub(super) async fn run(self, target: &Target) -> Result<ExitCode, Stop> {
        match &self.keys[..] {
            [key] => {
                let answer = target.bucket.delete(key).await;
                answer.map_err(target.cannot("delete", key))?;
            }
            keys => {
                let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                target.bucket.delete_many(&keys).await.map_err(|error| {
                    let name = &target.name;
                    Stop::failure(format!("cannot delete keys in bucket {name}: {error}"))
                })?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
