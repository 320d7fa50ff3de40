use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::process::ExitCode;

use bytes::Bytes;
use clap::{ArgGroup, Args};
use keywell_store::layer::Limits;

use super::target::key;
use super::{Stop, Target};
use keywell_config::units;

/// Set a key to a value, whatever was there.
///
/// An earlier time to live ends with it.
#[derive(Args)]
#[command(
    // Left to itself, clap writes the group before the key.
    override_usage = "keywell kv set [OPTIONS] <KEY> <VALUE|--file <PATH>>",
    group(ArgGroup::new("source").args(["value", "file"]).required(true)),
    after_help = "Examples:\n  \
        keywell kv set greeting hello\n  \
        keywell kv set session/7 open --ttl 30m\n  \
        keywell kv set logo --file logo.png --store disk:assets\n  \
        date | keywell kv set now -"
)]
pub(super) struct Set {
    /// The key.
    #[arg(value_name = "KEY", value_parser = key)]
    key: String,

    /// The value; - reads it from standard input.
    #[arg(value_name = "VALUE", allow_negative_numbers = true)]
    value: Option<OsString>,

    /// Take the value from this file.
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,

    /// After how long the key is gone: 500ms, 30s, 5m, 24h.
    #[arg(long = "ttl", value_name = "TIME", value_parser = expiring)]
    how: Option<keywell_store::Set>,
}

// === impl Set ===

impl Set {
    pub(super) async fn run(self, target: &Target) -> Result<ExitCode, Stop> {
        let value = match (&self.file, self.value) {
            (Some(path), _) => {
                let name = path.display().to_string();
                let file = File::open(path);
                let file = file.map_err(|error| cannot_read(&name, &error))?;
                read(file, &name)?
            }
            (None, Some(value)) if value == "-" => read(io::stdin().lock(), "standard input")?,
            (None, value) => Bytes::from(value.unwrap_or_default().into_encoded_bytes()),
        };
        let how = self.how.unwrap_or_default();
        let answer = target.bucket.set(&self.key, value, how).await;
        answer.map_err(target.cannot("set", &self.key))?;
        Ok(ExitCode::SUCCESS)
    }
}

pub(super) fn expiring(text: &str) -> Result<keywell_store::Set, String> {
    keywell_store::Set::expiring(units::duration(text)?).map_err(|error| error.to_string())
}

/// Reads a value, and no more of an endless one than shows that it is too large.
fn read(from: impl Read, name: &str) -> Result<Bytes, Stop> {
    let max = Limits::default().value_bytes;
    let mut value = Vec::new();
    let read = from.take(max as u64 + 1).read_to_end(&mut value);
    read.map_err(|error| cannot_read(name, &error))?;
    if value.len() > max {
        let problem = format!("{name} has more than the {max} bytes that a value may have");
        return Err(Stop::failure(problem));
    }
    Ok(value.into())
}

fn cannot_read(name: &str, error: &io::Error) -> Stop {
    Stop::failure(format!("cannot read {name}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endless_value_is_given_up() {
        let Err(Stop::Failed(failed)) = read(io::repeat(b'x'), "the well") else {
            panic!("it ends");
        };
        assert!(format!("{failed:?}").contains("the well has more than the 16777216 bytes"));
    }
}
