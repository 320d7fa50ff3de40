//! Reads JSON into the same tree.
//!
//! JSON is nearly YAML. It is read by itself since a parser of YAML refuses two things that JSON has:
//! characters written as two escapes (`"\ud83d\ude00"`), and tabs as indentation. `serde_json` says
//! whether a text is JSON; what is left is to find the places.

use std::borrow::Cow;
use std::ops::Range;

use serde::de::IgnoredAny;

use super::builder::Builder;
use super::node::{self, Node, Scalar, Value};
use crate::{Place, Problem};

/// Reads a text that is JSON as a whole; `None` if it is not, and may be YAML.
///
/// # Errors
///
/// What goes beyond the bounds of [`Builder`], and an escape of half a character.
pub(crate) fn read(text: &str) -> Option<Result<Node<'_>, Problem>> {
    let is_json = text.trim_start().starts_with('{') && check(text).is_ok();
    is_json.then(|| nodes(text))
}

/// What is wrong with a text that should be JSON.
pub(crate) fn check(text: &str) -> Result<(), Problem> {
    serde_json::from_str::<IgnoredAny>(text)
        .map(|_| ())
        .map_err(|error| {
            let place = node::place(error.line().max(1), error.column().max(1));
            let words = error.to_string();
            let words = words.split(" at line ").next().unwrap_or_default();
            Problem::error(format!("this is no JSON: {words}")).in_text(place)
        })
}

fn nodes(text: &str) -> Result<Node<'_>, Problem> {
    let mut builder = Builder::new();
    let (mut line, mut line_start) = (1, 0);
    let mut at = 0;
    // The column is counted on from the token before, since a whole file may stand in one line.
    let (mut counted, mut column) = (0, 1);
    let mut characters = 0;
    while let Some(byte) = text.as_bytes().get(at) {
        if counted < line_start {
            characters += text[counted..line_start].chars().count();
            (counted, column) = (line_start, 1);
        }
        let more = text[counted..at].chars().count();
        (characters, column) = (characters + more, column + more);
        counted = at;
        let place = node::place(line, column);
        match byte {
            b'\n' => {
                line += 1;
                line_start = at + 1;
                at += 1;
            }
            b'{' => {
                builder.begin(place, Value::Mapping(Vec::new()))?;
                at += 1;
            }
            b'[' => {
                builder.begin(place, Value::List(Vec::new()))?;
                at += 1;
            }
            b'}' | b']' => {
                builder.end(false)?;
                at += 1;
            }
            b' ' | b'\t' | b'\r' | b',' | b':' => at += 1,
            b'"' => {
                let end = string_end(text, at);
                let quoted = &text[at..end];
                let span = characters..characters + quoted.chars().count();
                builder.scalar(place, string(quoted, place, span)?)?;
                at = end;
            }
            _ => {
                let rest = &text[at..];
                let end = rest.find(|c: char| c.is_whitespace() || ",]}".contains(c));
                let end = at + end.unwrap_or(rest.len()).max(1);
                let scalar = Scalar {
                    text: Cow::Borrowed(&text[at..end]),
                    is_plain: true,
                    span: characters..characters + text[at..end].chars().count(),
                };
                builder.scalar(place, scalar)?;
                at = end;
            }
        }
    }
    let nothing = || Problem::error("the file is empty").in_text(node::place(1, 1));
    builder.finish().ok_or_else(nothing)
}

/// The byte behind the closing quote.
fn string_end(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

fn string(quoted: &str, place: Place, span: Range<usize>) -> Result<Scalar<'_>, Problem> {
    let text = if quoted.contains('\\') {
        let half = |_| Problem::error("this text has an escape of half a character").in_text(place);
        let text: String = serde_json::from_str(quoted).map_err(half)?;
        Cow::Owned(text)
    } else {
        Cow::Borrowed(&quoted[1..quoted.len() - 1])
    };
    Ok(Scalar {
        text,
        is_plain: false,
        span,
    })
}
