use std::borrow::Cow;
use std::fmt::Display;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use crate::nearest::nearest;
use crate::{ConfigError, Located, Place, Secret, units};

/// The text that is read, for the places of keys and values in it.
#[derive(Clone, Copy)]
pub(super) struct Document<'i> {
    pub(super) file: &'i Path,
    pub(super) text: &'i str,
}

/// A table that is taken apart key by key.
pub(super) struct Table<'i> {
    pub(super) document: Document<'i>,
    /// What messages call it: `store.main`.
    pub(super) what: String,
    /// Where it begins.
    pub(super) place: Place,
    entries: DeTable<'i>,
}

/// A value of a table.
pub(super) struct Value<'i> {
    document: Document<'i>,
    what: String,
    pub(super) place: Place,
    node: DeValue<'i>,
}

type Result<T, E = ConfigError> = std::result::Result<T, E>;

// === impl Document ===

impl Document<'_> {
    pub(super) fn place(&self, span: &Range<usize>) -> Place {
        Place::of(self.text, span.start)
    }

    pub(super) fn error(&self, place: Place, problem: impl Into<String>) -> ConfigError {
        ConfigError::at(self.file, place, problem)
    }
}

// === impl Table ===

impl<'i> Table<'i> {
    pub(super) fn root(document: Document<'i>) -> Result<Self> {
        let parsed = DeTable::parse(document.text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            let place = Place::of(document.text, offset);
            document.error(place, error.message().replace('\n', ", "))
        })?;
        Ok(Self {
            document,
            what: String::new(),
            place: Place { line: 1, column: 1 },
            entries: parsed.into_inner(),
        })
    }

    /// Refuses every key but these.
    pub(super) fn only(&self, known: &[&str]) -> Result<()> {
        let mut unknown = self.entries.keys().filter(|key| {
            let key: &str = key.get_ref();
            !known.contains(&key)
        });
        let Some(key) = unknown.next() else {
            return Ok(());
        };
        let hint = match nearest(key.get_ref(), known.iter().copied()) {
            Some(nearest) => format!("did you mean {nearest}?"),
            None => format!("there is {}", known.join(", ")),
        };
        let within = match &*self.what {
            "" => "at the top".to_owned(),
            what => format!("in {what}"),
        };
        let problem = format!("there is no {} {within}; {hint}", key.get_ref());
        Err(self
            .document
            .error(self.document.place(&key.span()), problem))
    }

    pub(super) fn take(&mut self, key: &str) -> Option<Value<'i>> {
        let (name, value) = self.entries.remove_entry(key)?;
        Some(self.value(&name, value))
    }

    /// What is left, in the order written.
    pub(super) fn rest(mut self) -> impl Iterator<Item = (Located<String>, Value<'i>)> {
        let entries = std::mem::take(&mut self.entries);
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        entries.into_iter().map(move |(name, value)| {
            let place = self.document.place(&name.span());
            let located = Located {
                value: name.get_ref().clone().into_owned(),
                place,
            };
            (located, self.value(&name, value))
        })
    }

    /// The tables behind a key whose keys are names: `[store.NAME]`.
    pub(super) fn named(&mut self, key: &str) -> Result<Vec<(Located<String>, Table<'i>)>> {
        let Some(value) = self.take(key) else {
            return Ok(Vec::new());
        };
        let place = value.place;
        let document = self.document;
        let wrong = || document.error(place, format!("{key} is written [{key}.NAME]"));
        let DeValue::Table(entries) = value.node else {
            return Err(wrong());
        };
        let table = Table {
            document,
            what: key.to_owned(),
            place,
            entries,
        };
        let tables = table.rest().map(|(name, value)| match value.node {
            DeValue::Table(_) => value.table().map(|table| (name, table)),
            _ => Err(wrong()),
        });
        tables.collect()
    }

    pub(super) fn text(&mut self, key: &str) -> Result<Option<Located<String>>> {
        self.take(key).map(Value::text).transpose()
    }

    pub(super) fn required(&mut self, key: &str) -> Result<Located<String>> {
        self.text(key)?.ok_or_else(|| self.misses(key))
    }

    pub(super) fn misses(&self, key: &str) -> ConfigError {
        self.document
            .error(self.place, format!("{} has no {key}", self.what))
    }

    pub(super) fn boolean(&mut self, key: &str) -> Result<Option<bool>> {
        self.take(key).map(|value| value.boolean()).transpose()
    }

    pub(super) fn number(&mut self, key: &str, within: Range<u32>) -> Result<Option<u32>> {
        let number = |value: Value<'_>| {
            let number: Option<u32> = value.scalar().and_then(|text| text.parse().ok());
            let last = within.end - 1;
            number
                .filter(|number| within.contains(number))
                .ok_or_else(|| {
                    value.unlike(format_args!("a whole number, {} to {last}", within.start))
                })
        };
        self.take(key).map(number).transpose()
    }

    pub(super) fn duration(&mut self, key: &str) -> Result<Option<Duration>> {
        self.parsed(key, units::duration)
    }

    pub(super) fn size(&mut self, key: &str) -> Result<Option<usize>> {
        self.parsed(key, units::size)
    }

    /// A text in a form of its own, read by what says how it should be.
    pub(super) fn parsed<T, E: Display>(
        &mut self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>> {
        let Some(value) = self.take(key) else {
            return Ok(None);
        };
        let (document, place, what) = (value.document, value.place, value.what.clone());
        let parsed = match value.scalar() {
            Some(text) => parse(&text).map_err(|how| how.to_string()),
            None => return Err(value.unlike("a text")),
        };
        parsed
            .map(Some)
            .map_err(|how| document.error(place, format!("{what}: {how}")))
    }

    /// Texts, written as a list or, if it is one, by itself.
    pub(super) fn texts(&mut self, key: &str) -> Result<Option<Located<Vec<Located<String>>>>> {
        let Some(value) = self.take(key) else {
            return Ok(None);
        };
        let place = value.place;
        let value = match value.node {
            DeValue::Array(_) => {
                let items = value.items().into_iter();
                items.map(Value::text).collect::<Result<_>>()?
            }
            _ => vec![value.text()?],
        };
        Ok(Some(Located { value, place }))
    }

    fn value(&self, name: &Spanned<Cow<'i, str>>, value: Spanned<DeValue<'i>>) -> Value<'i> {
        let what = match &*self.what {
            "" => name.get_ref().to_string(),
            what => format!("{what}.{}", name.get_ref()),
        };
        // A table that is made up by the headers of its parts stands where the first of them does.
        let span = match value.get_ref() {
            DeValue::Table(_) | DeValue::Array(_) => name.span(),
            _ => value.span(),
        };
        Value {
            document: self.document,
            what,
            place: self.document.place(&span),
            node: value.into_inner(),
        }
    }
}

