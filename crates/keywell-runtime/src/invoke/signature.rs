//! Types as WIT writes them.

use std::fmt::{self, Write};

use wasmtime::component::Type;

/// Takes text up to a length, and then refuses more.
struct Short {
    text: String,
    most: usize,
}

/// The most characters that a type is shown with, within a function or alone.
const LONGEST: usize = 400;

/// A type in WIT: `list<u8>`, `record { x: f64, y: f64 }`. What is long is cut.
pub fn of_type(kind: &Type) -> String {
    let mut short = Short {
        text: String::new(),
        most: LONGEST,
    };
    if write_type(&mut short, kind).is_err() {
        short.text.push('…');
    }
    short.text
}

fn write_type(f: &mut impl Write, kind: &Type) -> fmt::Result {
    f.write_str(match kind {
        Type::Bool => "bool",
        Type::S8 => "s8",
        Type::U8 => "u8",
        Type::S16 => "s16",
        Type::U16 => "u16",
        Type::S32 => "s32",
        Type::U32 => "u32",
        Type::S64 => "s64",
        Type::U64 => "u64",
        Type::Float32 => "f32",
        Type::Float64 => "f64",
        Type::Char => "char",
        Type::String => "string",
        Type::ErrorContext => "error-context",
        Type::Own(_) => "own<resource>",
        Type::Borrow(_) => "borrow<resource>",
        Type::Stream(_) => "stream",
        Type::Future(_) => "future",
        _ => return write_compound(f, kind),
    })
}

fn write_compound(f: &mut impl Write, kind: &Type) -> fmt::Result {
    match kind {
        Type::List(list) => wrapped(f, "list", [Some(list.ty())]),
        Type::FixedLengthList(list) => {
            f.write_str("list<")?;
            write_type(f, &list.ty())?;
            write!(f, ", {}>", list.len())
        }
        Type::Map(map) => wrapped(f, "map", [Some(map.key()), Some(map.value())]),
        Type::Option(option) => wrapped(f, "option", [Some(option.ty())]),
        Type::Tuple(tuple) => wrapped(f, "tuple", tuple.types().map(Some)),
        Type::Result(result) => match (result.ok(), result.err()) {
            (None, None) => f.write_str("result"),
            (ok, None) => wrapped(f, "result", [ok]),
            (ok, err) => wrapped(f, "result", [ok, err]),
        },
        Type::Record(record) => braced(f, "record", record.fields(), |f, field| {
            write!(f, "{}: ", field.name)?;
            write_type(f, &field.ty)
        }),
        Type::Variant(variant) => braced(f, "variant", variant.cases(), |f, case| {
            f.write_str(case.name)?;
            let Some(kind) = case.ty else { return Ok(()) };
            f.write_str("(")?;
            write_type(f, &kind)?;
            f.write_str(")")
        }),
        Type::Enum(names) => braced(f, "enum", names.names(), Write::write_str),
        Type::Flags(names) => braced(f, "flags", names.names(), Write::write_str),
        _ => f.write_str("?"),
    }
}

/// `list<u8>`, with `_` for what is not there.
fn wrapped(
    f: &mut impl Write,
    name: &str,
    kinds: impl IntoIterator<Item = Option<Type>>,
) -> fmt::Result {
    write!(f, "{name}<")?;
    for (at, kind) in kinds.into_iter().enumerate() {
        if at > 0 {
            f.write_str(", ")?;
        }
        match kind {
            Some(kind) => write_type(f, &kind)?,
            None => f.write_str("_")?,
        }
    }
    f.write_str(">")
}

/// `record { x: f64, y: f64 }`.
fn braced<W: Write, T>(
    f: &mut W,
    name: &str,
    items: impl Iterator<Item = T>,
    write: impl Fn(&mut W, T) -> fmt::Result,
) -> fmt::Result {
    write!(f, "{name} {{ ")?;
    for (at, item) in items.enumerate() {
        if at > 0 {
            f.write_str(", ")?;
        }
        write(f, item)?;
    }
    f.write_str(" }")
}

// === impl Short ===

impl Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.text.len() + text.len() > self.most {
            return Err(fmt::Error);
        }
        self.text.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::invoke::fixture;

    #[test]
    fn signatures_are_wit_and_say_what_cannot_be_called() {
        let functions = fixture::functions();
        let text = functions.to_string();
        for line in [
            "  several: func(first: u8, second: option<string>, third: option<u8>) -> option<list<u8>>",
            "  record: func(value: record { x: f64, y: f32, label: option<string> })",
            "  variant: func(value: variant { nothing, circle(f64), path(list<record { x: f64, y: f32, \
             label: option<string> }>), some(u8) })",
            "  enum: func(value: enum { red, dark-green, none })",
            "  flags: func(value: flags { bold, quoted, new })",
            "  result: func(value: result<string, u32>)",
            "  empty: func(value: result)",
            "  one-way: func(value: result<option<u8>>)",
            "  tuple: func(value: tuple<u8, string, bool>)",
            "  make: func() -> option<own<resource>> (cannot be called from outside)",
            "add: func(a: u32, b: u32) -> u32",
        ] {
            assert!(
                text.lines().any(|other| other == line),
                "{line} is not in\n{text}"
            );
        }
        let refused = functions
            .iter()
            .filter(|function| function.check().is_err());
        assert_eq!(refused.count(), 3);
    }
}
