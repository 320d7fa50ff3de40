//! Reads WAVE. The grammar is that of the crate `wasm-wave`; what the values mean is decided here
//! by the types, so that an error says where a value is and what was expected there.

use std::str::FromStr;

use wasm_wave::ast::{Node, NodeType};
use wasm_wave::parser::{ParserError, ParserErrorKind};
use wasm_wave::untyped::UntypedValue;
use wasmtime::component::{Type, Val};

use crate::invoke::call::Written;
use crate::invoke::error::CallError;
use crate::invoke::function::Function;
use crate::invoke::mismatch::Mismatch;

/// The most bytes that the arguments of a call may have in WAVE. While it is read, a byte may take
/// 24 bytes of memory.
pub const MAX_BYTES: usize = 4 << 20;

/// What is notated, for errors.
const FORM: &str = "WAVE";

/// Reads the arguments of a call.
///
/// # Errors
///
/// [`CallError::TooLong`], [`CallError::Syntax`], [`CallError::Count`] or [`CallError::Argument`].
pub fn arguments(call: &Written<'_>, function: &Function) -> Result<Vec<Val>, CallError> {
    let text = call.arguments();
    if text.len() > MAX_BYTES {
        return Err(CallError::TooLong {
            bytes: text.len(),
            form: FORM,
            most: MAX_BYTES,
            hint: "; --json takes more, and bytes as base64",
        });
    }
    let read = match UntypedValue::parse(text) {
        Ok(read) => Some(read),
        // That of the arguments themselves; any other is a value.
        Err(error) if error.kind() == ParserErrorKind::EmptyTuple && error.span().start == 0 => {
            None
        }
        Err(error) => return Err(syntax(&error, text)),
    };
    let nodes: Vec<&Node> = match &read {
        Some(read) => {
            let nodes = read.node().as_tuple();
            nodes.map_err(|error| syntax(&error, text))?.collect()
        }
        None => Vec::new(),
    };
    function.check_count(nodes.len())?;
    let parameters = function.parameters().iter().enumerate();
    let values = parameters.zip(nodes).map(|((index, parameter), node)| {
        value(node, &parameter.kind, text).map_err(|mismatch| CallError::Argument {
            function: function.name().to_owned(),
            number: index + 1,
            parameter: parameter.name.clone(),
            mismatch: mismatch.into(),
        })
    });
    let values = values.collect::<Result<_, _>>()?;
    Ok(function.complete(values))
}

fn syntax(error: &ParserError, text: &str) -> CallError {
    let kind = error.kind();
    let start = error.span().start.min(text.len());
    let before = text.get(..start).unwrap_or_default();
    let column = before.chars().count();
    let came = text.get(error.span()).unwrap_or_default();
    let came: String = came.chars().take(20).collect();
    let problem = if came.is_empty() {
        format!("{kind}, {column} characters after the name")
    } else {
        format!("{kind} {came}, {column} characters after the name")
    };
    CallError::Syntax {
        form: FORM,
        problem,
    }
}

/// The value of a type that a node stands for.
fn value(node: &Node, kind: &Type, text: &str) -> Result<Val, Mismatch> {
    let other = |_| Mismatch::of(kind, slice(node, text));
    Ok(match kind {
        Type::Bool => Val::Bool(node.as_bool().map_err(other)?),
        Type::S8 => Val::S8(number(node, kind, text)?),
        Type::U8 => Val::U8(number(node, kind, text)?),
        Type::S16 => Val::S16(number(node, kind, text)?),
        Type::U16 => Val::U16(number(node, kind, text)?),
        Type::S32 => Val::S32(number(node, kind, text)?),
        Type::U32 => Val::U32(number(node, kind, text)?),
        Type::S64 => Val::S64(number(node, kind, text)?),
        Type::U64 => Val::U64(number(node, kind, text)?),
        Type::Float32 => Val::Float32(number(node, kind, text)?),
        Type::Float64 => Val::Float64(number(node, kind, text)?),
        Type::Char => Val::Char(node.as_char(text).map_err(other)?),
        Type::String => Val::String(node.as_str(text).map_err(other)?.into_owned()),
        Type::Enum(names) => {
            let name = node.as_enum(text).map_err(other)?;
            if !names.names().any(|known| known == name) {
                return Err(Mismatch::of(kind, name));
            }
            Val::Enum(name.to_owned())
        }
        Type::Flags(names) => {
            let given: Vec<&str> = node.as_flags(text).map_err(other)?.collect();
            if let Some(other) = given
                .iter()
                .find(|name| !names.names().any(|n| n == **name))
            {
                return Err(Mismatch::of(kind, other));
            }
            // In the order of the type.
            let set = names.names().filter(|name| given.contains(name));
            Val::Flags(set.map(str::to_owned).collect())
        }
        Type::List(list) => {
            let elements = node.as_list().map_err(other)?;
            Val::List(sequence(elements, &list.ty(), text)?)
        }
        Type::FixedLengthList(list) => {
            let elements = node.as_list().map_err(other)?;
            if elements.len() != list.len() as usize {
                return Err(Mismatch::of(kind, slice(node, text)));
            }
            Val::FixedLengthList(sequence(elements, &list.ty(), text)?)
        }
        Type::Tuple(tuple) => {
            let nodes = node.as_tuple().map_err(other)?;
            if nodes.len() != tuple.types().len() {
                return Err(Mismatch::of(kind, slice(node, text)));
            }
            let values = tuple.types().zip(nodes).enumerate();
            let values = values.map(|(index, (kind, node))| {
                value(node, &kind, text).map_err(|mismatch| mismatch.at(index))
            });
            Val::Tuple(values.collect::<Result<_, _>>()?)
        }
        Type::Record(_) => record(node, kind, text)?,
        Type::Variant(variant) => {
            let (name, payload) = node.as_variant(text).map_err(other)?;
            let case = variant.cases().find(|case| case.name == name);
            let case = case.ok_or_else(|| Mismatch::of(kind, slice(node, text)))?;
            let payload = self::payload(name, payload, case.ty.as_ref(), node, text)?;
            Val::Variant(name.to_owned(), payload)
        }
        Type::Option(option) => Val::Option(match node.ty() {
            NodeType::OptionNone => None,
            NodeType::OptionSome => {
                let inner = node.as_option().ok().flatten();
                payload("some", inner, Some(&option.ty()), node, text)?
            }
            _ => Some(Box::new(flat(node, &option.ty(), kind, text)?)),
        }),
        Type::Result(result) => Val::Result(match node.as_result() {
            Ok(Ok(inner)) => Ok(payload("ok", inner, result.ok().as_ref(), node, text)?),
            Ok(Err(inner)) => Err(payload("err", inner, result.err().as_ref(), node, text)?),
            Err(_) => match result.ok() {
                Some(ok) => Ok(Some(Box::new(flat(node, &ok, kind, text)?))),
                None => return Err(Mismatch::of(kind, slice(node, text))),
            },
        }),
        _ => return Err(Mismatch::of(kind, slice(node, text))),
    })
}

