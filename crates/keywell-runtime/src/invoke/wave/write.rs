//! Writes WAVE: on one line, and in characters that no terminal obeys.

use keywell_store::terminal::is_safe;
use std::fmt::{self, Write};

use wasmtime::component::Val;

/// Words that are values by themselves; a case of that name has a percent sign before it.
const KEYWORDS: [&str; 8] = ["true", "false", "some", "none", "ok", "err", "inf", "nan"];

/// A value in WAVE; none of one that holds a resource, a stream, a future or a map, which WAVE has
/// no form for.
pub fn to_text(value: &Val) -> Option<String> {
    let mut text = String::new();
    write(&mut text, value).ok().map(|()| text)
}

fn write(f: &mut String, value: &Val) -> fmt::Result {
    match value {
        Val::Bool(value) => write!(f, "{value}"),
        Val::S8(value) => write!(f, "{value}"),
        Val::U8(value) => write!(f, "{value}"),
        Val::S16(value) => write!(f, "{value}"),
        Val::U16(value) => write!(f, "{value}"),
        Val::S32(value) => write!(f, "{value}"),
        Val::U32(value) => write!(f, "{value}"),
        Val::S64(value) => write!(f, "{value}"),
        Val::U64(value) => write!(f, "{value}"),
        Val::Float32(value) if value.is_nan() => f.write_str("nan"),
        Val::Float64(value) if value.is_nan() => f.write_str("nan"),
        Val::Float32(value) => write!(f, "{value}"),
        Val::Float64(value) => write!(f, "{value}"),
        Val::Char(value) => quoted(f, '\'', std::iter::once(*value)),
        Val::String(value) => quoted(f, '"', value.chars()),
        Val::List(values) | Val::FixedLengthList(values) => separated(f, '[', ']', values, write),
        Val::Tuple(values) => separated(f, '(', ')', values, write),
        Val::Record(fields) if fields.is_empty() => f.write_str("{:}"),
        Val::Record(fields) => separated(f, '{', '}', fields, |f, (name, value)| {
            write!(f, "{name}: ")?;
            write(f, value)
        }),
        Val::Flags(names) => separated(f, '{', '}', names, |f, name| f.write_str(name)),
        Val::Enum(name) => case(f, name, None),
        Val::Variant(name, payload) => case(f, name, payload.as_deref()),
        Val::Option(None) => f.write_str("none"),
        Val::Option(Some(value)) => payload(f, "some", Some(value)),
        Val::Result(Ok(value)) => payload(f, "ok", value.as_deref()),
        Val::Result(Err(value)) => payload(f, "err", value.as_deref()),
        Val::Map(_) | Val::Resource(_) | Val::Future(_) | Val::Stream(_) | Val::ErrorContext(_) => {
            Err(fmt::Error)
        }
    }
}

fn separated<T>(
    f: &mut String,
    open: char,
    close: char,
    items: &[T],
    write: impl Fn(&mut String, &T) -> fmt::Result,
) -> fmt::Result {
    f.push(open);
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            f.push_str(", ");
        }
        write(f, item)?;
    }
    f.push(close);
    Ok(())
}

fn case(f: &mut String, name: &str, value: Option<&Val>) -> fmt::Result {
    if KEYWORDS.contains(&name) {
        f.push('%');
    }
    payload(f, name, value)
}

fn payload(f: &mut String, name: &str, value: Option<&Val>) -> fmt::Result {
    f.push_str(name);
    let Some(value) = value else { return Ok(()) };
    f.push('(');
    write(f, value)?;
    f.push(')');
    Ok(())
}

fn quoted(f: &mut String, quote: char, characters: impl Iterator<Item = char>) -> fmt::Result {
    f.push(quote);
    for character in characters {
        match character {
            '\\' => f.push_str("\\\\"),
            '\n' => f.push_str("\\n"),
            '\r' => f.push_str("\\r"),
            '\t' => f.push_str("\\t"),
            character if character == quote => {
                f.push('\\');
                f.push(quote);
            }
            character if is_safe(character) => f.push(character),
            character => write!(f, "{}", character.escape_unicode())?,
        }
    }
    f.push(quote);
    Ok(())
}
