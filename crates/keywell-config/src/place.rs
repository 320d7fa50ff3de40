use std::fmt;
use std::ops::{Deref, Range};

/// A place in a text. The default, line 0, is nowhere: the place of what was not read from a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The character of the line, from 1.
    pub column: usize,
    /// How many characters of the line it spans.
    pub length: usize,
    /// Which of the plan's files it is in, by number.
    pub file: u16,
}

/// A value, and where it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it begins.
    pub place: Place,
}

/// Finds the places of a text, each in a time that does not depend on the text's length.
pub(crate) struct Places<'i> {
    text: &'i str,
    /// For every [`STRIDE`] bytes: the line and the column there.
    marks: Vec<(usize, usize)>,
}

/// How many bytes lie between two marks.
const STRIDE: usize = 512;

// === impl Place ===

impl Place {
    /// Whether it is a place in a text, rather than nowhere.
    pub fn is_known(&self) -> bool {
        self.line > 0
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

// === impl Places ===

impl<'i> Places<'i> {
    pub(crate) fn of(text: &'i str) -> Self {
        let mut marks = vec![(1, 1)];
        let mut from = 0;
        while from + STRIDE < text.len() {
            let last = marks[marks.len() - 1];
            marks.push(advanced(last, &text.as_bytes()[from..from + STRIDE]));
            from += STRIDE;
        }
        Self { text, marks }
    }

    /// The place of these bytes, as far as they stand in one line.
    pub(crate) fn place(&self, span: &Range<usize>) -> Place {
        let bytes = self.text.as_bytes();
        let start = span.start.min(bytes.len());
        let mark = (start / STRIDE).min(self.marks.len() - 1);
        let (line, column) = advanced(self.marks[mark], &bytes[mark * STRIDE..start]);
        let spanned = &bytes[start..span.end.clamp(start, bytes.len())];
        let spanned = spanned.split(|byte| matches!(byte, b'\n' | b'\r')).next();
        Place {
            line,
            column,
            length: characters(spanned.unwrap_or_default()),
            file: 0,
        }
    }
}

/// The line and the column behind these bytes.
fn advanced((line, column): (usize, usize), bytes: &[u8]) -> (usize, usize) {
    match bytes.iter().rposition(|byte| *byte == b'\n') {
        None => (line, column + characters(bytes)),
        Some(last) => {
            let lines = bytes.split(|byte| *byte == b'\n').count() - 1;
            (line + lines, 1 + characters(&bytes[last + 1..]))
        }
    }
}

/// How many characters of UTF-8 begin in these bytes.
fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| (**byte & 0xc0) != 0x80).count()
}

// === impl Located ===

impl<T> Located<T> {
    /// Makes it stand nowhere.
    pub(crate) fn forget_place(&mut self) {
        self.place = Place::default();
    }
}

impl<T> Deref for Located<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> From<T> for Located<T> {
    /// A value that was not read from a file.
    fn from(value: T) -> Self {
        Self {
            value,
            place: Place::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_characters_are_counted_from_one() {
        let text = "é = 1\nü = ä\n";
        let places = Places::of(text);
        for (span, line, column, length) in [
            (0..2, 1, 1, 1),
            (3..6, 1, 3, 3),
            (7..9, 2, 1, 1),
            (12..99, 2, 5, 1),
            (99..100, 3, 1, 0),
        ] {
            let place = Place {
                line,
                column,
                length,
                file: 0,
            };
            assert_eq!(places.place(&span), place, "{span:?}");
        }
    }

    #[test]
    fn places_far_into_a_text_are_counted_from_the_mark_before() {
        let text = "äöü = 'x' # é\n".repeat(500) + &"ü".repeat(2000);
        let places = Places::of(&text);
        for (offset, _) in text.char_indices() {
            let before = &text[..offset];
            let last = before.rsplit('\n').next().unwrap();
            let place = places.place(&(offset..offset));
            let counted = (before.matches('\n').count() + 1, last.chars().count() + 1);
            assert_eq!((place.line, place.column), counted, "{offset}");
        }
    }
}
