use std::fmt::Display;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::document::Document;
use super::secret;
use super::table::Table;
use crate::section::Kind;
use crate::{Located, Place, Problem, Secret};

/// A value of a table.
pub(super) struct Value<'i> {
    document: &'i Document<'i>,
    what: String,
    pub(super) place: Place,
    node: DeValue<'i>,
    kind: &'static Kind,
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

    /// A table of the value's section.
    pub(super) fn table(self) -> Option<Table<'i>> {
        let DeValue::Table(entries) = self.node else {
            return self.unlike("a table");
        };
        let section = self.kind.section();
        let section = section.expect("the reader asks for tables where there are some");
        Some(Table::new(
            self.document,
            section,
            self.what,
            self.place,
            entries,
        ))
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

    /// The tables behind a key whose keys are names, `[store.NAME]`; without a table where one is
    /// wrong.
    pub(super) fn named_tables(self) -> Option<Vec<(Located<String>, Option<Table<'i>>)>> {
        let (document, place) = (self.document, self.place);
        let problem = Problem::error(format!("{0} is written [{0}.NAME]", self.what));
        if !self.is_table() {
            document.wrong(place, problem);
            return None;
        }
        let tables = self.named()?.into_iter().map(|(name, value)| {
            if !value.is_table() {
                document.wrong(place, problem.clone());
                return (name, None);
            }
            (name, value.table())
        });
        Some(tables.collect())
    }

    /// The tables of an array, `[[trigger.http]]`.
    pub(super) fn tables(self) -> Option<Vec<Table<'i>>> {
        let expected = format!("written [[{}]]", self.what);
        if !matches!(self.node, DeValue::Array(_)) {
            return self.unlike(expected);
        }
        let (document, place, what) = (self.document, self.place, self.what.clone());
        let mut tables = Vec::new();
        for value in self.items() {
            if !value.is_table() {
                document.wrong(
                    place,
                    Problem::error(format!("{what} should be {expected}")),
                );
                return None;
            }
            tables.extend(value.table());
        }
        Some(tables)
    }

    fn items(self) -> Vec<Value<'i>> {
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

    /// A text that may be secret, or where it is found. A setting may be a number, true or false, too,
    /// each as text.
    pub(super) fn secret(self) -> Option<Located<Secret>> {
        if self.is_table() {
            return secret::secret(self.table()?);
        }
        let (text, expected) = match (self.kind.is_setting(), &self.node) {
            (true, _) => (self.scalar(), "a text, a number, true or false"),
            (false, DeValue::String(text)) => (Some(text.to_string()), ""),
            (false, _) => (None, "a text in quotes"),
        };
        let Some(value) = text else {
            return self.unlike(format_args!("{expected}, or a table with env or file"));
        };
        let text = Located {
            value,
            place: self.place,
        };
        secret::note_password(self.document, &text);
        Some(Located {
            value: text.value.into(),
            place: text.place,
        })
    }

    /// True or false, in quotes or not. Nothing else, lest `"false"` or `0` count as true somewhere.
    pub(super) fn boolean(&self) -> Option<bool> {
        match self.scalar().as_deref() {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => self.unlike("true or false"),
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

    fn scalar(&self) -> Option<String> {
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