fn number<T: FromStr>(node: &Node, kind: &Type, text: &str) -> Result<T, Mismatch> {
    let read = node.as_number(text);
    read.map_err(|_| Mismatch::of(kind, slice(node, text)))
}

fn sequence<'a>(
    nodes: impl Iterator<Item = &'a Node>,
    kind: &Type,
    text: &str,
) -> Result<Vec<Val>, Mismatch> {
    let values = nodes
        .enumerate()
        .map(|(index, node)| value(node, kind, text).map_err(|mismatch| mismatch.at(index)));
    values.collect()
}

/// A record, whose fields come in any order. Fields that are options may be left out.
fn record(node: &Node, kind: &Type, text: &str) -> Result<Val, Mismatch> {
    let Type::Record(record) = kind else {
        return Err(Mismatch::of(kind, slice(node, text)));
    };
    let given = node.as_record(text);
    let given = given.map_err(|_| Mismatch::of(kind, slice(node, text)))?;
    let given: Vec<(&str, &Node)> = given.collect();
    let is_known = |name: &str| record.fields().any(|field| field.name == name);
    if let Some((name, _)) = given.iter().find(|(name, _)| !is_known(name)) {
        return Err(Mismatch::new("no such field", name).within(name));
    }
    let fields = record.fields().map(|field| {
        let found = given.iter().find(|(name, _)| *name == field.name);
        let read = match (found, &field.ty) {
            (Some((_, node)), kind) => value(node, kind, text),
            (None, Type::Option(_)) => Ok(Val::Option(None)),
            (None, kind) => Err(Mismatch::of(kind, "nothing")),
        };
        let read = read.map_err(|mismatch| mismatch.within(field.name));
        Ok((field.name.to_owned(), read?))
    });
    Ok(Val::Record(fields.collect::<Result<_, _>>()?))
}

/// What a case has in its parentheses.
fn payload(
    case: &str,
    given: Option<&Node>,
    kind: Option<&Type>,
    node: &Node,
    text: &str,
) -> Result<Option<Box<Val>>, Mismatch> {
    match (given, kind) {
        (None, None) => Ok(None),
        (Some(given), Some(kind)) => {
            let read = value(given, kind, text);
            let read = read.map_err(|mismatch| mismatch.within(case))?;
            Ok(Some(Box::new(read)))
        }
        (None, Some(kind)) => Err(Mismatch::of(kind, "nothing").within(case)),
        (Some(_), None) => Err(Mismatch::new(case, slice(node, text))),
    }
}

/// A value that stands for `some` or `ok` of itself. An option or a result never does, as it would
/// mean two things.
fn flat(node: &Node, inner: &Type, kind: &Type, text: &str) -> Result<Val, Mismatch> {
    if matches!(inner, Type::Option(_) | Type::Result(_)) {
        return Err(Mismatch::of(kind, slice(node, text)));
    }
    value(node, inner, text).map_err(|mismatch| {
        // Of what is wrong as a whole, the whole type is expected.
        if mismatch.place().is_empty() {
            Mismatch::of(kind, slice(node, text))
        } else {
            mismatch
        }
    })
}

fn slice<'a>(node: &Node, text: &'a str) -> &'a str {
    text.get(node.span()).unwrap_or_default()
}
