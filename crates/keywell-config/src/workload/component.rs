use std::path::Path;

use super::layer::Layer;
use super::reading::Reading;
use super::volume::Volumes;
use crate::tree::Node;
use crate::tree::fields::{Fields, Unknown};
use crate::tree::finding::{self, Findings};
use crate::{Code, ComponentPlan, Located, Secret};

/// A component, and what is said of it beside its plan.
pub(super) struct Component {
    pub(super) name: Located<String>,
    pub(super) plan: ComponentPlan,
    /// How many requests an instance answers.
    pub(super) reuse: Option<u32>,
    /// How many of them at once, if the component is for WASI 0.3.
    pub(super) concurrency: u32,
}

/// The most instances that a component of a keywell.toml may have.
const MAX_INSTANCES: u32 = 10_000;
/// The most requests that an instance may answer at once.
const MAX_CONCURRENCY: u32 = 1000;

/// Reads as much as can be read of one with a name.
pub(super) fn read(
    node: &Node<'_>,
    volumes: &Volumes,
    reading: &Reading<'_>,
    findings: &mut Findings,
) -> Option<Component> {
    let mut fields = Fields::of(node, "a component", findings)?;
    let name = fields.text("name", findings);
    if let Some(name) = &name {
        fields.what.clone_from(&name.value);
    }
    let image = fields.text("image", findings).unwrap_or_default();
    fields.skip(&["imagePullPolicy"]);
    if fields.take("imagePullSecret").is_some() {
        let message = format!("imagePullSecret of {} has no effect", fields.what);
        let help = "log in to the registry as the documentation on images says";
        let place = fields.key_place("imagePullSecret");
        findings.push(finding::warning(place, message).help(help));
    }
    let each = fields.number("maxConcurrency", findings);
    let each = each.map_or(1, |each| each.value.max(1));
    let instances = instances(&mut fields, each, findings);
    let reuse = fields
        .number("maxInvocations", findings)
        .filter(|reuse| reuse.value > 0);
    let mut plan = ComponentPlan {
        code: code(&image, reading.folder),
        place: image.place,
        instances,
        ..ComponentPlan::default()
    };
    if let Some(node) = fields.take("localResources") {
        let what = format!("localResources of {}", fields.what);
        if let Some(resources) = Fields::of(node, what, findings) {
            local_resources(resources, &mut plan, volumes, reading, findings);
        }
    }
    fields.finish(Unknown::Refused, findings);
    Some(Component {
        name: name?,
        plan,
        // None stands for no bound, as 0 does for Keywell.
        reuse: reuse.map(|reuse| reuse.value.min(u32::MAX - 1)),
        concurrency: each.min(MAX_CONCURRENCY),
    })
}

/// How many calls may run at once: those of an instance, in each of the pool. One of WASI 0.2
/// answers one at a time, so there are as many instances.
fn instances(fields: &mut Fields<'_, '_>, each: u32, findings: &mut Findings) -> Option<u32> {
    let pool = fields.number("poolSize", findings);
    let pool = pool.filter(|pool| pool.value > 0);
    pool.map(|pool| pool.value.saturating_mul(each).min(MAX_INSTANCES))
}

/// A file where the image is `file://PATH` or a path that begins with a dot or a slash.
fn code(image: &str, folder: &Path) -> Code {
    let path = image.strip_prefix("file://").or_else(|| {
        let is_path = image.starts_with(['.', '/']);
        is_path.then_some(image)
    });
    if let Some(path) = path {
        let path = Path::new(path);
        return Code::File(folder.join(path.strip_prefix(".").unwrap_or(path)));
    }
    let schemes = ["oci://", "http://", "https://"];
    let bare = schemes.iter().find_map(|scheme| image.strip_prefix(scheme));
    Code::Image {
        reference: bare.unwrap_or(image).to_owned(),
        file: None,
    }
}

fn local_resources(
    mut fields: Fields<'_, '_>,
    plan: &mut ComponentPlan,
    volumes: &Volumes,
    reading: &Reading<'_>,
    findings: &mut Findings,
) {
    if let Some(node) = fields.take("environment") {
        let what = format!("environment in {}", fields.what);
        if let Some(mut environment) = Fields::of(node, what, findings) {
            let layer = Layer::read(&mut environment, reading, findings);
            environment.finish(Unknown::Refused, findings);
            for (name, value) in layer.values {
                if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
                    let message = format!("{name:?} is no name of a variable, or has no value");
                    findings.push(finding::error(value.place, message));
                    continue;
                }
                if !layer.concealed.contains(&name) {
                    plan.plain_env.insert(name.clone());
                }
                plan.env.push((name, Secret::from(value.value)));
            }
        }
    }
    let mut config = Layer::default();
    config.add_inline(&mut fields, findings);
    set_config(plan, config);
    let hosts = fields.texts("allowedHosts", findings);
    plan.outgoing = hosts.iter().map(host).collect();
    let mounts = fields.list("volumeMounts", findings);
    plan.dirs = volumes.mounts(mounts, &fields.what, reading.folder, findings);
    fields.finish(Unknown::Refused, findings);
}

/// Adds what a component reads by `wasi:config`.
pub(super) fn set_config(plan: &mut ComponentPlan, layer: Layer) {
    plan.concealed.extend(layer.concealed);
    let values = layer.values.into_iter();
    plan.config
        .extend(values.map(|(key, value)| (key, value.value)));
}

/// A host without its path, and without its scheme but where that is all that bounds it.
fn host(host: &Located<String>) -> Located<String> {
    let (scheme, bare) = host.split_once("://").unwrap_or(("", host.value.as_str()));
    let bare = match (scheme, bare.split('/').next().unwrap_or_default()) {
        ("https", "*") => "*:443",
        ("http", "*") => "*:80",
        (_, bare) => bare,
    };
    Located {
        value: bare.to_owned(),
        place: host.place,
    }
}
