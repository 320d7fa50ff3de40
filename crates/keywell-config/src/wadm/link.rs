use super::fields::{self, Fields, Unknown};
use super::finding::{self, Findings};
use super::settings::{self, ConfigItem, SecretItem};
use crate::tree::{Node, Value};
use crate::{Located, Place};

/// That one component calls another by some interfaces. It stands at the one that calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its name, if it is not [`Link::DEFAULT`].
    pub name: Option<Located<String>>,
    /// The namespace of the interfaces: `wasi`.
    pub namespace: Located<String>,
    /// Their package, without a version: `keyvalue`.
    pub package: Located<String>,
    /// The interfaces, without a version; at least one.
    pub interfaces: Vec<Located<String>>,
    /// The component that is called.
    pub target: Located<String>,
    /// What the calling side reads, if it is a provider.
    pub source_side: LinkSide,
    /// What the called side reads, if it is a provider.
    pub target_side: LinkSide,
    /// Where it begins.
    pub place: Place,
}

/// What one side of a link is configured with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkSide {
    /// The configuration; of two sets with one key, the later wins.
    pub config: Vec<ConfigItem>,
    /// The secrets.
    pub secrets: Vec<SecretItem>,
}

// === impl Link ===

impl Link {
    /// The name of a link that has none.
    pub const DEFAULT: &str = "default";

    /// Its name.
    pub fn name(&self) -> &str {
        let name = self.name.as_ref();
        name.map_or(Self::DEFAULT, |name| &name.value)
    }

    /// An interface of it as components import it: `wasi:keyvalue/store`.
    pub fn interface(&self, interface: &str) -> String {
        format!(
            "{}:{}/{interface}",
            self.namespace.value, self.package.value
        )
    }
}

// === impl LinkSide ===

impl LinkSide {
    /// Whether it has neither configuration nor secrets.
    pub fn is_empty(&self) -> bool {
        self.config.is_empty() && self.secrets.is_empty()
    }
}

/// Reads the properties of a link of the component `source`.
pub(super) fn read(node: &Node<'_>, source: &str, findings: &mut Findings) -> Option<Link> {
    let mut fields = Fields::of(node, format!("a link of {source}"), findings)?;
    let target_node = fields.required("target", findings);
    let target = target_node.and_then(|node| target(node, &fields.what, findings));
    if let Some((target, _)) = &target {
        fields.what = format!("the link from {source} to {}", target.value);
    }
    let what = fields.what.clone();
    let namespace = fields.text("namespace", findings);
    let package = fields.text("package", findings);
    let interfaces = fields.required("interfaces", findings);
    let interfaces = interfaces.and_then(|node| interfaces_of(node, &what, findings));
    let name = fields.optional_text("name", findings);
    let source_side = source_side(&mut fields, findings);
    let target_config = fields.list("target_config", findings);
    let mut target_side = target
        .as_ref()
        .map(|(_, side)| side.clone())
        .unwrap_or_default();
    if !target_config.is_empty() {
        if target_node.is_some_and(|node| matches!(node.value, Value::Mapping(_))) {
            let message =
                format!("target_config of {what} has no effect beside a target with keys");
            let help = "move it to config of target";
            let place = fields.key_place("target_config");
            findings.push(finding::warning(place, message).help(help));
            settings::config(target_config, &what, findings);
        } else {
            target_side.config = settings::config(target_config, &what, findings);
        }
    }
    report_misplaced(&mut fields, findings);
    fields.finish(Unknown::Ignored, findings);
    for part in [&namespace, &package].into_iter().flatten() {
        if part.contains([':', '/', '@']) {
            let message = format!(
                "{} of {what} should be one name, without a version",
                part.value
            );
            let help = "write wasi:keyvalue/store as namespace, package and interfaces";
            findings.push(finding::error(part.place, message).help(help));
        }
    }
    Some(Link {
        name,
        namespace: namespace?,
        package: package?,
        interfaces: interfaces?,
        target: target?.0,
        source_side,
        target_side,
        place: node.place,
    })
}

