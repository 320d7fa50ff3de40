//! Named configuration and secrets, as components, providers and links have them.

use super::fields::{self, Fields, Unknown};
use super::finding::{self, Findings};
use crate::report::secrets::is_confidential;
use crate::tree::{Key, Kind, Node, Value};
use crate::{Located, Secret};

/// A named set of configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigItem {
    /// The set's name.
    pub name: Located<String>,
    /// What is in it, or nothing if the set is made elsewhere.
    pub properties: Option<Vec<Property>>,
}

/// A key of a set, and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// The key.
    pub name: Located<String>,
    /// The value, which may be a password or have one in it.
    pub value: Located<Secret>,
}

/// A secret, by reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretItem {
    /// What the component or provider asks for.
    pub name: Located<String>,
    /// The policy that says which backend has it.
    pub policy: Located<String>,
    /// The backend's name for it.
    pub key: Located<String>,
    /// The member of it, if it is a JSON object.
    pub field: Option<Located<String>>,
    /// The version of it, if it is not the last.
    pub version: Option<Located<String>>,
}

/// The items of a `config` list.
pub(super) fn config(items: &[Node<'_>], what: &str, findings: &mut Findings) -> Vec<ConfigItem> {
    let items = items.iter();
    items
        .filter_map(|node| config_item(node, what, findings))
        .collect()
}

fn config_item(node: &Node<'_>, what: &str, findings: &mut Findings) -> Option<ConfigItem> {
    let mut fields = Fields::of(node, format!("a configuration of {what}"), findings)?;
    let name = fields.text("name", findings);
    if let Some(name) = &name {
        fields.what = format!("the configuration {} of {what}", name.value);
    }
    let properties = fields.take("properties");
    let properties = properties.map(|node| properties_of(node, &fields.what, findings));
    fields.finish(Unknown::Refused, findings);
    let name = name?;
    Some(ConfigItem { name, properties })
}

fn properties_of(node: &Node<'_>, what: &str, findings: &mut Findings) -> Vec<Property> {
    let Some(fields) = Fields::of(node, format!("properties of {what}"), findings) else {
        return Vec::new();
    };
    let mut properties = Vec::new();
    for (key, node) in fields.entries() {
        let value = match &node.value {
            Value::Scalar(scalar) if scalar.kind() == Kind::Text => scalar.text.clone(),
            Value::Scalar(scalar) => {
                let message = format!(
                    "{} of {what} should be a text, and is {}",
                    key.value,
                    node.what()
                );
                let finding = finding::error(node.place, message);
                // A number may be a password, which is not shown.
                findings.push(match scalar.kind() {
                    Kind::Null => finding.help("write \"\" for an empty text"),
                    Kind::Number if is_confidential(&key.value) => {
                        finding.help("write it in quotes")
                    }
                    _ => finding.help(fields::quoted(&scalar.text)),
                });
                continue;
            }
            _ => {
                let what = format!("{} of {what}", key.value);
                let finding = fields::unlike(node, &what, "a text");
                findings.push(finding.help("write a list or a mapping as JSON, in quotes"));
                continue;
            }
        };
        properties.push(property(key, node, value.into_owned()));
    }
    properties
}

/// A mapping whose values may have quotes or not.
pub(super) fn loose_properties(
    node: &Node<'_>,
    what: &str,
    findings: &mut Findings,
) -> Option<Vec<Property>> {
    let fields = Fields::of(node, what, findings)?;
    let entries = fields.entries().iter();
    let properties = entries.filter_map(|(key, node)| {
        let what = format!("{} of {what}", key.value);
        let value = fields::loose_text(node, &what, findings)?;
        Some(property(key, node, value.value))
    });
    Some(properties.collect())
}

fn property(key: &Key<'_>, node: &Node<'_>, value: String) -> Property {
    Property {
        name: Located {
            value: key.value.clone().into_owned(),
            place: key.place,
        },
        value: Located {
            value: Secret::from(value),
            place: node.place,
        },
    }
}

/// The items of a `secrets` list.
pub(super) fn secrets(items: &[Node<'_>], what: &str, findings: &mut Findings) -> Vec<SecretItem> {
    let items = items.iter();
    items
        .filter_map(|node| secret(node, what, findings))
        .collect()
}

fn secret(node: &Node<'_>, what: &str, findings: &mut Findings) -> Option<SecretItem> {
    let mut fields = Fields::of(node, format!("a secret of {what}"), findings)?;
    let name = fields.text("name", findings);
    if let Some(name) = &name {
        fields.what = format!("the secret {} of {what}", name.value);
    }
    for old in ["source", "backend"] {
        if fields.has(old) && !fields.has("properties") {
            let message = format!("{} has {old}, which older texts have", fields.what);
            let help = "write properties: with policy: and key: in it";
            findings.push(finding::error(fields.key_place(old), message).help(help));
            return None;
        }
    }
    let properties = fields.required("properties", findings);
    let what = fields.what.clone();
    fields.finish(Unknown::Refused, findings);
    let mut fields = Fields::of(properties?, format!("properties of {what}"), findings)?;
    let policy = fields.text("policy", findings);
    let key = fields.text("key", findings);
    let field = fields.optional_text("field", findings);
    let version = fields.optional_text("version", findings);
    fields.finish(Unknown::Refused, findings);
    Some(SecretItem {
        name: name?,
        policy: policy?,
        key: key?,
        field,
        version,
    })
}
