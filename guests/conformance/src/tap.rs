//! TAP version 14, the Test Anything Protocol.

use crate::behaviour::{Behaviour, Level};
use crate::verdict::{Broken, Kept};

/// One test point. A `may` that is not kept is a TODO to TAP: it is shown, and no failure.
pub fn point(number: usize, behaviour: &Behaviour, outcome: &Kept) -> String {
    let state = if outcome.is_ok() { "ok" } else { "not ok" };
    let directive = match (behaviour.level, outcome) {
        (Level::May, Err(_)) => "TODO may",
        (level, _) => level.word(),
    };
    let (function, promise) = (behaviour.function(), behaviour.promise());
    let point = format!("{state} {number} - {function}: {promise} # {directive}");
    match outcome {
        Ok(()) => point,
        Err(broken) => point + "\n" + &story(broken),
    }
}

fn story(broken: &Broken) -> String {
    let (promised, answered) = (scalar(&broken.promised), scalar(&broken.answered));
    format!("  ---\n  promised: {promised}\n  answered: {answered}\n  ...")
}

/// One line, whatever a host put into it.
pub fn line(text: &str) -> String {
    text.split(char::is_control).collect::<Vec<_>>().join(" ")
}

/// Text in YAML's double quotes.
fn scalar(text: &str) -> String {
    let mut scalar = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => scalar.extend(['\\', character]),
            _ if character.is_control() => {
                scalar.extend(format!("\\u{:04x}", u32::from(character)).chars());
            }
            _ => scalar.push(character),
        }
    }
    scalar + "\""
}
