use std::collections::HashMap;
use std::path::Path;

use keywell_config::{Draft, Lookup, Plan, Secret};
use keywell_store::terminal::is_safe;

/// What variables and secrets have, which no plan may show.
const CONCEALED: &str = "concealed-3f9c";

/// Every variable, configuration set and secret that a file may name, save those of the name
/// `nowhere`.
pub(crate) struct Everything;

/// The variables of a plan that was printed.
struct Variables(HashMap<String, Secret>);

/// Checks that a plan is shown without what it conceals, and is read as it is shown.
pub(crate) fn check(plan: &Plan) {
    plan.check().expect("a plan without errors holds together");
    let printed = plan.to_toml();
    let text = &printed.text;
    assert!(
        text.chars().all(|c| is_safe(c) || c == '\n'),
        "{text:?} acts"
    );
    assert!(!text.contains(CONCEALED), "{text} shows what is concealed");
    let variables = Variables(printed.variables.into_iter().collect());
    let file = plan.file.as_deref().unwrap_or(Path::new(""));
    let again = Draft::from_toml_with(&file.with_file_name("printed.toml"), text, &variables);
    assert!(!again.report.has_errors(), "{}\n{text}", again.report);
    assert_eq!(bare(&again.plan), bare(plan), "{text}");
    assert_eq!(&again.plan.to_toml().text, text);
}

/// What of a plan has an effect.
fn bare(plan: &Plan) -> Plan {
    let mut plan = plan.without_places();
    for component in plan.components.values_mut() {
        keep_last(&mut component.config);
        keep_last(&mut component.env);
        keep_last(&mut component.secrets);
    }
    plan
}

/// Keeps of each key its last value, at the place of its first.
fn keep_last<V>(values: &mut Vec<(String, V)>) {
    let mut kept: Vec<(String, V)> = Vec::new();
    for (key, value) in values.drain(..) {
        match kept.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) => *known = value,
            None => kept.push((key, value)),
        }
    }
    *values = kept;
}

// === impl Everything ===

impl Lookup for Everything {
    fn variable(&self, name: &str) -> Result<Option<Secret>, String> {
        self.secret(name)
    }

    fn config_set(&self, name: &str) -> Result<Option<Vec<(String, String)>>, String> {
        let set = [("set", name), ("watch", "SET@order:7,DEL@a*b")];
        let set = set.map(|(key, value)| (key.to_owned(), value.to_owned()));
        Ok((name != "nowhere").then(|| set.into()))
    }

    fn secret(&self, name: &str) -> Result<Option<Secret>, String> {
        Ok((name != "nowhere").then(|| CONCEALED.to_owned().into()))
    }
}

// === impl Variables ===

impl Lookup for Variables {
    fn variable(&self, name: &str) -> Result<Option<Secret>, String> {
        Ok(self.0.get(name).cloned())
    }

    fn config_set(&self, _name: &str) -> Result<Option<Vec<(String, String)>>, String> {
        Ok(None)
    }

    fn secret(&self, _name: &str) -> Result<Option<Secret>, String> {
        Ok(None)
    }
}
