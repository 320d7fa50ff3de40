use std::io::{self, Write as _};
use std::sync::OnceLock;
use std::time::Duration;

use keywell_config::Report;
use keywell_runtime::output::{Format, Output};
use keywell_store::terminal;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::cli::failed::Failed;

/// What this program and its components have to say, besides what a command was run for. It is never
/// waited for, so that a pipe that is not read stops nothing.
static OUTPUT: OnceLock<Output> = OnceLock::new();

/// The target of figures that are lines of the log where it is JSON, whatever else is logged.
pub(super) const METRICS: &str = "keywell::metrics";

pub(super) fn output() -> &'static Output {
    OUTPUT.get_or_init(|| Output::process(Format::Text))
}

/// Waits, before the program ends, until all is written, as long as it is read.
pub(super) fn finish() {
    const PATIENCE: Duration = Duration::from_secs(1);
    output().finish(PATIENCE);
}

/// What is logged where nothing else is asked for. What components log is meant to be read from
/// `info` on, and that a lost connection is back is as worth a line as its loss.
pub(super) const USUAL_LOG: &str = "warn,component=info,connection=info";

/// Sends the log to standard error.
pub(super) fn log(filter: &str, json: bool) -> Result<(), Failed> {
    if let Some(word) = filter.split(',').find_map(mistyped) {
        let problem = format!(
            "--log: {word:?} is no level; there are error, warn, info, debug, trace and off, and \
             TARGET=LEVEL"
        );
        return Err(Failed::Usage(problem));
    }
    let filter = match filter.trim() {
        "" => USUAL_LOG,
        filter => filter,
    };
    let filter: Targets = filter
        .parse()
        .map_err(|error| Failed::Usage(format!("--log {filter}: {error}")))?;
    let filter = if json {
        filter.with_target(METRICS, LevelFilter::INFO)
    } else {
        filter
    };
    let format = if json { Format::Json } else { Format::Text };
    let stderr = OUTPUT.get_or_init(|| Output::process(format)).stderr();
    let is_coloured = stderr.is_terminal() && !json;
    let log = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(move || LogLines {
            to: stderr.clone(),
            json,
            is_coloured,
        })
        .with_ansi(is_coloured)
        .with_target(false);
    if json {
        log.json().finish().with(filter).init();
    } else {
        log.compact().finish().with(filter).init();
    }
    // The standard library's own report of a panic waits for a reader.
    std::panic::set_hook(Box::new(|panic| complain(&panic.to_string())));
    Ok(())
}

/// What is no level of a part of a filter. A single word that is none would select a module by that
/// name and silence all others, which is seldom meant.
fn mistyped(part: &str) -> Option<&str> {
    let level = part.rsplit('=').next().unwrap_or(part).trim();
    let is_wrong = !part.trim().is_empty() && level.parse::<LevelFilter>().is_err();
    is_wrong.then_some(level)
}

/// Writes a line to standard output, escaped.
pub(super) fn say(text: &str) {
    let text = terminal::escape(text);
    drop(
        output()
            .stdout()
            .clone()
            .write_all(format!("{text}\n").as_bytes()),
    );
}

/// Writes what a command was run for to standard output, and a line end unless it has one. A closed
/// pipe is no failure.
///
/// It is written as it is: what in it came from elsewhere is escaped already.
pub(super) fn print(text: &str) -> Result<(), Failed> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failed::because("cannot write standard output", error))
        }
        _ => Ok(()),
    }
}

/// Writes an error to standard error, escaped: it may quote a key, a file, or what a server said.
pub(super) fn complain(text: &str) {
    let text = terminal::escape_lines(text);
    write_remark(&format!("keywell: {text}"));
}

/// Writes what is wrong with a configuration to standard error, which escapes what it quotes itself.
pub(super) fn report(report: &Report) {
    let stderr = output().stderr();
    let text = report.render(stderr.is_terminal());
    drop(stderr.clone().write_all(text.as_bytes()));
}

/// Writes a line to standard error, escaped.
pub(super) fn remark(text: &str) {
    write_remark(&terminal::escape(text));
}

fn write_remark(text: &str) {
    drop(
        output()
            .stderr()
            .clone()
            .write_all(format!("{text}\n").as_bytes()),
    );
}

/// Writes each event of the log, which comes in one piece, with what it quotes escaped.
struct LogLines<W> {
    to: W,
    json: bool,
    /// Whether there are colours around what is quoted.
    is_coloured: bool,
}

/// The colours that the subscriber uses. What is quoted may hold them too: they do no harm.
const COLOURS: [&str; 9] = [
    "[0m", "[1m", "[2m", "[3m", "[31m", "[32m", "[33m", "[34m", "[35m",
];

