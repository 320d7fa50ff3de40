use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value};
use wasmtime::component::{Type, Val};

/// The largest integer that every reader of JSON takes for what it is: 2^53.
const LARGEST: u64 = 1 << 53;

/// A value of a type in JSON; none of one that holds a resource, a stream or a future, or is not of
/// that type.
pub fn to_json(value: &Val, kind: &Type) -> Option<Value> {
    Some(match (value, kind) {
        (Val::Bool(value), _) => Value::Bool(*value),
        (Val::S8(value), _) => Value::from(*value),
        (Val::U8(value), _) => Value::from(*value),
        (Val::S16(value), _) => Value::from(*value),
        (Val::U16(value), _) => Value::from(*value),
        (Val::S32(value), _) => Value::from(*value),
        (Val::U32(value), _) => Value::from(*value),
        (Val::S64(value), _) if value.unsigned_abs() > LARGEST => Value::from(value.to_string()),
        (Val::U64(value), _) if *value > LARGEST => Value::from(value.to_string()),
        (Val::S64(value), _) => Value::from(*value),
        (Val::U64(value), _) => Value::from(*value),
        // The shortest number that is this one, and not what it is in 64 bits.
        (Val::Float32(value), _) => float(value.to_string().parse().unwrap_or(f64::NAN)),
        (Val::Float64(value), _) => float(*value),
        (Val::Char(value), _) => Value::from(value.to_string()),
        (Val::String(text) | Val::Enum(text), _) => Value::from(text.as_str()),
        (Val::Flags(names), _) => Value::from(names.as_slice()),
        (Val::List(values), Type::List(list)) => match list.ty() {
            Type::U8 => Value::from(STANDARD.encode(bytes(values)?)),
            kind => sequence(values.iter().map(|value| (value, kind.clone())))?,
        },
        (Val::FixedLengthList(values), Type::FixedLengthList(list)) => {
            let kind = list.ty();
            sequence(values.iter().map(|value| (value, kind.clone())))?
        }
        (Val::Tuple(values), Type::Tuple(tuple)) => sequence(values.iter().zip(tuple.types()))?,
        (Val::Map(pairs), Type::Map(map)) => {
            let (keys, values) = (map.key(), map.value());
            let pairs = pairs.iter().map(|(key, value)| {
                sequence([(key, keys.clone()), (value, values.clone())].into_iter())
            });
            Value::Array(pairs.collect::<Option<_>>()?)
        }
        (Val::Record(fields), Type::Record(record)) => {
            let fields = fields.iter().zip(record.fields());
            let fields = fields
                .map(|((name, value), field)| Some((name.clone(), to_json(value, &field.ty)?)));
            Value::Object(fields.collect::<Option<_>>()?)
        }
        (Val::Option(None), _) => Value::Null,
        (Val::Option(Some(value)), Type::Option(option)) => match option.ty() {
            kind @ Type::Option(_) => case("some", Some(value), Some(&kind))?,
            kind => to_json(value, &kind)?,
        },
        (Val::Variant(name, payload), Type::Variant(variant)) => {
            let kind = variant.cases().find(|case| case.name == name)?.ty;
            case(name, payload.as_deref(), kind.as_ref())?
        }
        (Val::Result(Ok(value)), Type::Result(result)) => {
            case("ok", value.as_deref(), result.ok().as_ref())?
        }
        (Val::Result(Err(value)), Type::Result(result)) => {
            case("err", value.as_deref(), result.err().as_ref())?
        }
        _ => return None,
    })
}

fn float(value: f64) -> Value {
    match Number::from_f64(value) {
        Some(number) => Value::Number(number),
        None if value.is_nan() => Value::from("nan"),
        // `inf` or `-inf`.
        None => Value::from(value.to_string()),
    }
}

fn bytes(values: &[Val]) -> Option<Vec<u8>> {
    let bytes = values.iter().map(|value| match value {
        Val::U8(byte) => Some(*byte),
        _ => None,
    });
    bytes.collect()
}

fn sequence<'a>(values: impl Iterator<Item = (&'a Val, Type)>) -> Option<Value> {
    let values = values.map(|(value, kind)| to_json(value, &kind));
    Some(Value::Array(values.collect::<Option<_>>()?))
}

/// An object with one key.
fn case(name: &str, value: Option<&Val>, kind: Option<&Type>) -> Option<Value> {
    let value = match (value, kind) {
        (Some(value), Some(kind)) => to_json(value, kind)?,
        _ => Value::Null,
    };
    Some(Value::Object(Map::from_iter([(name.to_owned(), value)])))
}
