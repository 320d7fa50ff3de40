use super::fields::{self, Fields, Unknown};
use super::finding::{self, Findings};
use crate::tree::{Kind, Node, Value};
use crate::{Located, Place};

/// How many invocations of a component may run at once, by a `spreadscaler` or `daemonscaler`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scaler {
    /// The number; 0 turns the component off.
    pub instances: Located<u32>,
    /// Where the trait begins.
    pub place: Place,
}

/// Reads the properties of a scaler.
pub(super) fn read(node: &Node<'_>, what: &str, findings: &mut Findings) -> Option<Scaler> {
    let mut fields = Fields::of(node, what, findings)?;
    let instances = fields.take("instances");
    let replicas = fields.take("replicas");
    if let Some(spread) = fields.take("spread") {
        let message = format!("spread of {what} has no effect: all of it runs on one machine");
        findings.push(finding::warning(fields.key_place("spread"), message).help("leave it out"));
        check_spread(spread, what, findings);
    }
    let number = match (instances, replicas) {
        (Some(_), Some(replicas)) => {
            let message = format!("{what} has instances and replicas, which are the same");
            findings.push(finding::error(replicas.place, message).help("keep instances"));
            None
        }
        (Some(number), None) | (None, Some(number)) => Some(number),
        (None, None) => {
            let help = "add instances, the most invocations at once";
            findings.push(fields.misses("instances").help(help));
            None
        }
    };
    fields.finish(Unknown::Refused, findings);
    Some(Scaler {
        instances: Located {
            value: self::number(number?, &format!("instances of {what}"), findings)?,
            place: number?.place,
        },
        place: node.place,
    })
}

fn number(node: &Node<'_>, what: &str, findings: &mut Findings) -> Option<u32> {
    let number = match &node.value {
        Value::Scalar(scalar) if scalar.kind() == Kind::Number => scalar.text.parse().ok(),
        _ => None,
    };
    if number.is_none() {
        let message = format!("{what} should be a whole number, 0 to {}", u32::MAX);
        let finding = finding::error(node.place, message);
        let is_quoted = node.text().is_some_and(|text| text.parse::<u32>().is_ok());
        findings.push(if is_quoted {
            finding.help("write it without quotes")
        } else {
            finding
        });
    }
    number
}

/// The items of `spread`, which wadm reads strictly.
fn check_spread(node: &Node<'_>, what: &str, findings: &mut Findings) {
    let what = format!("spread of {what}");
    if !matches!(node.value, Value::List(_)) {
        findings.push(fields::unlike(node, &what, "a list"));
    }
    for item in node.items() {
        let Some(mut fields) = Fields::of(item, format!("an item of {what}"), findings) else {
            continue;
        };
        fields.text("name", findings);
        if let Some(requirements) = fields.required("requirements", findings)
            && let Some(fields) = Fields::of(requirements, "requirements", findings)
        {
            for (key, value) in fields.entries() {
                fields::text(value, &format!("{} of requirements", key.value), findings);
            }
        }
        if let Some(weight) = fields.take("weight") {
            number(weight, "weight", findings);
        }
        fields.finish(Unknown::Refused, findings);
    }
}
