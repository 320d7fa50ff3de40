use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::Display;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::document::Document;
use super::read::Read;
use super::secret;
use super::value::Value;
use crate::nearest::nearest;
use crate::section::{Kind, Section};
use crate::{Located, Place, Problem, Secret, units};

/// A table that is taken apart key by key.
pub(super) struct Table<'i> {
    pub(super) document: &'i Document<'i>,
    /// What messages call it: `store.main`.
    pub(super) what: String,
    /// Where it begins.
    pub(super) place: Place,
    section: &'static Section,
    entries: DeTable<'i>,
    /// The keys that were probably meant by unknown ones.
    meant: HashSet<&'static str>,
    /// How much was wrong before it was read.
    errors: usize,
}

// === impl Table ===

impl<'i> Table<'i> {
    /// Reports every key that the section does not have.
    pub(super) fn new(
        document: &'i Document<'i>,
        section: &'static Section,
        what: String,
        place: Place,
        entries: DeTable<'i>,
    ) -> Self {
        let mut table = Self {
            document,
            what,
            place,
            section,
            entries,
            meant: HashSet::new(),
            errors: document.errors(),
        };
        if section.others.is_none() {
            table.report_unknown();
        }
        table
    }

    fn report_unknown(&mut self) {
        let within = match &*self.what {
            "" => "at the top".to_owned(),
            what => format!("in {what}"),
        };
        let mut unknown = Vec::new();
        for key in self.entries.keys() {
            if self.section.key(key.get_ref()).is_some() {
                continue;
            }
            let nearest = nearest(key.get_ref(), self.section.names());
            let help = if let Some(nearest) = nearest {
                format!("did you mean {nearest}?")
            } else {
                let names: Vec<&str> = self.section.names().collect();
                format!("there is {}", names.join(", "))
            };
            let problem = Problem::error(format!("there is no {} {within}", key.get_ref()));
            let place = self.document.place(&key.span());
            self.document.wrong(place, problem.help(help));
            self.meant.extend(nearest);
            unknown.push(key.clone());
        }
        for key in unknown {
            self.entries.remove_entry(&key);
        }
    }

    /// Whether nothing was found to be wrong since it was begun.
    pub(super) fn is_right(&self) -> bool {
        self.document.errors() == self.errors
    }

    /// Takes a key of the section.
    pub(super) fn take(&mut self, key: &'static str) -> Read<Value<'i>> {
        match self.entries.remove_entry(key) {
            Some((name, value)) => Read::Is(self.value(&name, value, self.kind(key))),
            None if self.meant.contains(key) => Read::Wrong,
            None => Read::Absent,
        }
    }

    fn kind(&self, key: &str) -> &'static Kind {
        let key = self.section.key(key);
        &key.expect("the reader asks for keys of the section").kind
    }

    /// What is left, in the order written.
    pub(super) fn rest(mut self) -> impl Iterator<Item = (Located<String>, Value<'i>)> {
        let entries = std::mem::take(&mut self.entries);
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        let others = self.section.others.as_ref();
        let kind = others.expect("only sections of any keys have a rest");
        entries.into_iter().map(move |(name, value)| {
            let located = Located {
                value: name.get_ref().clone().into_owned(),
                place: self.document.place(&name.span()),
            };
            (located, self.value(&name, value, kind))
        })
    }

    pub(super) fn text(&mut self, key: &'static str) -> Read<Located<String>> {
        self.take(key).and_then(Value::text)
    }

    /// A text that has to be there, or that it is not is reported.
    pub(super) fn required(&mut self, key: &'static str) -> Option<Located<String>> {
        let text = self.text(key);
        self.present(key, text)
    }

    /// What was read of a key that has to be there, or that it is not is reported.
    pub(super) fn present<T>(&self, key: &str, read: Read<T>) -> Option<T> {
        if let Read::Absent = read {
            let problem = Problem::error(format!("{} has no {key}", self.what));
            self.document.missing(self.place, problem);
        }
        read.ok()
    }

    pub(super) fn boolean(&mut self, key: &'static str) -> Option<bool> {
        self.take(key).and_then(|value| value.boolean()).ok()
    }

    pub(super) fn number(&mut self, key: &'static str) -> Option<u32> {
        self.take(key).and_then(|value| value.number()).ok()
    }

    pub(super) fn duration(&mut self, key: &'static str) -> Option<Duration> {
        self.parsed(key, units::duration)
    }

    pub(super) fn size(&mut self, key: &'static str) -> Option<usize> {
        self.parsed(key, units::size)
    }

    /// A number of bytes, within the range of the key.
    pub(super) fn bytes(&mut self, key: &'static str) -> Option<usize> {
        let Kind::Bytes(range) = self.kind(key) else {
            unreachable!("the reader asks for bytes where the section has some");
        };
        self.parsed(key, |text| {
            let bytes = units::bytes(text)?;
            let (first, last) = (range.start(), range.end());
            let outside = || format!("at least {first} and at most {last} bytes");
            Some(bytes)
                .filter(|bytes| range.contains(bytes))
                .ok_or_else(outside)
        })
    }

    /// A text in a form of its own, read by what says how it should be.
    pub(super) fn parsed<T, E: Display>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        self.take(key).and_then(|value| value.parsed(parse)).ok()
    }

    /// Texts, written as a list or, if it is one, by itself.
    pub(super) fn texts(&mut self, key: &'static str) -> Read<Located<Vec<Located<String>>>> {
        self.take(key).and_then(Value::texts)
    }

    fn value(
        &self,
        name: &Spanned<Cow<'i, str>>,
        value: Spanned<toml::de::DeValue<'i>>,
        kind: &'static Kind,
    ) -> Value<'i> {
        let what = match &*self.what {
            "" => name.get_ref().to_string(),
            what => format!("{what}.{}", name.get_ref()),
        };
        Value::new(self.document, what, name.span(), value, kind)
    }
}

// === impl Value ===

impl<'i> Value<'i> {
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

    /// A text that may be secret, or where it is found. A setting may be a number, true or false, too,
    /// each as text.
    pub(super) fn secret(self) -> Option<Located<Secret>> {
        if self.is_table() {
            let mut table = self.table()?;
            let (env, file) = (table.text("env").ok(), table.text("file").ok());
            let secret = table.text("secret").ok();
            if !table.is_right() {
                return None;
            }
            return secret::found(table.document, &table.what, table.place, env, file, secret);
        }
        let (text, expected) = match (self.kind.is_setting(), &self.node) {
            (true, _) => (self.scalar(), "a text, a number, true or false"),
            (false, DeValue::String(text)) => (Some(text.to_string()), ""),
            (false, _) => (None, "a text in quotes"),
        };
        let Some(value) = text else {
            return self.unlike(format_args!(
                "{expected}, or a table with env, file or secret"
            ));
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
}
