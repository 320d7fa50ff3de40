//! Images are references, providers are known, and what runs is of the right type.

use crate::wadm::component::{Component, ComponentKind};
use crate::wadm::finding::{self, Findings};
use crate::wadm::manifest::Manifest;
use crate::wadm::provider::{Provider, Providers};
use crate::{Located, Problem};

pub(super) fn check(manifest: &Manifest, providers: &Providers, findings: &mut Findings) {
    for component in &manifest.components {
        let Some(image) = component.image().filter(|image| !image.is_empty()) else {
            continue;
        };
        if let Some(finding) = refuse_reference(component, image) {
            findings.push(finding);
            continue;
        }
        let provider = providers.find(image);
        let finding = match component.kind {
            ComponentKind::Component => refuse_component(component, image, provider),
            ComponentKind::Capability => refuse_provider(component, image, provider),
        };
        if let Some(finding) = finding {
            findings.push(finding);
        }
    }
}

fn refuse_reference(component: &Component, image: &Located<String>) -> Option<Problem> {
    let name = &component.name.value;
    if image.contains(|c: char| c.is_whitespace() || c.is_control()) {
        let message = format!("the image of {name} has a space in it");
        return Some(finding::error(image.place, message));
    }
    let is_file = image.starts_with("file://");
    if let Some((_, digest)) = image.split_once('@').filter(|_| !is_file) {
        let hex = digest.strip_prefix("sha256:");
        let is_hex = |hex: &str| hex.len() == 64 && hex.bytes().all(|c| c.is_ascii_hexdigit());
        if digest.starts_with("sha256:") && !hex.is_some_and(is_hex) {
            let message = format!("the digest of the image of {name} is no SHA-256");
            let help = "write sha256: and 64 hexadecimal digits";
            return Some(finding::error(image.place, message).help(help));
        }
    }
    None
}

fn refuse_component(
    component: &Component,
    image: &Located<String>,
    provider: Provider,
) -> Option<Problem> {
    if provider == Provider::Unknown {
        return None;
    }
    let name = &component.name.value;
    let message = format!("{name} is a component, and its image is one of a provider");
    Some(finding::error(image.place, message).help("write type: capability"))
}

fn refuse_provider(
    component: &Component,
    image: &Located<String>,
    provider: Provider,
) -> Option<Problem> {
    let component = &component.name.value;
    let (message, help) = match provider {
        Provider::Builtin(_) => return None,
        Provider::NotOffered { name, replacement } => (
            format!("{component} is the provider {name}, which is not offered"),
            replacement.to_owned(),
        ),
        Provider::Unknown => (
            format!("{component} is a provider that is not known, and providers are not run"),
            format!(
                "if a built-in one can do its work, add --provider {}=BUILTIN",
                image.value
            ),
        ),
    };
    Some(finding::error(image.place, message).help(help))
}
