use std::io::{self, Read as _};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use keywell_config::Plan;

use crate::cli::failed::Failed;

/// The text of the file `-`, which is standard input. It is read once, so that a reload finds it
/// again.
#[derive(Clone, Default)]
pub(super) struct Input(Arc<OnceLock<String>>);

// === impl Input ===

impl Input {
    /// Whether a file is standard input.
    pub(super) fn is(file: &Path) -> bool {
        file == Path::new("-")
    }

    /// Reads standard input to its end, where one of the files is it.
    pub(super) async fn read(&self, files: &[impl AsRef<Path>]) -> Result<(), Failed> {
        if !files.iter().any(|file| Self::is(file.as_ref())) {
            return Ok(());
        }
        let text = tokio::task::spawn_blocking(text).await;
        let text = text.unwrap_or_else(|error| Err(io::Error::other(error)));
        let text = text.map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => Failed::Usage(format!("standard input {error}")),
            _ => Failed::because("cannot read standard input", error),
        })?;
        drop(self.0.set(text));
        Ok(())
    }

    /// What was read.
    pub(super) fn text(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}

fn text() -> io::Result<String> {
    let wrong = |problem: String| io::Error::new(io::ErrorKind::InvalidData, problem);
    let mut bytes = Vec::new();
    let most = Plan::MAX_BYTES;
    io::stdin().lock().take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(wrong(format!("is larger than {most} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| wrong("is not UTF-8".to_owned()))
}
