//! Text from stores, components, servers and files, made fit for a terminal or a log.
//!
//! A key may hold any UTF-8. Written as it is, `ESC ]0;` sets the title of a terminal's window,
//! `ESC ]52;` writes its clipboard, a carriage return hides what stands before it, a line feed
//! begins what looks like another line of the log, and U+202E turns the rest around.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a terminal shows this character and does nothing else.
///
/// It does not for control characters (U+0000 to U+001F, U+007F to U+009F), the characters that
/// control the direction of text (U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+206F), and
/// the separators of lines and paragraphs (U+2028, U+2029).
pub fn is_safe(character: char) -> bool {
    let acts = character.is_control()
        || matches!(
            character,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{206f}'
        );
    !acts
}

/// The text in one line, each character that is not [safe](is_safe) as Rust writes it: `\u{1b}`,
/// `\n`.
///
/// A backslash stays as it is, so this is to be read and not to be parsed.
pub fn escape(text: &str) -> Cow<'_, str> {
    escape_but(text, |_| false)
}

/// As [`escape`], but leaves these characters as they are.
pub fn escape_but(text: &str, is_left: impl Fn(char) -> bool) -> Cow<'_, str> {
    replace(text, is_left, |escaped, character| {
        escaped.extend(character.escape_default());
    })
}

/// Text of several lines: each escaped, tabs aside, and all but the first indented by two spaces, so
/// that none of them passes for a message of its own.
pub fn escape_lines(text: &str) -> String {
    escape_lines_but(text, |_| false)
}

/// As [`escape_lines`], but leaves these characters as they are.
pub fn escape_lines_but(text: &str, is_left: impl Fn(char) -> bool) -> String {
    let is_left = |character| character == '\t' || is_left(character);
    let mut escaped = String::with_capacity(text.len());
    for (number, line) in text.lines().enumerate() {
        if number > 0 {
            escaped.push_str("\n  ");
        }
        escaped.push_str(&escape_but(line, is_left));
    }
    escaped
}

/// The same JSON in safe characters: those that are not become `\u001b`.
///
/// `json` is JSON already, as only in its strings this means the same; line ends and tabs between
/// its values stay.
pub fn escape_json(json: &str) -> Cow<'_, str> {
    let is_left = |character| matches!(character, '\n' | '\t');
    replace(json, is_left, |escaped, character| {
        for unit in character.encode_utf16(&mut [0; 2]) {
            write!(escaped, "\\u{unit:04x}").expect("a string takes all");
        }
    })
}

fn replace(
    text: &str,
    is_left: impl Fn(char) -> bool,
    write: impl Fn(&mut String, char),
) -> Cow<'_, str> {
    let stays = |character: char| is_safe(character) || is_left(character);
    if text.chars().all(stays) {
        return Cow::Borrowed(text);
    }
    let mut replaced = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if stays(character) {
            replaced.push(character);
        } else {
            write(&mut replaced, character);
        }
    }
    Cow::Owned(replaced)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        for (text, escaped) in [
            ("\u{1b}]0;title\u{7}", r"\u{1b}]0;title\u{7}"),
            ("\u{1b}[2J", r"\u{1b}[2J"),
            ("\u{9d}52;c;aGk=\u{9c}", r"\u{9d}52;c;aGk=\u{9c}"),
            ("good\rbad", r"good\rbad"),
            ("one\n2026-11-26 ERROR two", r"one\n2026-11-26 ERROR two"),
            ("\u{8}\0\u{7f}", r"\u{8}\u{0}\u{7f}"),
            (
                "a\u{202e}b\u{2066}c\u{200f}",
                r"a\u{202e}b\u{2066}c\u{200f}",
            ),
            ("\u{2028}\u{2029}\u{61c}", r"\u{2028}\u{2029}\u{61c}"),
        ] {
            assert_eq!(escape(text), escaped);
        }
    }

    #[test]
    fn other_text_stays_as_it_is_in_whatever_language() {
        let family = "\u{1f468}\u{200d}\u{1f469}";
        for text in ["", "a \"key\" \\n", "é 🔑 שלום ﷽ 漢字", family] {
            assert!(matches!(escape(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn no_line_but_the_first_begins_like_a_message() {
        let text = "cannot\r\nkeywell: fine\n\tat\u{7} x\n";
        assert_eq!(
            escape_lines(text),
            "cannot\n  keywell: fine\n  \tat\\u{7} x"
        );
        assert_eq!(escape_lines("a\rb"), "a\\rb");
    }

    #[test]
    fn escaped_json_means_the_same() {
        let json = "{\n\t\"a\u{9b}\": \"\u{7f}\u{202e}é\\n\"\n}";
        let escaped = escape_json(json);
        assert_eq!(escaped, "{\n\t\"a\\u009b\": \"\\u007f\\u202eé\\n\"\n}");
    }
}
