use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use keywell_store::terminal;

use super::secrets;
use crate::Place;

/// The text of a configuration, kept to show single lines of it, without their secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Source(Arc<Inner>);

#[derive(PartialEq, Eq)]
struct Inner {
    text: String,
    /// What is not shown, as bytes of the text, in their order and apart from each other.
    secrets: Vec<Range<usize>>,
}

/// A line to show, or the part of it that is near to what is wrong.
pub(super) struct Shown {
    pub(super) text: String,
    /// The bytes of the text to underline, at least one.
    pub(super) span: Range<usize>,
}

/// What stands for a secret, however long that is.
const MASK: &str = "***";

/// How much of a long line is shown, in characters: before what is wrong, and from there on.
const BEFORE: usize = 80;
const AFTER: usize = 120;

// === impl Source ===

impl Source {
    /// A text, and the parts of it that may be secret. URLs with a password are found besides.
    pub(crate) fn new(text: &str, secrets: Vec<Range<usize>>) -> Self {
        let mut secrets = secrets;
        secrets.extend(secrets::in_urls(text));
        Self(Arc::new(Inner {
            text: text.to_owned(),
            secrets: secrets::joined(secrets),
        }))
    }

    /// The line of a place, or none if the text has none there.
    pub(super) fn shown(&self, place: Place) -> Option<Shown> {
        let text = &self.0.text;
        let line = text.split('\n').nth(place.line.checked_sub(1)?)?;
        let start = line.as_ptr().addr() - text.as_ptr().addr();
        let line = line.trim_end_matches('\r');
        // The characters to underline, counted from 0.
        let first = place.column.saturating_sub(1);
        let last = first + place.length.max(1);
        let from = if line.chars().count() > BEFORE + AFTER {
            first.saturating_sub(BEFORE)
        } else {
            0
        };
        let is_cut = line.chars().count() > first + AFTER;
        let to = if is_cut { first + AFTER } else { usize::MAX };

        let mut shown = String::from(if from > 0 { "…" } else { "" });
        let mut span = None;
        let mut masked: Option<(usize, usize)> = None;
        for (number, (offset, character)) in line.char_indices().enumerate() {
            if number < from || number >= to {
                continue;
            }
            let mut begin = shown.len();
            match (self.secret_at(start + offset), masked) {
                // One mask stands for all of its characters.
                (Some(secret), Some((known, at))) if known == secret => begin = at,
                (Some(secret), _) => {
                    masked = Some((secret, begin));
                    shown.push_str(MASK);
                }
                (None, _) => push_escaped(&mut shown, character),
            }
            if (first..last).contains(&number) {
                let first = span.map_or(begin, |span: Range<usize>| span.start);
                span = Some(first..shown.len());
            }
        }
        // What is wrong with the end of a line is behind it.
        let span = span.unwrap_or_else(|| {
            shown.push(' ');
            shown.len() - 1..shown.len()
        });
        if is_cut {
            shown.push('…');
        }
        Some(Shown { text: shown, span })
    }

    /// Which secret has this byte.
    fn secret_at(&self, offset: usize) -> Option<usize> {
        let secrets = &self.0.secrets;
        let at = secrets.partition_point(|secret| secret.end <= offset);
        (secrets.get(at)?.start <= offset).then_some(at)
    }
}

fn push_escaped(shown: &mut String, character: char) {
    match character {
        '\t' => shown.push(' '),
        _ if terminal::is_safe(character) => shown.push(character),
        _ => shown.extend(character.escape_default()),
    }
}

impl fmt::Debug for Source {
    /// Without the text, which may have secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source(..)")
    }
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init, reason = "one part is hidden")]
mod tests {
    use super::*;

    /// A line with what is underlined in brackets.
    fn shown(source: &Source, column: usize, length: usize) -> String {
        let place = Place {
            line: 1,
            column,
            length,
            ..Place::default()
        };
        let Shown { text, span } = source.shown(place).unwrap();
        let (before, after) = (&text[..span.start], &text[span.end..]);
        format!("{before}[{}]{after}", &text[span])
    }

    #[test]
    fn secrets_are_left_out_wherever_they_stand() {
        let text = "a = 'hunter2', b = 1\r\n";
        let source = Source::new(text, vec![4..13]);
        assert_eq!(shown(&source, 1, 1), "[a] = ***, b = 1");
        assert_eq!(shown(&source, 5, 9), "a = [***], b = 1");
        assert_eq!(shown(&source, 7, 1), "a = [***], b = 1");
        assert_eq!(shown(&source, 16, 1), "a = ***, [b] = 1");
        assert_eq!(shown(&source, 21, 0), "a = ***, b = 1[ ]");
        assert!(!format!("{source:?}").contains("hunter2"));
        let source = Source::new("x = 1 # redis://u:hunter2@h", Vec::new());
        assert_eq!(shown(&source, 1, 1), "[x] = 1 # redis://u:***@h");
    }

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        let source = Source::new("\tü\u{1b}[2J = 1", Vec::new());
        assert_eq!(shown(&source, 3, 1), " ü[\\u{1b}][2J = 1");
    }

    #[test]
    fn of_a_long_line_only_a_part_is_shown() {
        let text = "ä".repeat(1000) + "!" + &"ö".repeat(1000);
        let source = Source::new(&text, vec![0..400]);
        let expected = format!("…{}[!]{}…", "ä".repeat(BEFORE), "ö".repeat(AFTER - 1));
        assert_eq!(shown(&source, 1001, 1), expected);
        assert!(
            source
                .shown(Place {
                    line: 2,
                    ..Place::default()
                })
                .is_none()
        );
    }
}
