use super::fields::{self, Fields, Unknown};
use super::finding::{self, Findings};
use super::link::Link;
use super::scaler::Scaler;
use super::settings::{self, ConfigItem, SecretItem};
use super::traits;
use crate::nearest::nearest;
use crate::tree::Node;
use crate::{Located, Place};

/// A component or a capability provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// Its name, which no other has.
    pub name: Located<String>,
    /// Which of the two it is.
    pub kind: ComponentKind,
    /// Where its code is.
    pub source: ComponentSource,
    /// Its identity, if it is written; see [`Component::identity`].
    pub id: Option<Located<String>>,
    /// Its configuration; of two sets with one key, the later wins.
    pub config: Vec<ConfigItem>,
    /// Its secrets.
    pub secrets: Vec<SecretItem>,
    /// What bounds its invocations; without one, the default does.
    pub scaler: Option<Scaler>,
    /// What it calls.
    pub links: Vec<Link>,
    /// Where it begins.
    pub place: Place,
}

/// What runs: WebAssembly, or a program of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComponentKind {
    /// A WebAssembly component: `component`, or `actor` in older manifests.
    Component,
    /// A capability provider: `capability`.
    Capability,
}

/// Where the code of a component is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComponentSource {
    /// An image, as written: a reference, `oci://`, `http://`, `file://`, `wasmcloud+builtin://`.
    Image(Located<String>),
    /// A component of another application, which must be shared.
    Application {
        /// The application's name.
        name: Located<String>,
        /// The component's name there.
        component: Located<String>,
    },
}

// === impl Component ===

impl Component {
    /// Its identity: the one that is written, or the application's and its own name.
    pub fn identity(&self, application: &str) -> String {
        if let Some(id) = &self.id {
            return id.value.clone();
        }
        stored_name(application, &self.name.value)
    }

    /// The image, unless it is another application's.
    pub fn image(&self) -> Option<&Located<String>> {
        match &self.source {
            ComponentSource::Image(image) => Some(image),
            ComponentSource::Application { .. } => None,
        }
    }
}

/// The name that wadm keeps something of an application under.
pub(super) fn stored_name(application: &str, name: &str) -> String {
    let clean = |name: &str| -> String {
        let chars = name
            .chars()
            .map(|c| if c.is_alphanumeric() { c } else { '_' });
        chars.collect::<String>().to_lowercase()
    };
    format!("{}-{}", clean(application), clean(name))
}

/// Reads as much as can be read of one with a name.
pub(super) fn read(node: &Node<'_>, findings: &mut Findings) -> Option<Component> {
    let mut fields = Fields::of(node, "a component", findings)?;
    let name = fields.required("name", findings);
    let name = name.and_then(|name| fields::loose_text(name, "name of a component", findings));
    let what = name
        .as_ref()
        .map_or("a component", |name| &name.value)
        .to_owned();
    fields.what.clone_from(&what);
    let kind = fields.required("type", findings);
    let kind = kind.and_then(|kind| self::kind(kind, &what, findings));
    let mut component = Component {
        name: name.unwrap_or_default(),
        kind: kind.unwrap_or(ComponentKind::Component),
        source: ComponentSource::Image(Located::default()),
        id: None,
        config: Vec::new(),
        secrets: Vec::new(),
        scaler: None,
        links: Vec::new(),
        place: node.place,
    };
    if let Some(node) = fields.required("properties", findings) {
        properties(node, &mut component, &what, findings);
    }
    let is_local = component.image().is_some();
    let traits = traits::read(fields.list("traits", findings), &what, !is_local, findings);
    (component.scaler, component.links) = (traits.scaler, traits.links);
    let is_component = kind == Some(ComponentKind::Component);
    if is_component && is_local && !traits.has_scaler && !component.name.is_empty() {
        let message = format!("{what} has no scaler, so wadm would never start it");
        let help = "add a spreadscaler; without one the usual bound applies here";
        findings.push(finding::warning(component.name.place, message).help(help));
    }
    if fields.has("links") {
        let place = fields.key_place("links");
        let message = format!("links of {what} has no effect");
        findings.push(finding::warning(place, message).help("write each as a trait of type link"));
        fields.take("links");
    }
    fields.finish(Unknown::Ignored, findings);
    (!component.name.is_empty()).then_some(component)
}

/// Which of the two it is. Of a type that is misspelt it is the one that is meant, so that nothing is
/// reported that follows from this.
fn kind(node: &Node<'_>, what: &str, findings: &mut Findings) -> Option<ComponentKind> {
    let text = fields::text(node, &format!("type of {what}"), findings)?;
    let known = named_kind(&text.value);
    if known.is_some() {
        return known;
    }
    let message = format!("type of {what} should be component or capability");
    let finding = finding::error(text.place, message);
    if text.value == "provider" {
        findings.push(finding.help("a provider is a capability"));
        return Some(ComponentKind::Capability);
    }
    let meant = nearest(&text.value, ["component", "capability"]);
    findings.push(match meant {
        Some(meant) => finding.help(format!("did you mean {meant}?")),
        None => finding,
    });
    meant.and_then(named_kind)
}

fn named_kind(name: &str) -> Option<ComponentKind> {
    match name {
        "component" | "actor" => Some(ComponentKind::Component),
        "capability" => Some(ComponentKind::Capability),
        _ => None,
    }
}

fn properties(node: &Node<'_>, component: &mut Component, what: &str, findings: &mut Findings) {
    let Some(mut fields) = Fields::of(node, format!("properties of {what}"), findings) else {
        return;
    };
    let image = fields.take("image");
    let application = fields.take("application");
    component.id = fields.optional_text("id", findings);
    component.config = settings::config(fields.list("config", findings), what, findings);
    component.secrets = settings::secrets(fields.list("secrets", findings), what, findings);
    match (image, application) {
        (Some(_), Some(_)) => {
            let message = format!("{what} has an image and an application");
            let place = fields.key_place("application");
            findings.push(finding::error(place, message).help("keep one of the two"));
        }
        (None, None) => {
            let help = "or write application:, if another one has the component";
            findings.push(fields.misses("image").help(help));
        }
        (Some(image), None) => {
            let image = fields::text(image, &format!("image of {what}"), findings);
            component.source = ComponentSource::Image(image.unwrap_or_default());
        }
        (None, Some(node)) => {
            if let Some(source) = self::application(node, what, findings) {
                component.source = source;
            }
            for key in ["config", "secrets"] {
                if fields.has(key) {
                    let place = fields.key_place(key);
                    let message = format!("{what} is of another application, and has {key} here");
                    let help = "set it in the other application's manifest";
                    findings.push(finding::error(place, message).help(help));
                }
            }
        }
    }
    fields.finish(Unknown::Refused, findings);
}

fn application(node: &Node<'_>, what: &str, findings: &mut Findings) -> Option<ComponentSource> {
    let mut fields = Fields::of(node, format!("application of {what}"), findings)?;
    let name = fields.text("name", findings);
    let component = fields.text("component", findings);
    fields.finish(Unknown::Refused, findings);
    Some(ComponentSource::Application {
        name: name.unwrap_or_default(),
        component: component.unwrap_or_default(),
    })
}
