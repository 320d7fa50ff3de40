//! Commands on a terminal.

use std::ffi::OsStr;
use std::process::Command;
use std::time::Duration;

use crate::Done;
use crate::process::{Ended, ended};

/// The characters of a text that a terminal would obey.
pub(crate) fn controls(text: &str) -> Vec<char> {
    let mut controls: Vec<char> = text
        .chars()
        .filter(|character| character.is_control() && !matches!(character, '\n' | '\t'))
        .collect();
    controls.dedup();
    controls
}

/// Runs a command on a terminal; what it prints is all that the terminal was sent.
pub(crate) fn on_terminal(command: &Command, within: Duration) -> Done<Ended> {
    // `script` gives its command a terminal. It takes a line of shell, so the words go by way of
    // variables.
    let words: Vec<&OsStr> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .collect();
    let names = (0..words.len()).map(|n| format!("WORD_{n}"));
    let names: Vec<String> = names.collect();
    let line: Vec<String> = names.iter().map(|name| format!("\"${name}\"")).collect();
    let variables = command.get_envs();
    let variables = variables.filter_map(|(name, value)| Some((name, value?)));
    let mut script = Command::new("script");
    script
        .args(["-qec", &format!("exec {}", line.join(" ")), "/dev/null"])
        .envs(names.iter().zip(&words))
        .envs(variables)
        .env_remove("KEYWELL_STORE")
        // No colours of its own, which it would give back at once.
        .env("NO_COLOR", "1");
    let mut ended = ended(&mut script, within)?;
    // As the terminal makes line feeds.
    ended.printed = ended.printed.replace("\r\n", "\n");
    Ok(ended)
}
