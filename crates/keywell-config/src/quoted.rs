//! Names and texts as TOML writes them.

use std::borrow::Cow;
use std::fmt::Write as _;

/// A key, in quotes where it has to be.
pub(crate) fn key(name: &str) -> Cow<'_, str> {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !name.is_empty() && name.chars().all(is_bare) {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(text(name))
    }
}

/// A text in quotes.
pub(crate) fn text(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            // What acts on a terminal is written out, too.
            _ if keywell_store::terminal::is_safe(character) => quoted.push(character),
            _ => {
                let _ = write!(quoted, "\\U{:08X}", u32::from(character));
            }
        }
    }
    quoted.push('"');
    quoted
}

/// A list of texts.
pub(crate) fn list<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let texts: Vec<String> = texts.into_iter().map(text).collect();
    format!("[{}]", texts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_is_read_as_it_was() {
        for name in [
            "a",
            "",
            "a.b",
            "ü",
            "\"\\\u{7f}\u{1b}\n\t\r\u{202e}",
            "'",
            "1_-Z",
        ] {
            let line = format!("{} = {}", key(name), text(name));
            let table = toml::de::DeTable::parse(&line);
            let table = table.unwrap_or_else(|error| panic!("{name:?}: {error}"));
            let value = table.get_ref().get(name).map(toml::Spanned::get_ref);
            assert_eq!(value.and_then(|value| value.as_str()), Some(name));
        }
        assert_eq!([key("a-B_1"), key("a b")], ["a-B_1", "\"a b\""]);
        assert_eq!(list(["a", "b\""]), r#"["a", "b\""]"#);
    }
}
