use super::component::{self, Component};
use super::fields::{self, Fields, Unknown};
use super::finding::{self, Findings};
use super::settings::{self, Property};
use crate::tree::{Key, Kind, Node, Value};
use crate::{Located, Place};

/// An application of wadm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Its name: letters, digits, `-` and `_`.
    pub name: Located<String>,
    /// Its version, of any form.
    pub version: Option<Located<String>>,
    /// Whether other applications may refer to its components.
    pub is_shared: bool,
    /// Where secrets are kept.
    pub policies: Vec<Policy>,
    /// Components and capability providers, in the order written.
    pub components: Vec<Component>,
}

/// A policy. The only kind that wadm knows says which backend has a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The name that secrets refer to.
    pub name: Located<String>,
    /// Its type, usually [`Policy::SECRET`].
    pub kind: Located<String>,
    /// The backend, such as `nats-kv`, `vault` or `kube`. A policy of secrets has one.
    pub backend: Option<Located<String>>,
    /// What the backend gets besides.
    pub properties: Vec<Property>,
    /// Where the policy begins.
    pub place: Place,
}

/// Of one manifest; the checks compare each with each.
const MAX_COMPONENTS: usize = 1000;

// === impl Policy ===

impl Policy {
    /// The type of a policy for secrets.
    pub const SECRET: &str = "policy.secret.wasmcloud.dev/v1alpha1";
}

// === impl Manifest ===

impl Manifest {
    /// The component of a name.
    pub fn component(&self, name: &str) -> Option<&Component> {
        let mut components = self.components.iter();
        components.find(|component| component.name.value == name)
    }
}

/// Reads as much as can be read; what is missing is empty, and an error.
pub(super) fn read(root: &Node<'_>, findings: &mut Findings) -> Option<Manifest> {
    let mut fields = Fields::of(root, "the manifest", findings)?;
    fields.take("apiVersion");
    fields.take("kind");
    let mut manifest = Manifest {
        name: Located::default(),
        version: None,
        is_shared: false,
        policies: Vec::new(),
        components: Vec::new(),
    };
    if let Some(node) = fields.required("metadata", findings) {
        metadata(node, &mut manifest, findings);
    }
    if let Some(node) = fields.required("spec", findings) {
        spec(node, &mut manifest, findings);
    }
    fields.finish(Unknown::Refused, findings);
    Some(manifest)
}

fn metadata(node: &Node<'_>, manifest: &mut Manifest, findings: &mut Findings) {
    let Some(mut fields) = Fields::of(node, "metadata", findings) else {
        return;
    };
    let name = fields.required("name", findings);
    if let Some(name) = name.and_then(|node| fields::loose_text(node, "name of metadata", findings))
    {
        let is_allowed = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || !name.chars().all(is_allowed) {
            let message = format!("the name {:?} is not allowed", name.value);
            let help = "a name has letters, digits, - and _ only";
            findings.push(finding::error(name.place, message).help(help));
        }
        manifest.name = name;
    }
    if !fields.has("annotations") {
        let help = "add annotations: {}, or one with a version in it";
        findings.push(fields.misses("annotations").help(help));
    }
    if let Some(annotations) = fields.take("annotations") {
        for (key, value) in labels(annotations, "annotations", findings) {
            match &*key.value {
                "version" => manifest.version = version(value, findings),
                "experimental.wasmcloud.dev/shared" => {
                    manifest.is_shared = value.text() == Some("true");
                }
                _ => {}
            }
        }
    }
    if let Some(node) = fields.take("labels") {
        labels(node, "labels", findings);
    }
    fields.finish(Unknown::Ignored, findings);
}

/// Labels or annotations: a mapping of texts, whose keys have a form.
fn labels<'n, 'i>(
    node: &'n Node<'i>,
    what: &str,
    findings: &mut Findings,
) -> &'n [(Key<'i>, Node<'i>)] {
    let Some(fields) = Fields::of(node, what, findings) else {
        return &[];
    };
    for (key, value) in fields.entries() {
        if !is_label(&key.value) {
            let message = format!("the key {:?} of {what} is not allowed", &*key.value);
            let help = "a key is at most 63 letters, digits, -, _ and ., behind DOMAIN/ if wanted";
            findings.push(finding::error(key.place, message).help(help));
        }
        fields::loose_text(value, &format!("{} of {what}", key.value), findings);
    }
    fields.entries()
}

