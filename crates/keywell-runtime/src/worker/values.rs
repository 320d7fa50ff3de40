//! Arguments and answers as journals have them: JSON.

use bytes::Bytes;
use serde_json::Value;
use wasmtime::component::Val;

use crate::invoke::{CallError, Function, json};

/// The arguments of a call in JSON, an array; none if one of them has no form in it.
pub(super) fn written_arguments(function: &Function, arguments: &[Val]) -> Option<Bytes> {
    let kinds = function.parameters().iter().zip(arguments);
    let values = kinds.map(|(parameter, value)| json::to_json(value, &parameter.kind));
    let values: Option<Vec<Value>> = values.collect();
    serde_json::to_vec(&values?).ok().map(Bytes::from)
}

/// Reads the recorded arguments of a call.
///
/// # Errors
///
/// [`CallError`] where the function takes others.
pub fn arguments(function: &Function, written: &[u8]) -> Result<Vec<Val>, CallError> {
    let values: Vec<Value> = read(written)?;
    // As large as they were when they were recorded.
    let mut room = json::ArgumentRoom::new(usize::MAX);
    json::arguments(&values, function, &mut room)
}

/// What a function returned, in JSON; none if it has no form in it.
pub(super) fn written_answer(function: &Function, results: &[Val]) -> Option<Bytes> {
    let value = match (results, function.results()) {
        ([result, ..], [kind, ..]) => json::to_json(result, kind)?,
        _ => Value::Null,
    };
    serde_json::to_vec(&value).ok().map(Bytes::from)
}

/// Reads what a function returned: nothing, or one value.
///
/// # Errors
///
/// [`CallError::Syntax`] where it returns something else.
pub fn answer(function: &Function, written: &[u8]) -> Result<Vec<Val>, CallError> {
    let Some(kind) = function.results().first() else {
        return Ok(Vec::new());
    };
    let value = json::from_json(&read(written)?, kind);
    value
        .map(|value| vec![value])
        .map_err(|mismatch| syntax(mismatch.to_string()))
}

fn read<T: serde::de::DeserializeOwned>(written: &[u8]) -> Result<T, CallError> {
    serde_json::from_slice(written).map_err(|error| syntax(error.to_string()))
}

fn syntax(problem: String) -> CallError {
    CallError::Syntax {
        form: "JSON",
        problem,
    }
}