// === impl Value ===

impl<'i> Value<'i> {
    pub(super) fn is_table(&self) -> bool {
        matches!(self.node, DeValue::Table(_))
    }

    pub(super) fn table(self) -> Result<Table<'i>> {
        let DeValue::Table(entries) = self.node else {
            return Err(self.unlike("a table"));
        };
        Ok(Table {
            document: self.document,
            what: self.what,
            place: self.place,
            entries,
        })
    }

    /// The tables of an array: `[[trigger.http]]`.
    pub(super) fn tables(self) -> Result<Vec<Table<'i>>> {
        let what = self.what.clone();
        let wrong = self.unlike(format_args!("written [[{what}]]"));
        if !matches!(self.node, DeValue::Array(_)) {
            return Err(wrong);
        }
        let tables = self.items().into_iter();
        tables
            .map(|value| {
                if value.is_table() {
                    value.table()
                } else {
                    Err(wrong.clone())
                }
            })
            .collect()
    }

    fn items(self) -> Vec<Value<'i>> {
        let (document, what) = (self.document, self.what);
        let DeValue::Array(items) = self.node else {
            return Vec::new();
        };
        let items: DeArray<'i> = items;
        let items = items.into_iter().map(|item| Value {
            document,
            what: what.clone(),
            place: document.place(&item.span()),
            node: item.into_inner(),
        });
        items.collect()
    }

    pub(super) fn text(self) -> Result<Located<String>> {
        match self.node {
            DeValue::String(text) => Ok(Located {
                value: text.into_owned(),
                place: self.place,
            }),
            _ => Err(self.unlike("a text in quotes")),
        }
    }

    /// A setting: a text, a number, or true or false, each as text.
    pub(super) fn setting(self) -> Result<Located<Secret>> {
        let place = self.place;
        let text = self
            .scalar()
            .ok_or_else(|| self.unlike("a text, a number, true or false"))?;
        Ok(Located {
            value: text.into(),
            place,
        })
    }

    /// True or false, in quotes or not. Nothing else, lest `"false"` or `0` count as true somewhere.
    fn boolean(&self) -> Result<bool> {
        match self.scalar().as_deref() {
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            _ => Err(self.unlike("true or false")),
        }
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

    /// That it should be something else. The value is not shown, since it may be secret.
    pub(super) fn unlike(&self, expected: impl Display) -> ConfigError {
        let problem = format!("{} should be {expected}", self.what);
        self.document.error(self.place, problem)
    }
}
