use std::str::FromStr;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};
use wasmtime::component::{Type, Val};

use super::room::ArgumentRoom;
use crate::invoke::mismatch::Mismatch;

/// Takes what has padding, and what has none.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The value of a type that JSON stands for. It may be as large as the longest arguments of a call.
///
/// # Errors
///
/// Where it is none of that type, or is larger.
pub fn from_json(value: &Value, kind: &Type) -> Result<Val, Mismatch> {
    read(value, kind, &mut ArgumentRoom::of_the_longest())
}

/// The same, charged to the room.
pub(super) fn read(value: &Value, kind: &Type, room: &mut ArgumentRoom) -> Result<Val, Mismatch> {
    room.values(1)?;
    let mismatch = || mismatch(value, kind);
    Ok(match kind {
        Type::Bool => Val::Bool(value.as_bool().ok_or_else(mismatch)?),
        Type::S8 => Val::S8(integer(value, kind)?),
        Type::U8 => Val::U8(integer(value, kind)?),
        Type::S16 => Val::S16(integer(value, kind)?),
        Type::U16 => Val::U16(integer(value, kind)?),
        Type::S32 => Val::S32(integer(value, kind)?),
        Type::U32 => Val::U32(integer(value, kind)?),
        Type::S64 => Val::S64(integer(value, kind)?),
        Type::U64 => Val::U64(integer(value, kind)?),
        Type::Float32 => Val::Float32(float(value, kind)?),
        Type::Float64 => Val::Float64(float(value, kind)?),
        Type::Char => {
            let mut characters = value.as_str().ok_or_else(mismatch)?.chars();
            match (characters.next(), characters.next()) {
                (Some(only), None) => Val::Char(only),
                _ => return Err(mismatch()),
            }
        }
        Type::String => {
            let text = value.as_str().ok_or_else(mismatch)?;
            room.take(text.len())?;
            Val::String(text.to_owned())
        }
        Type::Enum(names) => {
            let name = value.as_str().ok_or_else(mismatch)?;
            let mut names = names.names();
            let found = names.find(|known| *known == name).ok_or_else(mismatch)?;
            room.take(found.len())?;
            Val::Enum(found.to_owned())
        }
        Type::Flags(_) => flags(value, kind, room)?,
        Type::List(list) => match (list.ty(), value) {
            (Type::U8, Value::String(text)) => {
                let bytes = BASE64.decode(text).map_err(|_| {
                    Mismatch::new("list<u8>, which is base64 or an array", &value.to_string())
                })?;
                room.values(bytes.len())?;
                Val::List(bytes.into_iter().map(Val::U8).collect())
            }
            (kind, value) => {
                let elements = value.as_array().ok_or_else(mismatch)?;
                Val::List(sequence(elements, &kind, room)?)
            }
        },
        Type::FixedLengthList(list) => {
            let elements = value.as_array().ok_or_else(mismatch)?;
            if elements.len() != list.len() as usize {
                return Err(mismatch());
            }
            Val::FixedLengthList(sequence(elements, &list.ty(), room)?)
        }
        Type::Map(_) => map(value, kind, room)?,
        Type::Tuple(tuple) => {
            let values = value.as_array().ok_or_else(mismatch)?;
            if values.len() != tuple.types().len() {
                return Err(mismatch());
            }
            let values = tuple.types().zip(values).enumerate();
            let values = values.map(|(index, (kind, value))| {
                read(value, &kind, room).map_err(|mismatch| mismatch.at(index))
            });
            Val::Tuple(values.collect::<Result<_, _>>()?)
        }
        Type::Record(_) => record(value, kind, room)?,
        Type::Variant(variant) => {
            let (name, inner) = case(value, kind)?;
            let case = variant.cases().find(|case| case.name == name);
            let case = case.ok_or_else(mismatch)?;
            room.take(name.len())?;
            Val::Variant(
                name.to_owned(),
                payload(name, inner, case.ty.as_ref(), room)?,
            )
        }
        Type::Option(option) => Val::Option(match (value, option.ty()) {
            (Value::Null, _) => None,
            (value, kind @ Type::Option(_)) => {
                let Ok(("some", inner)) = case(value, &kind) else {
                    return Err(Mismatch::new("null or {\"some\": …}", &value.to_string()));
                };
                payload("some", inner, Some(&kind), room)?
            }
            (value, kind) => Some(Box::new(read(value, &kind, room)?)),
        }),
        Type::Result(result) => Val::Result(match case(value, kind)? {
            ("ok", inner) => Ok(payload("ok", inner, result.ok().as_ref(), room)?),
            ("err", inner) => Err(payload("err", inner, result.err().as_ref(), room)?),
            _ => return Err(mismatch()),
        }),
        _ => return Err(mismatch()),
    })
}

