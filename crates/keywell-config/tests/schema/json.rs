use serde_json::Value;
use toml::de::{DeTable, DeValue};

/// The JSON that editors check in place of TOML.
pub(crate) fn json(text: &str) -> Value {
    let table = DeTable::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    table_of(table.get_ref())
}

fn table_of(table: &DeTable<'_>) -> Value {
    let entries = table.iter();
    let entries =
        entries.map(|(name, value)| (name.get_ref().to_string(), value_of(value.get_ref())));
    Value::Object(entries.collect())
}

fn value_of(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(number) => {
            let number = i64::from_str_radix(number.as_str(), number.radix());
            number.unwrap().into()
        }
        DeValue::Float(number) => number.as_str().parse::<f64>().unwrap().into(),
        DeValue::Boolean(truth) => Value::Bool(*truth),
        DeValue::Datetime(time) => Value::String(time.to_string()),
        DeValue::Array(items) => items.iter().map(|item| value_of(item.get_ref())).collect(),
        DeValue::Table(table) => table_of(table),
    }
}
