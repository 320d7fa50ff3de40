//! Reads TOML into the same tree.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::node::{Key, Node, Scalar, Value};
use crate::place::Places;
use crate::{Located, Problem};

/// The deepest that tables and arrays may be within each other.
const MAX_DEPTH: usize = 64;

/// Reads a text.
///
/// # Errors
///
/// Everything that is no TOML in it.
pub(crate) fn read(text: &str) -> Result<Node<'_>, Vec<Problem>> {
    let reader = Reader {
        places: Places::of(text),
        characters: Characters::of(text),
    };
    let (root, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        let span = root.span();
        let root = DeValue::Table(root.into_inner());
        let node = reader.node(root, &span, &span, 0);
        return node.map_err(|problem| vec![problem]);
    }
    let problems = errors.into_iter().map(|error| {
        let place = reader.places.place(&error.span().unwrap_or_default());
        Problem::error(error.message().replace('\n', ", ")).in_text(place)
    });
    Err(problems.collect())
}

struct Reader<'i> {
    places: Places<'i>,
    characters: Characters,
}

/// How many characters of a text are before each of its bytes; nothing where each has one.
struct Characters(Option<Vec<usize>>);

// === impl Reader ===

impl Reader<'_> {
    /// A value. A table stands where its name does, as its parts may have headers of their own.
    fn node<'i>(
        &self,
        value: DeValue<'i>,
        span: &Range<usize>,
        name: &Range<usize>,
        depth: usize,
    ) -> Result<Node<'i>, Problem> {
        let place = match value {
            DeValue::Table(_) | DeValue::Array(_) => self.places.place(name),
            _ => self.places.place(span),
        };
        if depth > MAX_DEPTH {
            let message = format!("this is nested more than {MAX_DEPTH} deep");
            return Err(Problem::error(message).in_text(place));
        }
        let plain = |text: String| self.scalar(Cow::Owned(text), true, span);
        let value = match value {
            DeValue::String(text) => self.scalar(text, false, span),
            DeValue::Integer(number) => plain(
                i64::from_str_radix(number.as_str(), number.radix())
                    .map_or_else(|_| number.as_str().to_owned(), |number| number.to_string()),
            ),
            DeValue::Float(number) => plain(number.as_str().to_owned()),
            DeValue::Boolean(truth) => plain(truth.to_string()),
            DeValue::Datetime(date) => plain(date.to_string()),
            DeValue::Array(items) => {
                let items = items.into_iter().map(|item| {
                    let span = item.span();
                    self.node(item.into_inner(), &span, &span, depth + 1)
                });
                Value::List(items.collect::<Result<_, _>>()?)
            }
            DeValue::Table(table) => self.mapping(table, depth)?,
        };
        Ok(Node { place, value })
    }

    /// The entries of a table, in the order written.
    fn mapping<'i>(&self, table: DeTable<'i>, depth: usize) -> Result<Value<'i>, Problem> {
        let mut entries: Vec<(Spanned<Cow<'i, str>>, Spanned<DeValue<'i>>)> =
            table.into_iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        let entries = entries.into_iter().map(|(name, value)| {
            let (at, span) = (name.span(), value.span());
            let key: Key<'i> = Located {
                place: self.places.place(&at),
                value: name.into_inner(),
            };
            let node = self.node(value.into_inner(), &span, &at, depth + 1)?;
            Ok((key, node))
        });
        entries.collect::<Result<_, _>>().map(Value::Mapping)
    }

    fn scalar<'i>(&self, text: Cow<'i, str>, is_plain: bool, span: &Range<usize>) -> Value<'i> {
        let span = self.characters.before(span.start)..self.characters.before(span.end);
        Value::Scalar(Scalar {
            text,
            is_plain,
            span,
        })
    }
}

// === impl Characters ===

impl Characters {
    fn of(text: &str) -> Self {
        if text.is_ascii() {
            return Self(None);
        }
        let mut counts = Vec::with_capacity(text.len() + 1);
        let mut count = 0;
        for byte in text.bytes() {
            counts.push(count);
            count += usize::from(byte & 0xc0 != 0x80);
        }
        // A byte within a character counts it, and is the start of none.
        counts.push(count);
        Self(Some(counts))
    }

    fn before(&self, byte: usize) -> usize {
        match &self.0 {
            None => byte,
            Some(counts) => counts[byte.min(counts.len() - 1)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, in_bytes};
    use super::*;

    #[test]
    fn values_have_their_places_and_kinds() {
        let text = "'ü' = 'é'\n[a.b]\nc = [0x10, true]\n[[d]]\n";
        let root = read(text).unwrap();
        let first = root.get("ü").unwrap();
        assert_eq!(first.text(), Some("é"));
        let place = |node: &Node<'_>| (node.place.line, node.place.column);
        assert_eq!(place(first), (1, 7));
        let Value::Scalar(scalar) = &first.value else {
            panic!("it is a text");
        };
        // With its quotes, as bytes.
        let spans = in_bytes(text, std::slice::from_ref(&scalar.span));
        assert_eq!(spans.first(), Some(&(7..11)));
        let list = root.get("a").unwrap().get("b").unwrap().get("c").unwrap();
        assert_eq!(place(list), (3, 1));
        let items = list.items().iter();
        let items = items.map(|item| match &item.value {
            Value::Scalar(scalar) => (scalar.text.as_ref(), scalar.kind()),
            _ => panic!("they are scalars"),
        });
        let expected = [("16", Kind::Number), ("true", Kind::Boolean)];
        assert_eq!(items.collect::<Vec<_>>(), expected);
        assert_eq!(root.get("d").unwrap().items().len(), 1);
    }

    #[test]
    fn everything_that_is_no_toml_is_reported() {
        let problems = read("a = \n[b\nc = 1\n").unwrap_err();
        let lines: Vec<usize> = problems.iter().map(|problem| problem.place.line).collect();
        assert!(lines.contains(&1) && lines.contains(&2), "{lines:?}");
    }
}