/// The text with each ESC written out that does not begin a colour.
fn only_coloured(text: &str) -> String {
    let mut pieces = text.split('\u{1b}');
    let mut coloured = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let is_colour = COLOURS.iter().any(|colour| piece.starts_with(colour));
        coloured.push_str(if is_colour { "\u{1b}" } else { r"\u{1b}" });
        coloured.push_str(piece);
    }
    coloured
}

// === impl LogLines ===

impl<W: io::Write> io::Write for LogLines<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let mut escaped = if self.json {
            terminal::escape_json(text.trim_end()).into_owned()
        } else if self.is_coloured {
            let text = only_coloured(&text);
            terminal::escape_lines_but(&text, |character| character == '\u{1b}')
        } else {
            terminal::escape_lines(&text)
        };
        escaped.push('\n');
        self.to.write_all(escaped.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use keywell_runtime::LOG_TARGET;

    use super::*;

    const HOSTILE: &str = "\u{1b}]0;t\u{7}\r\u{9b}2J\u{202e}\nWARN forged";

    /// What is logged of a hostile text, in the message and in a field.
    fn logged(json: bool, is_coloured: bool) -> String {
        use std::sync::mpsc::{Sender, channel};

        #[derive(Clone)]
        struct Kept(Sender<Vec<u8>>);
        impl io::Write for Kept {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.send(bytes.to_owned()).unwrap();
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (sender, kept) = channel();
        let to = Kept(sender);
        let log = tracing_subscriber::fmt()
            .with_ansi(is_coloured)
            .with_writer(move || LogLines {
                to: to.clone(),
                json,
                is_coloured,
            });
        let log: Box<dyn tracing::Subscriber + Send + Sync> = if json {
            Box::new(log.json().finish())
        } else {
            Box::new(log.compact().finish())
        };
        tracing::subscriber::with_default(log, || {
            let error = io::Error::other(HOSTILE);
            tracing::warn!(%error, key = HOSTILE, "failed: {HOSTILE}");
        });
        String::from_utf8(kept.try_iter().flatten().collect()).unwrap()
    }

    #[test]
    fn a_log_line_holds_nothing_that_a_terminal_obeys_but_our_colours() {
        for (json, is_coloured) in [(false, false), (true, false), (false, true)] {
            let log = logged(json, is_coloured);
            let log = log.strip_suffix('\n').unwrap();
            let acts = |character: char| {
                !terminal::is_safe(character) && !matches!(character, '\n' | '\u{1b}')
            };
            assert!(!log.contains(acts), "{log:?}");
            // Colours are all that is left of escape sequences.
            let sequences = log.split('\u{1b}').skip(1);
            for sequence in sequences {
                let colour = sequence
                    .strip_prefix('[')
                    .and_then(|rest| rest.split_once('m'));
                assert!(
                    is_coloured
                        && colour.is_some_and(|(colour, _)| {
                            colour
                                .bytes()
                                .all(|byte| byte.is_ascii_digit() || byte == b';')
                        }),
                    "{log:?}"
                );
            }
            for line in log.lines().skip(1) {
                assert!(line.starts_with("  "), "{log:?}");
            }
            assert!(log.contains("forged"), "{log:?}");
        }
    }

    #[test]
    fn the_usual_log_shows_what_components_log_from_info_on() {
        let usual: Targets = USUAL_LOG.parse().unwrap();
        for (target, level, is_shown) in [
            (LOG_TARGET, tracing::Level::INFO, true),
            (LOG_TARGET, tracing::Level::DEBUG, false),
            ("keywell", tracing::Level::WARN, true),
            ("connection", tracing::Level::INFO, true),
            ("keywell", tracing::Level::INFO, false),
        ] {
            assert_eq!(
                usual.would_enable(target, &level),
                is_shown,
                "{target} {level}"
            );
        }
    }

    #[test]
    fn a_filter_names_levels_that_there_are() {
        for (filter, wrong) in [
            ("inof", "inof"),
            ("foo=bar", "bar"),
            ("warn,component=inof", "inof"),
        ] {
            assert_eq!(
                filter.split(',').find_map(mistyped),
                Some(wrong),
                "{filter}"
            );
        }
        for filter in [
            "",
            "off",
            "WARN, component=info",
            "keywell=debug,",
            USUAL_LOG,
        ] {
            assert_eq!(filter.split(',').find_map(mistyped), None, "{filter}");
        }
    }

    #[test]
    fn a_json_log_line_means_what_was_logged() {
        let log: serde_json::Value = serde_json::from_str(&logged(true, false)).unwrap();
        let message = log["fields"]["message"].as_str().unwrap();
        assert!(message.contains("\u{202e}"), "{message:?}");
    }
}