fn is_label(key: &str) -> bool {
    let (domain, name) = match key.split_once('/') {
        Some((domain, name)) => (Some(domain), name),
        None => (None, key),
    };
    let is_domain = |domain: &str| {
        let is_part = |part: &str| {
            let edges = part.starts_with('-') || part.ends_with('-');
            let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            !part.is_empty() && !edges && part.len() <= 63 && part.chars().all(is_allowed)
        };
        domain.len() <= 253 && domain.split('.').all(is_part)
    };
    let is_edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    domain.is_none_or(is_domain)
        && name.len() <= 63
        && is_edge(name.chars().next())
        && is_edge(name.chars().next_back())
        && name.chars().all(is_allowed)
}

fn version(node: &Node<'_>, findings: &mut Findings) -> Option<Located<String>> {
    let Value::Scalar(scalar) = &node.value else {
        return None;
    };
    let text = &*scalar.text;
    if text == "latest" {
        let message = "the version latest is reserved";
        let help = "write a version such as v0.0.1, or leave it out";
        findings.push(finding::error(node.place, message).help(help));
    }
    // wash reads the file once more, as numbers: 1.10 becomes 1.1.
    if scalar.kind() == Kind::Number && text.contains('.') && text.ends_with('0') {
        let message = format!("wash reads the version {text} as a number, and drops its last zero");
        findings.push(finding::warning(node.place, message).help(fields::quoted(text)));
    }
    (!node.is_null()).then(|| Located {
        value: text.to_owned(),
        place: node.place,
    })
}

fn spec(node: &Node<'_>, manifest: &mut Manifest, findings: &mut Findings) {
    let Some(mut fields) = Fields::of(node, "spec", findings) else {
        return;
    };
    if !fields.has("components") {
        findings.push(fields.misses("components"));
    }
    let components = fields.list("components", findings);
    if components.is_empty() && fields.has("components") && !findings.has_error() {
        let place = fields.key_place("components");
        findings.push(finding::error(place, "the manifest has no component"));
    }
    if let Some(node) = components.get(MAX_COMPONENTS) {
        let message = format!(
            "this is component {}, and there may be {MAX_COMPONENTS}",
            MAX_COMPONENTS + 1
        );
        findings.push(finding::error(node.place, message));
    }
    let components = components.iter().take(MAX_COMPONENTS);
    let components = components.filter_map(|node| component::read(node, findings));
    manifest.components = components.collect();
    let policies = fields.list("policies", findings).iter();
    manifest.policies = policies.filter_map(|node| policy(node, findings)).collect();
    fields.finish(Unknown::Ignored, findings);
}

fn policy(node: &Node<'_>, findings: &mut Findings) -> Option<Policy> {
    let mut fields = Fields::of(node, "a policy", findings)?;
    let name = fields.required("name", findings)?;
    let name = fields::loose_text(name, "name of a policy", findings)?;
    fields.what = format!("the policy {}", name.value);
    let kind = fields.required("type", findings);
    let kind = kind.and_then(|kind| fields::loose_text(kind, "type of a policy", findings));
    let properties = fields.required("properties", findings);
    let what = format!("properties of {}", fields.what);
    fields.finish(Unknown::Ignored, findings);
    let properties = properties.and_then(|node| settings::loose_properties(node, &what, findings));
    let is_read = properties.is_some();
    let properties = properties.unwrap_or_default();
    let backend = properties
        .iter()
        .find(|property| property.name.value == "backend");
    let is_secret = kind
        .as_ref()
        .is_some_and(|kind| kind.value == Policy::SECRET);
    if is_secret && is_read && backend.is_none() {
        let message = format!("{what} has no backend");
        let help = "add backend: nats-kv, vault or kube";
        findings.push(finding::error(node.place, message).help(help));
    }
    Some(Policy {
        backend: backend.map(|property| Located {
            value: property.value.expose().to_owned(),
            place: property.value.place,
        }),
        name,
        kind: kind.unwrap_or_default(),
        properties,
        place: node.place,
    })
}
