//! Where what components print goes, and how it gets there.

mod format;
mod line;
mod queue;
mod writer;

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

pub use self::format::Format;
pub(crate) use self::format::Stream;
use keywell_system::output::{stderr, stdout};

use self::line::Line;
pub use self::writer::Writer;

/// Where components print to: a writer for standard output and one for standard error. Cloning
/// gives another handle of both.
///
/// What components print when they are called by a trigger goes out by lines: each has the
/// component's name before it, control characters are escaped, and an instance that prints more
/// than 64 KiB a second on one of the two loses what is past that, which is counted and reported.
/// What a [`Command`](crate::Command) prints goes out as it is, and it waits for the reader.
///
/// The default is the process's own standard output and error, as text.
#[derive(Clone)]
pub struct Output(Arc<Writers>);

struct Writers {
    stdout: Writer,
    stderr: Writer,
    format: Format,
}

// === impl Output ===

impl Output {
    /// The process's own standard output and error.
    pub fn process(format: Format) -> Self {
        let is_terminal = [io::stdout().is_terminal(), io::stderr().is_terminal()];
        Self::open(stdout(), stderr(), is_terminal, format)
    }

    /// Other places, for a program that keeps what components print.
    pub fn new(
        stdout: impl Write + Send + 'static,
        stderr: impl Write + Send + 'static,
        format: Format,
    ) -> Self {
        Self::open(Box::new(stdout), Box::new(stderr), [false; 2], format)
    }

    fn open(
        stdout: Box<dyn Write + Send>,
        stderr: Box<dyn Write + Send>,
        is_terminal: [bool; 2],
        format: Format,
    ) -> Self {
        let reports: [fn(u64) -> Vec<u8>; 2] = match format {
            Format::Text => [
                |dropped| report(dropped, Stream::Stdout, Format::Text),
                |dropped| report(dropped, Stream::Stderr, Format::Text),
            ],
            Format::Json => [
                |dropped| report(dropped, Stream::Stdout, Format::Json),
                |dropped| report(dropped, Stream::Stderr, Format::Json),
            ],
        };
        Self(Arc::new(Writers {
            stdout: Writer::new(stdout, is_terminal[0], reports[0]),
            stderr: Writer::new(stderr, is_terminal[1], reports[1]),
            format,
        }))
    }

    /// The same, but that all of it goes to standard error, for a program whose standard output has
    /// results.
    #[must_use]
    pub fn all_to_stderr(&self) -> Self {
        Self(Arc::new(Writers {
            stdout: self.0.stderr.clone(),
            stderr: self.0.stderr.clone(),
            format: self.0.format,
        }))
    }

    /// The writer to standard output, for lines of the program's own.
    pub fn stdout(&self) -> &Writer {
        &self.0.stdout
    }

    /// The writer to standard error, for lines of the program's own, its log say.
    pub fn stderr(&self) -> &Writer {
        &self.0.stderr
    }

    /// How lines are written.
    pub fn format(&self) -> Format {
        self.0.format
    }

    /// Waits, on this thread, until all is written, for a program that ends. It gives up when
    /// nothing was written for this long.
    pub fn finish(&self, patience: Duration) {
        let Writers { stdout, stderr, .. } = &*self.0;
        let began = Instant::now();
        stderr.finish(patience);
        // Both are written at the same time.
        stdout.finish(patience.saturating_sub(began.elapsed()));
    }

    pub(crate) fn writer(&self, stream: Stream) -> &Writer {
        match stream {
            Stream::Stdout => self.stdout(),
            Stream::Stderr => self.stderr(),
        }
    }

    /// Writes a line of a component, or of Keywell's own, and answers how many bytes it takes.
    pub(crate) fn line(&self, component: Option<&str>, stream: Stream, message: &str) -> usize {
        let line = Line {
            component,
            stream,
            message,
        };
        let line = line.format(self.0.format);
        // The writer takes all or drops all, and never fails.
        drop(self.writer(stream).clone().write(&line));
        line.len()
    }
}

impl Default for Output {
    fn default() -> Self {
        static PROCESS: LazyLock<Output> = LazyLock::new(|| Output::process(Format::Text));
        PROCESS.clone()
    }
}

impl PartialEq for Output {
    /// Whether both are handles of the same writers.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Output {}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output")
            .field("format", &self.0.format)
            .finish_non_exhaustive()
    }
}

fn report(dropped: u64, stream: Stream, format: Format) -> Vec<u8> {
    let name = match stream {
        Stream::Stdout => "standard output",
        Stream::Stderr => "standard error",
    };
    let lines = counted(dropped);
    let message = format!("{lines} dropped here, as {name} was not read in time");
    let line = Line {
        component: None,
        stream,
        message: &message,
    };
    line.format(format)
}

/// `1 line was`, `2 lines were`.
pub(crate) fn counted(lines: u64) -> String {
    match lines {
        1 => "1 line was".to_owned(),
        lines => format!("{lines} lines were"),
    }
}
