use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::Done;

/// The peer in a separate process, whose Wasmtime is built with its default features. Each line of input names an
/// export and a duration; the answer is nanoseconds per call.
pub(crate) struct PeerProcess {
    process: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

// === impl PeerProcess ===

impl PeerProcess {
    /// None where it is not built.
    pub(crate) fn start(value_bytes: u32) -> Done<Option<Self>> {
        let program = std::env::current_exe()?.with_file_name("keywell-bench-peer");
        if !program.exists() {
            return Ok(None);
        }
        let mut process = Command::new(program)
            .arg(value_bytes.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(ask), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            return Err("the peer's streams are not piped".into());
        };
        Ok(Some(Self {
            process,
            ask,
            answers: BufReader::new(answers),
        }))
    }

    /// Nanoseconds a call, over about so long.
    pub(crate) fn time(&mut self, name: &str, about: Duration) -> Done<f64> {
        writeln!(self.ask, "{name} {}", about.as_nanos())?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        let nanos = answer.trim().parse();
        nanos.map_err(|_| format!("the peer answered {answer:?} to {name}").into())
    }
}

impl Drop for PeerProcess {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