/// A name, or a mapping with a name and what the target reads.
fn target(
    node: &Node<'_>,
    what: &str,
    findings: &mut Findings,
) -> Option<(Located<String>, LinkSide)> {
    let what = format!("target of {what}");
    if !matches!(node.value, Value::Mapping(_)) {
        let name = fields::text(node, &what, findings)?;
        return Some((name, LinkSide::default()));
    }
    let mut fields = Fields::of(node, what, findings)?;
    let name = fields.text("name", findings);
    let side = side(&mut fields, findings);
    fields.finish(Unknown::Refused, findings);
    Some((name?, side))
}

fn side(fields: &mut Fields<'_, '_>, findings: &mut Findings) -> LinkSide {
    let (config, secrets) = (
        fields.list("config", findings),
        fields.list("secrets", findings),
    );
    LinkSide {
        config: settings::config(config, &fields.what, findings),
        secrets: settings::secrets(secrets, &fields.what, findings),
    }
}

fn source_side(fields: &mut Fields<'_, '_>, findings: &mut Findings) -> LinkSide {
    let source_config = fields.list("source_config", findings);
    let source_config_side = LinkSide {
        config: settings::config(source_config, &fields.what, findings),
        secrets: Vec::new(),
    };
    let Some(source) = fields.take("source") else {
        return source_config_side;
    };
    if !source_config.is_empty() {
        let message = format!(
            "source_config of {} has no effect beside source",
            fields.what
        );
        let place = fields.key_place("source_config");
        findings.push(finding::warning(place, message).help("move it to config of source"));
    }
    let Some(mut fields) = Fields::of(source, format!("source of {}", fields.what), findings)
    else {
        return LinkSide::default();
    };
    let side = side(&mut fields, findings);
    fields.finish(Unknown::Refused, findings);
    side
}

fn interfaces_of(
    node: &Node<'_>,
    what: &str,
    findings: &mut Findings,
) -> Option<Vec<Located<String>>> {
    let what = format!("interfaces of {what}");
    if !matches!(node.value, Value::List(_)) {
        let finding = fields::unlike(node, &what, "a list");
        findings.push(match node.text() {
            Some(text) => finding.help(format!("write [{text}]")),
            None => finding,
        });
        return None;
    }
    if node.items().is_empty() {
        let message = format!("{what} is empty, so the link does nothing");
        findings.push(finding::error(node.place, message).help("name at least one"));
        return None;
    }
    let mut interfaces = Vec::new();
    for item in node.items() {
        let Some(interface) = fields::text(item, &what, findings) else {
            continue;
        };
        if interface.contains([':', '/', '@']) {
            let message = format!("the interface {} should be a name alone", interface.value);
            let name = interface.split('@').next().unwrap_or_default();
            let name = name.rsplit(['/', ':']).next().unwrap_or(name);
            findings.push(finding::error(item.place, message).help(format!("write {name}")));
            continue;
        }
        interfaces.push(interface);
    }
    Some(interfaces)
}

/// Keys of a link that are known from elsewhere, and that wadm ignores here.
fn report_misplaced(fields: &mut Fields<'_, '_>, findings: &mut Findings) {
    for (key, help) in [
        (
            "values",
            "it is of wasmCloud 0.x; write source or target with config",
        ),
        ("link_name", "write name"),
        (
            "contract_id",
            "leave it out; namespace and package say the same",
        ),
        (
            "config",
            "put it into source or target, whichever is the provider",
        ),
        (
            "secrets",
            "put it into source or target, whichever is the provider",
        ),
    ] {
        if fields.has(key) {
            let message = format!("{key} of {} has no effect", fields.what);
            findings.push(finding::warning(fields.key_place(key), message).help(help));
            // Reported here, and not once more.
            fields.take(key);
        }
    }
}
