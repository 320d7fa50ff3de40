use std::io::{self, Write as _};
use std::sync::OnceLock;
use std::time::Duration;

use keywell_runtime::output::{Format, Output};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::Failed;

/// What this program and its components have to say, besides what a command was run for. It is never
/// waited for, so that a pipe that is not read stops nothing.
static OUTPUT: OnceLock<Output> = OnceLock::new();

pub(super) fn output() -> &'static Output {
    OUTPUT.get_or_init(|| Output::process(Format::Text))
}

/// Waits, before the program ends, until all is written, as long as it is read.
pub(super) fn finish() {
    const PATIENCE: Duration = Duration::from_secs(1);
    output().finish(PATIENCE);
}

/// Sends the log to standard error.
pub(super) fn log(filter: &str, json: bool) -> Result<(), Failed> {
    if let Some(word) = filter.split(',').find(|word| is_mistyped(word)) {
        let problem = format!(
            "--log: {word:?} is no level; there are error, warn, info, debug, trace and off, and TARGET=LEVEL"
        );
        return Err(Failed::Usage(problem));
    }
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::WARN.into())
        .parse(filter)
        .map_err(|error| Failed::Usage(format!("--log {filter}: {error}")))?;
    let format = if json { Format::Json } else { Format::Text };
    let stderr = OUTPUT.get_or_init(|| Output::process(format)).stderr();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| stderr.clone())
        .with_ansi(stderr.is_terminal())
        .with_target(false);
    if json {
        log.json().init();
    } else {
        log.compact().init();
    }
    // The standard library's own report of a panic waits for a reader.
    std::panic::set_hook(Box::new(|panic| complain(&panic.to_string())));
    Ok(())
}

/// A word alone is taken for the name of a part of the program, of which then everything is told, and of
/// all others nothing.
fn is_mistyped(word: &str) -> bool {
    let word = word.trim();
    !word.is_empty() && !word.contains(['=', '[']) && word.parse::<LevelFilter>().is_err()
}

/// Writes a line to standard output.
pub(super) fn say(text: &str) {
    drop(
        output()
            .stdout()
            .clone()
            .write_all(format!("{text}\n").as_bytes()),
    );
}

/// Writes what a command was run for to standard output. That nobody reads to the end is no failure.
pub(super) fn print(text: &str) -> Result<(), Failed> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failed::because("cannot write standard output", error))
        }
        _ => Ok(()),
    }
}

/// Writes an error to standard error.
pub(super) fn complain(text: &str) {
    remark(&format!("keywell: {text}"));
}

/// Writes a line to standard error.
pub(super) fn remark(text: &str) {
    drop(
        output()
            .stderr()
            .clone()
            .write_all(format!("{text}\n").as_bytes()),
    );
}
