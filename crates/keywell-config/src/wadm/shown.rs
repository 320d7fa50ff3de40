//! Which values of a manifest are shown beside what is wrong: those of keys that are known and not
//! secret.

use std::ops::Range;

use crate::report::secrets;
use crate::tree::{Key, Node, Value, in_bytes};

/// The keys whose values are no secrets.
const SHOWN: &[&str] = &[
    "apiVersion",
    "annotations",
    "application",
    "backend",
    "component",
    "components",
    "config",
    "field",
    "id",
    "image",
    "instances",
    "interfaces",
    "key",
    "kind",
    "labels",
    "metadata",
    "name",
    "namespace",
    "package",
    "policies",
    "policy",
    "properties",
    "replicas",
    "requirements",
    "secrets",
    "source",
    "source_config",
    "spec",
    "spread",
    "target",
    "target_config",
    "traits",
    "type",
    "version",
    "weight",
];

/// The keys of providers' configuration whose values are no secrets.
const SETTINGS: &[&str] = &[
    "address",
    "cache_control",
    "default_address",
    "header",
    "host",
    "path",
    "port",
    "readonly_mode",
    "routing_mode",
    "timeout_ms",
    "watch",
];

/// Where the values are that may be secret, as bytes of the text.
pub(super) fn secrets(text: &str, root: &Node<'_>) -> Vec<Range<usize>> {
    let mut hidden = Vec::new();
    walk(root, "", &mut hidden);
    hidden.sort_by_key(|span: &Range<usize>| span.start);
    in_bytes(text, &hidden)
}

/// Where they may be in a text that cannot be read: everything behind a colon, unless the key is known,
/// and every line without one.
pub(super) fn secrets_in_broken(text: &str) -> Vec<Range<usize>> {
    let mut secrets = Vec::new();
    let mut from = 0;
    for line in text.split('\n') {
        let end = line.trim_end().len();
        let begin = line.len() - line.trim_start_matches([' ', '-', '\t']).len();
        let hidden = match line.split_once(':') {
            Some((key, value)) if is_shown(key) && !value.contains(['{', '[']) => end..end,
            Some((key, value)) => key.len() + 1 + value.len() - value.trim_start().len()..end,
            None => begin..end,
        };
        secrets.push(from + hidden.start..from + hidden.end.max(hidden.start));
        from += line.len() + 1;
    }
    secrets
}

fn is_shown(key: &str) -> bool {
    let key = key
        .trim_start_matches([' ', '-', '\t', '{', '['])
        .trim_end();
    SHOWN.contains(&key.trim_matches(['"', '\'']))
}

/// Finds the scalars to hide, by their characters. `within` is the key of the value.
fn walk(node: &Node<'_>, within: &str, hidden: &mut Vec<Range<usize>>) {
    match &node.value {
        Value::Scalar(_) => {}
        Value::List(items) => items.iter().for_each(|item| walk(item, within, hidden)),
        Value::Mapping(entries) => {
            let is_set = within != "secrets" && node.get("type").is_none();
            let is_set = is_set && node.get("name").is_some();
            let is_free = matches!(within, "annotations" | "labels" | "requirements");
            for (key, node) in entries {
                let is_of_set = is_set && key.value == "properties";
                if is_free || SHOWN.contains(&&*key.value) && !is_of_set {
                    walk(node, &key.value, hidden);
                } else {
                    hide(node, hidden);
                }
            }
        }
    }
}

/// Hides every value of it, and of a URL what may be secret.
fn hide(node: &Node<'_>, hidden: &mut Vec<Range<usize>>) {
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| hide(item, hidden)),
        Value::Mapping(entries) => {
            let entries = entries.iter();
            let is_shown = |(key, node): &&(Key<'_>, Node<'_>)| {
                node.text().is_some() && SETTINGS.contains(&&*key.value)
            };
            let hidden_of = entries.filter(|entry| !is_shown(entry));
            hidden_of.for_each(|(_, node)| hide(node, hidden));
        }
        Value::Scalar(scalar) => {
            let (text, span) = (&*scalar.text, &scalar.span);
            // Quoted or escaped, the characters of the text are elsewhere.
            let is_as_written = span.len() == text.chars().count() && text.is_ascii();
            if !(is_as_written && text.contains("://")) {
                hidden.push(span.clone());
                return;
            }
            let secrets = secrets::of_url(text).into_iter();
            hidden.extend(secrets.map(|part| span.start + part.start..span.start + part.end));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wadm::{json, yaml};

    fn masked(text: &str, secrets: Vec<Range<usize>>) -> String {
        let mut text = text.to_owned();
        for secret in secrets
            .into_iter()
            .rev()
            .filter(|secret| !secret.is_empty())
        {
            text.replace_range(secret, "*");
        }
        text
    }

    #[test]
    fn values_of_sets_and_of_unknown_keys_are_hidden() {
        let text = "ä: hunter2\nspec:\n  policies:\n    - name: p\n      type: t\n      properties: {backend: b, x: hunter2}\n  components:\n    - name: ü\n      type: component\n      properties:\n        image: i\n        secrets: [{name: s, properties: {policy: p, key: k}}]\n        config:\n          - name: c\n            properties:\n              name: \"hun\\tter2\"\n              url: redis://u:hunter2@h\n              long: |\n                hunter2\n                hunter2\n";
        let root = yaml::read(text).unwrap().root.unwrap();
        let shown = masked(text, secrets(text, &root));
        assert!(!shown.contains("ter2"), "{shown}");
        for part in [
            "backend: b, x: *}",
            "name: ü",
            "image: i",
            "key: k",
            "redis://u:*@h",
        ] {
            assert!(shown.contains(part), "{shown}");
        }
    }

    #[test]
    fn json_is_masked_as_yaml_is() {
        let text = "{\"spec\": {\"é\": \"hunter2\", \"components\": [{\"name\": \"a\", \"properties\": {\"k\": \"hunter2\"}}]}}";
        let root = json::read(text).unwrap().unwrap();
        let shown = masked(text, secrets(text, &root));
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("\"name\": \"a\""), "{shown}");
    }

    #[test]
    fn of_a_broken_text_only_known_keys_are_shown() {
        let text = "kind: Application\n- name: a\n  password: hunter2\nhunter2\n  - url: [hunter2";
        let shown = masked(text, secrets_in_broken(text));
        assert_eq!(
            shown,
            "kind: Application\n- name: a\n  password: *\n*\n  - url: *"
        );
    }
}
