use serde_json::Value;
use wasmtime::component::Val;

use super::read::read;
use super::room::{ArgumentRoom, MAX_BYTES};
use crate::invoke::call::Written;
use crate::invoke::error::CallError;
use crate::invoke::function::Function;

/// What is notated, for errors.
const FORM: &str = "JSON";

/// Reads the arguments of a call that is written `NAME(JSON, JSON)`.
///
/// # Errors
///
/// [`CallError::TooLong`], [`CallError::Syntax`], [`CallError::Count`] or [`CallError::Argument`].
pub fn parse(call: &Written<'_>, function: &Function) -> Result<Vec<Val>, CallError> {
    let text = call.arguments();
    if text.len() > MAX_BYTES {
        return Err(CallError::TooLong {
            bytes: text.len(),
            form: FORM,
            most: MAX_BYTES,
            hint: "",
        });
    }
    let syntax = |problem: String| CallError::Syntax {
        form: FORM,
        problem,
    };
    let inner = call.inner();
    let inner = inner.ok_or_else(|| syntax("the call does not end with )".to_owned()))?;
    let values: Vec<Value> =
        serde_json::from_str(&format!("[{inner}]")).map_err(|error| syntax(error.to_string()))?;
    arguments(&values, function, &mut ArgumentRoom::of_the_longest())
}

/// Reads the arguments of a call, and charges them to the room.
///
/// # Errors
///
/// [`CallError::Count`] or [`CallError::Argument`]. The latter also stands for arguments that do not
/// fit in the room, which [`ArgumentRoom::is_exceeded`] then says.
pub fn arguments(
    values: &[Value],
    function: &Function,
    room: &mut ArgumentRoom,
) -> Result<Vec<Val>, CallError> {
    function.check_count(values.len())?;
    let parameters = function.parameters().iter().enumerate();
    let read = parameters.zip(values).map(|((index, parameter), value)| {
        read(value, &parameter.kind, room).map_err(|mismatch| CallError::Argument {
            function: function.name().to_owned(),
            number: index + 1,
            parameter: parameter.name.clone(),
            mismatch: mismatch.into(),
        })
    });
    let read = read.collect::<Result<_, _>>()?;
    Ok(function.complete(read))
}
