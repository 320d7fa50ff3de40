use std::process::ExitCode;

use clap::Args;
use keywell_export::Line;

use super::target::key;
use super::{Sink, Stop, Target};

/// Write the value of a key, byte by byte, to standard output.
///
/// On a terminal, what would act on it (control characters, changes of direction) is written out, as
/// in \u{1b}; into a file or a pipe goes every byte as it is.
/// Where there is no such key, it says so and ends with exit code 1.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    keywell kv get greeting\n  \
    keywell kv get logo --store disk:assets > logo.png")]
pub(super) struct Get {
    /// The key.
    #[arg(value_name = "KEY", value_parser = key)]
    key: String,

    /// Print the key and the value as JSON; base64 for a value that is no UTF-8.
    #[arg(long)]
    json: bool,
}

// === impl Get ===

impl Get {
    pub(super) async fn run(self, target: &Target, out: &mut Sink<'_>) -> Result<ExitCode, Stop> {
        let answer = target.bucket.get(&self.key).await;
        let Some(entry) = answer.map_err(target.cannot("get", &self.key))? else {
            return Err(Stop::failure(format!(
                "there is no key {:?} in bucket {}",
                self.key, target.name
            )));
        };
        if self.json {
            out.json(&Line::new(&self.key, &entry.value))?;
        } else {
            out.value(&entry.value)?;
            // A script gets the value and nothing else; a person, a prompt on a line of its own.
            if out.is_terminal() {
                out.put(b"\n")?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
