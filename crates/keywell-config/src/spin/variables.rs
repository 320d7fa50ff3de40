use std::collections::BTreeMap;

use crate::report::secrets::is_secret;
use crate::tree::Node;
use crate::tree::fields::{self, Fields, Unknown};
use crate::tree::finding::{self, Findings};
use crate::{Located, Lookup, Place};

/// The variables of an application, by their names. One whose value is wrong has none.
pub(super) struct Variables(BTreeMap<String, Option<Variable>>);

/// The value of a variable.
struct Variable {
    value: String,
    /// Whether it is not to be shown.
    is_secret: bool,
}

/// A text whose variables were replaced.
pub(super) struct Expanded {
    pub(super) text: String,
    /// Whether a value in it is not to be shown.
    pub(super) is_secret: bool,
}

// === impl Variables ===

impl Variables {
    /// What begins the names of environment variables.
    const PREFIX: &str = "SPIN_VARIABLE_";

    pub(super) fn read(
        node: Option<&Node<'_>>,
        lookup: &dyn Lookup,
        findings: &mut Findings,
    ) -> Self {
        let mut variables = BTreeMap::new();
        let table = node.and_then(|node| Fields::of(node, "variables", findings));
        for (name, node) in table.iter().flat_map(Fields::entries) {
            let variable = variable(&name.value, node, name.place, lookup, findings);
            variables.insert(name.value.clone().into_owned(), variable);
        }
        Self(variables)
    }

    /// Replaces `{{ NAME }}` in a text. None where that is wrong, which was reported.
    pub(super) fn expand(
        &self,
        text: &Located<String>,
        findings: &mut Findings,
    ) -> Option<Expanded> {
        let mut expanded = Expanded {
            text: String::new(),
            is_secret: false,
        };
        let mut rest = &*text.value;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((name, behind)) = after.split_once("}}") else {
                let message = "this has a {{ without }}";
                let help = "write a variable as {{ NAME }}";
                findings.push(finding::error(text.place, message).help(help));
                return None;
            };
            let name = name.trim();
            let Some(variable) = self.0.get(name) else {
                let message = format!("there is no variable {name}");
                let help = format!("add {name} to [variables]");
                let finding = finding::error(text.place, message).help(help);
                findings.push(finding.did_you_mean(name, self.0.keys().map(String::as_str)));
                return None;
            };
            let variable = variable.as_ref()?;
            expanded.text += before;
            expanded.text += &variable.value;
            expanded.is_secret |= variable.is_secret;
            rest = behind;
        }
        expanded.text += rest;
        Some(expanded)
    }
}

fn variable(
    name: &str,
    node: &Node<'_>,
    place: Place,
    lookup: &dyn Lookup,
    findings: &mut Findings,
) -> Option<Variable> {
    let mut fields = Fields::of(node, format!("the variable {name}"), findings)?;
    fields.skip(&["description"]);
    let default = fields.take("default").and_then(|node| match node.text() {
        // An empty default is one.
        Some("") => Some(String::new()),
        _ => fields::text(node, &format!("default of {}", fields.what), findings)
            .map(|text| text.value),
    });
    let has_default = fields.has("default");
    let is_required = fields.boolean("required", findings);
    let is_kept = fields.boolean("secret", findings).unwrap_or(false);
    fields.finish(Unknown::Refused, findings);
    if !has_default && is_required != Some(true) {
        let message = format!("the variable {name} is neither required nor has a default");
        let help = "add required = true, or default = \"\"";
        findings.push(finding::error(place, message).help(help));
        return None;
    }
    let key = format!("{}{}", Variables::PREFIX, name.to_uppercase());
    match lookup.variable(&key) {
        // What the environment has is not shown, whatever it is.
        Ok(Some(value)) => Some(Variable {
            value: value.expose().to_owned(),
            is_secret: true,
        }),
        Ok(None) => {
            if !has_default {
                let message = format!("the variable {name} has no value");
                let help = format!("set the environment variable {key}");
                findings.push(finding::error(place, message).help(help));
            }
            default.map(|value| Variable {
                is_secret: is_kept || is_secret(name, &value),
                value,
            })
        }
        Err(problem) => {
            let message = format!("the environment variable {key} {problem}");
            findings.push(finding::error(place, message));
            None
        }
    }
}
