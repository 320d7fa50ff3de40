//! What the functions of an invoke trigger are, for clients.

use std::fmt::Write as _;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::invoke::{Function, path, schema};

/// Each with the JSON Schema of its arguments and its result.
pub(super) fn json(prefix: &str, functions: &[&Function]) -> Bytes {
    let functions = functions.iter().map(|function| {
        json!({
            "name": function.full_name(),
            "path": format!("{prefix}/{}", path(function)),
            "signature": function.signature().to_string(),
            "parameters": schema::parameters(function),
            "result": schema::result(function),
        })
    });
    let list = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "functions": functions.collect::<Value>(),
    });
    format!("{list:#}\n").into()
}

/// A line each, for a request that names none of them.
pub(super) fn text(prefix: &str, functions: &[&Function]) -> Bytes {
    let mut text = "there is no such function; there is\n".to_owned();
    for function in functions {
        let (path, signature) = (path(function), function.signature());
        let _ = writeln!(text, "POST {prefix}/{path}  {signature}");
    }
    text.into()
}
