use std::io::{self, IsTerminal as _, Write as _};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::Failed;

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
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false);
    if json {
        log.json().init();
    } else {
        log.compact().init();
    }
    Ok(())
}

/// A word alone is taken for the name of a part of the program, of which then everything is told, and of
/// all others nothing.
fn is_mistyped(word: &str) -> bool {
    let word = word.trim();
    !word.is_empty() && !word.contains(['=', '[']) && word.parse::<LevelFilter>().is_err()
}

/// Writes a line to standard output, and does not mind that nobody reads it any more.
pub(super) fn say(text: &str) {
    drop(writeln!(io::stdout(), "{text}"));
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
    drop(writeln!(io::stderr(), "keywell: {text}"));
}
