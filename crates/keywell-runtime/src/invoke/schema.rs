//! What a function takes and returns in JSON, as JSON Schema (2020-12), by the mapping of
//! [`json`](super::json).
//!
//! A schema allows what is written for a value. Text for numbers of up to 53 bits is taken too, and
//! not mentioned. A type of more than 10,000 parts is cut, and anything is allowed in place of the
//! rest.

use serde_json::{Map, Value, json};
use wasmtime::component::Type;

use super::function::Function;

/// The most parts of a schema.
const MOST: usize = 10_000;

/// The arguments of a function, which are an array.
pub fn parameters(function: &Function) -> Value {
    let all = function.parameters();
    let mut writer = Writer::default();
    let items = all.iter().map(|parameter| {
        let mut schema = writer.of(&parameter.kind);
        if let Value::Object(schema) = &mut schema {
            schema.insert("title".to_owned(), parameter.name.clone().into());
        }
        schema
    });
    let items = items.collect();
    // Options at the end may be left out.
    let is_needed = |kind: &Type| !matches!(kind, Type::Option(_));
    let last = all.iter().rposition(|parameter| is_needed(&parameter.kind));
    sequence(items, last.map_or(0, |last| last + 1))
}

/// The result of a function; `null`, if it has none.
pub fn result(function: &Function) -> Value {
    match function.results() {
        [only, ..] => Writer::default().of(only),
        [] => null(),
    }
}

/// A schema of a value as it is written, for a type.
pub fn of(kind: &Type) -> Value {
    Writer::default().of(kind)
}

/// How much is written of a schema.
#[derive(Default)]
struct Writer {
    parts: usize,
}

// === impl Writer ===

impl Writer {
    fn of(&mut self, kind: &Type) -> Value {
        self.parts += 1;
        if self.parts > MOST {
            return json!({ "description": "cut, as the type has too many parts" });
        }
        match kind {
            Type::Bool => json!({ "type": "boolean" }),
            Type::S8 => integer(i8::MIN, i8::MAX),
            Type::U8 => integer(u8::MIN, u8::MAX),
            Type::S16 => integer(i16::MIN, i16::MAX),
            Type::U16 => integer(u16::MIN, u16::MAX),
            Type::S32 => integer(i32::MIN, i32::MAX),
            Type::U32 => integer(u32::MIN, u32::MAX),
            Type::S64 => any_of(&[
                integer(i64::MIN, i64::MAX),
                json!({ "type": "string", "pattern": "^-?[0-9]+$" }),
            ]),
            Type::U64 => any_of(&[
                integer(u64::MIN, u64::MAX),
                json!({ "type": "string", "pattern": "^[0-9]+$" }),
            ]),
            Type::Float32 | Type::Float64 => any_of(&[
                json!({ "type": "number" }),
                json!({ "enum": ["nan", "inf", "-inf"] }),
            ]),
            Type::Char => json!({ "type": "string", "minLength": 1, "maxLength": 1 }),
            Type::String => json!({ "type": "string" }),
            Type::List(list) => match list.ty() {
                Type::U8 => any_of(&[
                    json!({ "type": "string", "contentEncoding": "base64" }),
                    json!({ "type": "array", "items": integer(u8::MIN, u8::MAX) }),
                ]),
                kind => json!({ "type": "array", "items": self.of(&kind) }),
            },
            Type::FixedLengthList(list) => {
                let (kind, length) = (self.of(&list.ty()), list.len());
                json!({ "type": "array", "items": kind, "minItems": length, "maxItems": length })
            }
            Type::Map(map) => {
                let pair = sequence(vec![self.of(&map.key()), self.of(&map.value())], 2);
                json!({ "type": "array", "items": pair })
            }
            Type::Tuple(tuple) => {
                let items: Vec<Value> = tuple.types().map(|kind| self.of(&kind)).collect();
                let length = items.len();
                sequence(items, length)
            }
            Type::Record(record) => {
                let (mut properties, mut required) = (Map::new(), Vec::new());
                for field in record.fields() {
                    properties.insert(field.name.to_owned(), self.of(&field.ty));
                    if !matches!(field.ty, Type::Option(_)) {
                        required.push(field.name);
                    }
                }
                object(&properties, &required)
            }
            Type::Variant(variant) => {
                let cases = variant.cases();
                one_of(cases.map(|case| self.case(case.name, case.ty.as_ref())))
            }
            Type::Result(result) => {
                let cases = [("ok", result.ok()), ("err", result.err())];
                one_of(
                    cases
                        .iter()
                        .map(|(name, kind)| self.case(name, kind.as_ref())),
                )
            }
            Type::Option(option) => match option.ty() {
                kind @ Type::Option(_) => any_of(&[null(), self.case("some", Some(&kind))]),
                kind => any_of(&[null(), self.of(&kind)]),
            },
            Type::Enum(names) => json!({ "enum": names.names().collect::<Vec<_>>() }),
            Type::Flags(names) => {
                let names: Vec<&str> = names.names().collect();
                json!({ "type": "array", "items": { "enum": names }, "uniqueItems": true })
            }
            // Such a function cannot be called.
            _ => json!(false),
        }
    }

    /// An object with one key.
    fn case(&mut self, name: &str, kind: Option<&Type>) -> Value {
        let value = kind.map_or_else(null, |kind| self.of(kind));
        object(&Map::from_iter([(name.to_owned(), value)]), &[name])
    }
}

fn null() -> Value {
    json!({ "type": "null" })
}

fn integer(least: impl Into<Value>, most: impl Into<Value>) -> Value {
    json!({ "type": "integer", "minimum": least.into(), "maximum": most.into() })
}

fn any_of(schemas: &[Value; 2]) -> Value {
    json!({ "anyOf": schemas })
}

fn one_of(schemas: impl Iterator<Item = Value>) -> Value {
    json!({ "oneOf": schemas.collect::<Value>() })
}

/// These items, the first ones at least.
fn sequence(items: Vec<Value>, at_least: usize) -> Value {
    let length = items.len();
    let mut schema = json!({ "type": "array", "minItems": at_least, "maxItems": length });
    // A list without items is no valid `prefixItems`.
    if length > 0 {
        schema["prefixItems"] = items.into();
    }
    schema
}

fn object(properties: &Map<String, Value>, required: &[&str]) -> Value {
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}
