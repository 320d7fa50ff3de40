use serde_json::{Map, Value, json};

use crate::section::{Key, Kind, ROOT, Section};

/// The JSON Schema (2020-12) of a `keywell.toml`, as text, for editors that complete and check it.
///
/// It is made from the tables that the reader takes its keys from. What it cannot express, such as
/// that a name is defined, only the reader checks.
pub fn schema() -> String {
    let mut schema = section(&ROOT);
    let root = schema.as_object_mut().expect("a section is an object");
    root.insert(
        "$schema".to_owned(),
        "https://json-schema.org/draft/2020-12/schema".into(),
    );
    root.insert("title".to_owned(), "keywell.toml".into());
    root.insert("required".to_owned(), json!(["trigger"]));
    let component = &mut schema["properties"]["component"]["additionalProperties"];
    component["oneOf"] = json!([{ "required": ["path"] }, { "required": ["image"] }]);
    let text = serde_json::to_string_pretty(&schema).expect("a value can be written");
    text + "\n"
}

fn section(section: &Section) -> Value {
    let keys = section.keys.iter();
    let required = keys.clone().filter(|key| key.is_required);
    let required: Vec<&str> = required.map(|key| key.name).collect();
    let properties: Map<String, Value> = keys
        .map(|key| (key.name.to_owned(), property(key)))
        .collect();
    let mut schema = json!({
        "type": "object",
        "description": section.help,
        "properties": properties,
        "additionalProperties": section.others.as_ref().map_or(json!(false), kind),
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// One of the places where a secret is found.
fn secret(places: &Section) -> Value {
    let mut schema = section(places);
    schema["minProperties"] = 1.into();
    schema["maxProperties"] = 1.into();
    schema
}

fn property(key: &Key) -> Value {
    let mut schema = kind(&key.kind);
    let mut description = key.help.to_owned();
    if !key.default.is_empty() {
        description = format!("{description}; default: {}", key.default);
    }
    schema["description"] = description.into();
    schema
}

fn kind(of: &Kind) -> Value {
    match of {
        Kind::Text | Kind::Path | Kind::Name => json!({ "type": "string" }),
        Kind::Address => json!({ "type": "string", "pattern": ":[0-9]+$" }),
        Kind::Boolean => json!({ "enum": [true, false, "true", "false"] }),
        Kind::Number(range) => json!({ "anyOf": [
            { "type": "integer", "minimum": range.start(), "maximum": range.end() },
            { "type": "string", "pattern": "^[0-9]+$" },
        ] }),
        Kind::Size => json!({ "type": "string", "pattern": "^[0-9]+ *(KiB|MiB|GiB)$" }),
        Kind::Duration => json!({ "type": "string", "pattern": "^[0-9]+ *(ms|s|m|h)$" }),
        Kind::Texts => json!({ "anyOf": [
            { "type": "string" },
            { "type": "array", "items": { "type": "string" } },
        ] }),
        Kind::Bytes(range) => json!({ "anyOf": [
            { "type": "integer", "minimum": range.start(), "maximum": range.end() },
            { "type": "string", "pattern": "^[0-9]+ *(KiB|MiB|GiB)?$" },
        ] }),
        Kind::Secret(place) => json!({ "anyOf": [{ "type": "string" }, secret(place)] }),
        Kind::Setting(place) => {
            json!({ "anyOf": [{ "type": ["string", "number", "boolean"] }, secret(place)] })
        }
        Kind::Table(inner) => section(inner),
        Kind::TextOrTable(inner) => json!({ "anyOf": [{ "type": "string" }, section(inner)] }),
        Kind::BooleanOrTable(inner) => {
            json!({ "anyOf": [kind(&Kind::Boolean), section(inner)] })
        }
        Kind::Tables(inner) => json!({ "type": "array", "items": section(inner) }),
        Kind::Map(kind_of_values) => json!({
            "type": "object",
            "additionalProperties": kind(kind_of_values),
        }),
    }
}
