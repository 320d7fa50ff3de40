use std::fmt::Display;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::document::Document;
use crate::section::Kind;
use crate::{Located, Place, Problem};

/// A value of a table.
pub(super) struct Value<'i> {
    pub(super) document: &'i Document<'i>,
    pub(super) what: String,
    pub(super) place: Place,
    pub(super) node: DeValue<'i>,
    pub(super) kind: &'static Kind,
}

// === impl Value ===

impl<'i> Value<'i> {
    /// The value behind a name.
    pub(super) fn new(
        document: &'i Document<'i>,
        what: String,
        name: Range<usize>,
        value: Spanned<DeValue<'i>>,
        kind: &'static Kind,
    ) -> Self {
        // A table that is made up by the headers of its parts stands where the first of them does.
        let span = match value.get_ref() {
            DeValue::Table(_) | DeValue::Array(_) => name,
            _ => value.span(),
        };
        Self {
            document,
            what,
            place: document.place(&span),
            node: value.into_inner(),
            kind,
        }
    }

    /// The same, in a table whose keys are names.
    fn item(&self, what: String, name: Range<usize>, value: Spanned<DeValue<'i>>) -> Self {
        let kind = match self.kind {
            Kind::Map(kind) => kind,
            kind => kind,
        };
        Self::new(self.document, what, name, value, kind)
    }

    pub(super) fn is_table(&self) -> bool {
        matches!(self.node, DeValue::Table(_))
    }

    /// The values of a table whose keys are names, in the order written.
    pub(super) fn named(mut self) -> Option<Vec<(Located<String>, Value<'i>)>> {
        let DeValue::Table(entries) = &mut self.node else {
            return self.unlike("a table");
        };
        let entries: DeTable<'i> = std::mem::take(entries);
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        let named = entries.into_iter().map(|(name, value)| {
            let located = Located {
                value: name.get_ref().clone().into_owned(),
                place: self.document.place(&name.span()),
            };
            let what = format!("{}.{}", self.what, name.get_ref());
            (located, self.item(what, name.span(), value))
        });
        Some(named.collect())
    }

    /// The items of an array; of anything else, none.
    pub(super) fn items(self) -> Vec<Value<'i>> {
        let (document, what, kind) = (self.document, self.what, self.kind);
        let DeValue::Array(items) = self.node else {
            return Vec::new();
        };
        let items = items.into_iter().map(|item| Value {
            document,
            what: what.clone(),
            place: document.place(&item.span()),
            node: item.into_inner(),
            kind,
        });
        items.collect()
    }

    pub(super) fn text(self) -> Option<Located<String>> {
        match self.node {
            DeValue::String(text) => Some(Located {
                value: text.into_owned(),
                place: self.place,
            }),
            _ => self.unlike("a text in quotes"),
        }
    }

    pub(super) fn texts(self) -> Option<Located<Vec<Located<String>>>> {
        let place = self.place;
        let value = if matches!(self.node, DeValue::Array(_)) {
            let texts: Vec<Option<_>> = self.items().into_iter().map(Value::text).collect();
            texts.into_iter().collect::<Option<_>>()?
        } else {
            vec![self.text()?]
        };
        Some(Located { value, place })
    }

    /// True or false, in quotes or not. Nothing else, lest `"false"` or `0` count as true somewhere.
    pub(super) fn boolean(&self) -> Option<bool> {
        self.truth().or_else(|| self.unlike("true or false"))
    }

    /// The same, where it may be something else that was tried before.
    pub(super) fn boolean_or(&self, other: &str) -> Option<bool> {
        let expected = format_args!("{other}, true or false");
        self.truth().or_else(|| self.unlike(expected))
    }

    fn truth(&self) -> Option<bool> {
        match self.scalar().as_deref() {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => None,
        }
    }

    pub(super) fn number(&self) -> Option<u32> {
        let Kind::Number(range) = self.kind else {
            unreachable!("the reader asks for numbers where the section has some");
        };
        let number: Option<u32> = self.scalar().and_then(|text| text.parse().ok());
        let number = number.filter(|number| range.contains(number));
        let (first, last) = range.clone().into_inner();
        number.or_else(|| self.unlike(format_args!("a whole number, {first} to {last}")))
    }

    pub(super) fn parsed<T, E: Display>(
        &self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let Some(text) = self.scalar() else {
            return self.unlike("a text");
        };
        let parsed = parse(&text);
        let report = |how: E| {
            let problem = Problem::error(format!("{}: {how}", self.what));
            self.document.wrong(self.place, problem);
        };
        parsed.map_err(report).ok()
    }

    pub(super) fn scalar(&self) -> Option<String> {
        match &self.node {
            DeValue::String(text) => Some(text.clone().into_owned()),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .ok()
                .map(|number| number.to_string()),
            DeValue::Float(number) => Some(number.as_str().to_owned()),
            DeValue::Boolean(truth) => Some(truth.to_string()),
            DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
        }
    }

    /// Reports that it should be something else. The value is not shown, since it may be secret.
    pub(super) fn unlike<T>(&self, expected: impl Display) -> Option<T> {
        let problem = format!("{} should be {expected}", self.what);
        self.document.wrong(self.place, Problem::error(problem));
        None
    }
}
