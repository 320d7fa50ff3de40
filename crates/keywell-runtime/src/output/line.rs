use std::fmt::Write as _;

use serde::Serialize;

use super::format::{Format, Stream};

/// A line of output, as it is written.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    /// The component that printed it; a line of Keywell's own has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) component: Option<&'a str>,
    pub(super) stream: Stream,
    pub(super) message: &'a str,
}

// === impl Line ===

impl Line<'_> {
    /// The line with its end. Nothing in it moves a terminal's cursor or changes its colours.
    pub(super) fn format(&self, format: Format) -> Vec<u8> {
        let mut text = String::with_capacity(self.message.len() + 64);
        match format {
            Format::Text => {
                match self.component {
                    Some(component) => escape(component, &mut text),
                    None => text.push_str("keywell"),
                }
                text.push_str(if self.component.is_some() {
                    " | "
                } else {
                    ": "
                });
                escape(self.message, &mut text);
            }
            Format::Json => {
                let json = serde_json::to_string(self).unwrap_or_default();
                // JSON escapes the first 32 of the control characters only.
                for char in json.chars() {
                    if char.is_control() {
                        let _ = write!(text, "\\u{:04x}", u32::from(char));
                    } else {
                        text.push(char);
                    }
                }
            }
        }
        text.push('\n');
        text.into_bytes()
    }
}

/// Writes control characters as Rust does, but for tabs.
fn escape(from: &str, to: &mut String) {
    for char in from.chars() {
        if char.is_control() && char != '\t' {
            to.extend(char.escape_default());
        } else {
            to.push(char);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formatted(component: Option<&str>, message: &str, format: Format) -> String {
        let line = Line {
            component,
            stream: Stream::Stderr,
            message,
        };
        String::from_utf8(line.format(format)).unwrap()
    }

    #[test]
    fn a_line_carries_its_component_and_no_control_character() {
        let message = "a\tb\x1b[2J\rc\u{9b}d\u{7f}é";
        assert_eq!(
            formatted(Some("shop\n"), message, Format::Text),
            "shop\\n | a\tb\\u{1b}[2J\\rc\\u{9b}d\\u{7f}é\n"
        );
        let json = formatted(Some("shop\n"), message, Format::Json);
        assert_eq!(
            json,
            "{\"component\":\"shop\\n\",\"stream\":\"stderr\",\
             \"message\":\"a\\tb\\u001b[2J\\rc\\u009bd\\u007fé\"}\n"
        );
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read["message"], message);
        assert_eq!(read["component"], "shop\n");
    }

    #[test]
    fn a_line_of_keywells_own_is_none_of_a_component() {
        assert_eq!(formatted(None, "x", Format::Text), "keywell: x\n");
        assert_eq!(
            formatted(None, "x", Format::Json),
            "{\"stream\":\"stderr\",\"message\":\"x\"}\n"
        );
    }
}
