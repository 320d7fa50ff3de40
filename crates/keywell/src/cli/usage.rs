//! What is wrong with the arguments, without the secrets in them.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, Command};
use keywell_store::terminal;

/// Reads a value that may be secret: what is wrong with it is said without showing it.
#[derive(Clone)]
pub(super) struct Unshown<T> {
    read: fn(&str) -> Result<T, String>,
    suggestions: fn() -> Vec<&'static str>,
}

// === impl Unshown ===

impl<T> Unshown<T> {
    pub(super) fn new(read: fn(&str) -> Result<T, String>) -> Self {
        Self {
            read,
            suggestions: Vec::new,
        }
    }

    /// The same, with values that shell completion offers.
    pub(super) fn suggesting(self, suggestions: fn() -> Vec<&'static str>) -> Self {
        Self {
            suggestions,
            ..self
        }
    }
}

impl<T: Clone + Send + Sync + 'static> TypedValueParser for Unshown<T> {
    type Value = T;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<T, clap::Error> {
        let read = match value.to_str() {
            Some(text) => (self.read)(text),
            None => Err("it is no UTF-8".to_owned()),
        };
        read.map_err(|problem| {
            let name = argument.map_or_else(String::new, |argument| format!(" for '{argument}'"));
            let problem = format!("invalid value{name}: {problem}\n");
            clap::Error::raw(ErrorKind::ValueValidation, problem).with_cmd(command)
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let suggestions = (self.suggestions)();
        let has_any = !suggestions.is_empty();
        has_any.then(|| Box::new(suggestions.into_iter().map(PossibleValue::new)) as Box<_>)
    }
}

/// Prints what `clap` made of the arguments: help, the version, or what is wrong with them.
pub(super) fn report(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    let arguments = std::env::args_os();
    let arguments = arguments.map(|argument| argument.to_string_lossy().into_owned());
    let shown = shown(&text, arguments.collect::<Vec<_>>().iter());
    if shown == text {
        // With its colours.
        drop(error.print());
    } else {
        drop(write!(io::stderr(), "{shown}"));
    }
    // 0 or 2.
    u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// The text without the logins and the settings of URLs in the arguments that it quotes.
fn shown<'a>(text: &str, arguments: impl Iterator<Item = &'a String>) -> String {
    let mut shown = text.to_owned();
    let mut has_lines = false;
    for argument in arguments {
        has_lines |= argument.contains('\n');
        if let Some((_, rest)) = argument.split_once("://") {
            let (place, settings) = match rest.split_once('?') {
                Some((place, _)) => (place, "?***"),
                None => (rest, ""),
            };
            let place = match rest.rsplit_once('@') {
                Some((_, host)) => {
                    let host = host.split('?').next().unwrap_or_default();
                    format!("***@{host}")
                }
                None => place.to_owned(),
            };
            shown = shown.replace(rest, &format!("{place}{settings}"));
        }
    }
    if has_lines {
        // None of them is to pass for a message.
        return terminal::escape_lines(&shown) + "\n";
    }
    terminal::escape_but(&shown, |character| matches!(character, '\n' | '\t')).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_in_the_wrong_place_is_quoted_without_its_secrets() {
        for (argument, quoted) in [
            ("redis://u:canary@h:1/2", "redis://***@h:1/2"),
            ("--stroe=redis://u:can'a ry@h", "--stroe=redis://***@h"),
            ("redis://h?password=canary", "redis://h?***"),
            ("redis://u:can?ary@h?x=canary", "redis://***@h?***"),
            ("disk:data", "disk:data"),
        ] {
            let text = format!("unexpected argument '{argument}' found\n\nUsage: keywell\n");
            let arguments = ["keywell", argument].map(str::to_owned);
            let expected = format!("unexpected argument '{quoted}' found\n\nUsage: keywell\n");
            assert_eq!(shown(&text, arguments.iter()), expected);
        }
    }

    #[test]
    fn what_a_terminal_obeys_is_written_out() {
        let shown = |text| super::shown(text, [].iter());
        assert_eq!(shown("'\u{1b}[2J'\n"), "'\\u{1b}[2J'\n");
        let argument = "x\nkeywell: fine".to_owned();
        let text = format!("error: '{argument}'\n\nUsage: keywell\n");
        assert_eq!(
            super::shown(&text, [argument].iter()),
            "error: 'x\n  keywell: fine'\n  \n  Usage: keywell\n"
        );
    }
}
