//! A document as a tree in which every key and value has its place.

use std::borrow::Cow;
use std::ops::Range;

use crate::{Located, Place};

/// A value, and where it begins.
#[derive(Clone, Debug)]
pub(crate) struct Node<'i> {
    pub(crate) place: Place,
    pub(crate) value: Value<'i>,
}

#[derive(Clone, Debug)]
pub(crate) enum Value<'i> {
    Scalar(Scalar<'i>),
    List(Vec<Node<'i>>),
    /// In the order written, no key twice.
    Mapping(Vec<(Key<'i>, Node<'i>)>),
}

pub(crate) type Key<'i> = Located<Cow<'i, str>>;

#[derive(Clone, Debug)]
pub(crate) struct Scalar<'i> {
    pub(crate) text: Cow<'i, str>,
    /// Whether it was written without quotes, and so may be something other than a text.
    pub(crate) is_plain: bool,
    /// Which characters of the file it is.
    pub(crate) span: Range<usize>,
}

/// What YAML 1.2 takes a scalar for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    Boolean,
    Number,
    Text,
}

/// A place, by its line and column from 1.
pub(crate) fn place(line: usize, column: usize) -> Place {
    Place {
        line,
        column,
        ..Place::default()
    }
}

// === impl Node ===

impl<'i> Node<'i> {
    pub(crate) fn get(&self, key: &str) -> Option<&Node<'i>> {
        let Value::Mapping(entries) = &self.value else {
            return None;
        };
        let entry = entries.iter().find(|(name, _)| name.value == key);
        entry.map(|(_, node)| node)
    }

    /// Makes all of its places those of a file, by its number in the plan.
    pub(crate) fn set_file(&mut self, file: u16) {
        self.place.file = file;
        match &mut self.value {
            Value::Scalar(_) => {}
            Value::List(items) => items.iter_mut().for_each(|item| item.set_file(file)),
            Value::Mapping(entries) => {
                for (key, node) in entries {
                    key.place.file = file;
                    node.set_file(file);
                }
            }
        }
    }

    pub(crate) fn items(&self) -> &[Node<'i>] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// A text, as far as it is a scalar.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(scalar) => Some(&scalar.text),
            _ => None,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.kind() == Kind::Null)
    }

    /// What messages call it.
    pub(crate) fn what(&self) -> &'static str {
        match &self.value {
            Value::List(_) => "a list",
            Value::Mapping(_) => "a mapping",
            Value::Scalar(scalar) => match scalar.kind() {
                Kind::Null => "nothing",
                Kind::Boolean => "true or false without quotes",
                Kind::Number => "a number without quotes",
                Kind::Text => "a text",
            },
        }
    }

    /// How many lists and mappings are within each other, itself among them.
    pub(crate) fn depth(&self) -> usize {
        let deepest = match &self.value {
            Value::Scalar(_) => return 0,
            Value::List(items) => items.iter().map(Node::depth).max(),
            Value::Mapping(entries) => entries.iter().map(|(_, node)| node.depth()).max(),
        };
        deepest.unwrap_or(0) + 1
    }

    /// How many nodes and bytes of text it has.
    pub(crate) fn size(&self) -> (usize, usize) {
        let add = |sum: (usize, usize), size: (usize, usize)| (sum.0 + size.0, sum.1 + size.1);
        match &self.value {
            Value::Scalar(scalar) => (1, scalar.text.len()),
            Value::List(items) => items.iter().map(Node::size).fold((1, 0), add),
            Value::Mapping(entries) => entries
                .iter()
                .map(|(key, node)| add(node.size(), (1, key.value.len())))
                .fold((1, 0), add),
        }
    }
}

// === impl Scalar ===

impl Scalar<'_> {
    pub(crate) fn kind(&self) -> Kind {
        if !self.is_plain {
            return Kind::Text;
        }
        match &*self.text {
            "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
            "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => Kind::Boolean,
            text if is_number(text) => Kind::Number,
            _ => Kind::Text,
        }
    }
}

/// Whether a scalar without quotes is a number. One that begins with a superfluous zero is not.
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = unsigned.strip_prefix(prefix) {
            return !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
        }
    }
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let mut digits = unsigned.bytes();
    if matches!(
        (digits.next(), digits.next()),
        (Some(b'0'), Some(b'0'..=b'9'))
    ) {
        return false;
    }
    // Rust's floats have names for some, such as `infinity`, which are texts here.
    let is_numeric = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    unsigned.bytes().all(is_numeric)
        && unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && unsigned.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_are_what_yaml_1_2_takes_them_for() {
        let kind = |text: &str| {
            let text = Cow::Borrowed(text);
            let scalar = Scalar {
                text,
                is_plain: true,
                span: 0..0,
            };
            scalar.kind()
        };
        for number in [
            "0", "-3", "+1", "1.10", ".5", "1e3", "0x1F", "0o17", "-.inf", ".nan",
        ] {
            assert_eq!(kind(number), Kind::Number, "{number}");
        }
        for text in [
            "no", "on", "0123", "1.2.3", "infinity", "nan", "e", "-", ".", "0x", "1_000", "v1",
        ] {
            assert_eq!(kind(text), Kind::Text, "{text}");
        }
        assert_eq!(kind("True"), Kind::Boolean);
        assert_eq!(kind("~"), Kind::Null);
    }
}