fn mismatch(value: &Value, kind: &Type) -> Mismatch {
    Mismatch::of(kind, &value.to_string())
}

/// An integer, as a number or as its text.
fn integer<T: FromStr>(value: &Value, kind: &Type) -> Result<T, Mismatch> {
    let read = match value {
        // Its text is exact, whatever its size. A fraction is no integer, even `1.0`.
        Value::Number(number) => number.to_string().parse().ok(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    read.ok_or_else(|| mismatch(value, kind))
}

/// A number, or the text of one, `nan`, `inf` and `-inf` among them.
fn float<T: FromStr>(value: &Value, kind: &Type) -> Result<T, Mismatch> {
    let read = match value {
        Value::Number(number) => number.to_string().parse().ok(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    read.ok_or_else(|| mismatch(value, kind))
}

fn sequence(values: &[Value], kind: &Type, room: &mut ArgumentRoom) -> Result<Vec<Val>, Mismatch> {
    let values = values
        .iter()
        .enumerate()
        .map(|(index, value)| read(value, kind, room).map_err(|mismatch| mismatch.at(index)));
    values.collect()
}

/// Flags, from their names, each once and in the order of the type.
fn flags(value: &Value, kind: &Type, room: &mut ArgumentRoom) -> Result<Val, Mismatch> {
    let (Type::Flags(names), Value::Array(given)) = (kind, value) else {
        return Err(mismatch(value, kind));
    };
    let is_known = |flag: &Value| names.names().any(|name| flag == name);
    if let Some(other) = given.iter().find(|flag| !is_known(flag)) {
        return Err(mismatch(other, kind));
    }
    let set = names
        .names()
        .filter(|name| given.iter().any(|flag| flag == name));
    let set = set.map(|name| room.name(name).map(|()| name.to_owned()));
    Ok(Val::Flags(set.collect::<Result<_, _>>()?))
}

/// A map, from an array of pairs.
fn map(value: &Value, kind: &Type, room: &mut ArgumentRoom) -> Result<Val, Mismatch> {
    let (Type::Map(map), Value::Array(pairs)) = (kind, value) else {
        return Err(mismatch(value, kind));
    };
    let pairs = pairs.iter().enumerate();
    let pairs = pairs.map(|(index, pair)| match pair.as_array().map(Vec::as_slice) {
        Some([key, value]) => {
            let read = [(key, map.key()), (value, map.value())]
                .map(|(value, kind)| read(value, &kind, room));
            let [key, value] = read.map(|read| read.map_err(|error| error.at(index)));
            Ok((key?, value?))
        }
        _ => Err(Mismatch::new("[KEY, VALUE]", &pair.to_string()).at(index)),
    });
    Ok(Val::Map(pairs.collect::<Result<_, _>>()?))
}

/// A record, from an object. Fields that are options may be left out.
fn record(value: &Value, kind: &Type, room: &mut ArgumentRoom) -> Result<Val, Mismatch> {
    let (Type::Record(record), Value::Object(given)) = (kind, value) else {
        return Err(mismatch(value, kind));
    };
    let is_known = |name: &str| record.fields().any(|field| field.name == name);
    if let Some((name, value)) = given.iter().find(|(name, _)| !is_known(name)) {
        return Err(Mismatch::new("no such field", &value.to_string()).within(name));
    }
    let fields = record.fields().map(|field| {
        room.name(field.name)?;
        let read = match (given.get(field.name), &field.ty) {
            (Some(value), kind) => read(value, kind, room),
            (None, Type::Option(_)) => room.values(1).map(|()| Val::Option(None)),
            (None, kind) => Err(Mismatch::of(kind, "nothing")),
        };
        let read = read.map_err(|mismatch| mismatch.within(field.name));
        Ok((field.name.to_owned(), read?))
    });
    Ok(Val::Record(fields.collect::<Result<_, _>>()?))
}

/// The key and the value of an object with one key.
fn case<'a>(value: &'a Value, kind: &Type) -> Result<(&'a str, &'a Value), Mismatch> {
    let one = value.as_object().filter(|object| object.len() == 1);
    let one = one.and_then(|object: &Map<_, _>| object.iter().next());
    match one {
        Some((name, value)) => Ok((name, value)),
        None => Err(mismatch(value, kind)),
    }
}

/// What a case holds; `null` where it holds nothing.
fn payload(
    case: &str,
    value: &Value,
    kind: Option<&Type>,
    room: &mut ArgumentRoom,
) -> Result<Option<Box<Val>>, Mismatch> {
    let read = match kind {
        Some(kind) => read(value, kind, room).map(Box::new).map(Some),
        None if value.is_null() => Ok(None),
        None => Err(Mismatch::new("null", &value.to_string())),
    };
    read.map_err(|mismatch| mismatch.within(case))
}
