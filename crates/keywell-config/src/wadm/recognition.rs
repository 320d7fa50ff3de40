//! What kind of file it is, before anything else: other programs' files look alike.

use super::finding;
use crate::tree::{self, Node, Value};
use crate::{Place, Problem};

/// The one `apiVersion` of wadm.
const API_VERSION: &str = "core.oam.dev/v1beta1";

/// Component types of `KubeVela`, which has the same `apiVersion` and `kind`.
const KUBEVELA: &[&str] = &[
    "cron-task",
    "daemon",
    "helm",
    "k8s-objects",
    "kustomize",
    "raw",
    "ref-objects",
    "statefulset",
    "task",
    "webservice",
    "worker",
];

/// The one error of a file that is not a wadm application.
pub(super) fn refuse(root: &Node<'_>) -> Option<Problem> {
    if !matches!(root.value, Value::Mapping(_)) {
        let message = format!("a manifest is a mapping, and this is {}", root.what());
        return Some(finding::error(root.place, message));
    }
    find_placeholder(root)
        .or_else(|| refuse_version(root))
        .or_else(|| refuse_kubevela(root))
        .or_else(|| refuse_old(root))
}

fn refuse_version(root: &Node<'_>) -> Option<Problem> {
    let (version, kind) = (root.get("apiVersion"), root.get("kind"));
    let (Some(version), Some(kind)) = (version, kind) else {
        if root.get("store").is_some() || root.get("trigger").is_some() {
            let message = "this looks like a keywell.toml in another syntax";
            return Some(finding::error(root.place, message).help("write it as TOML"));
        }
        let missing = if version.is_none() {
            "apiVersion"
        } else {
            "kind"
        };
        let message = format!("this is no wadm manifest: it has no {missing}");
        let help = format!("begin it with apiVersion: {API_VERSION} and kind: Application");
        return Some(finding::error(root.place, message).help(help));
    };
    let place = version.place;
    let text = version.text().unwrap_or_default();
    let name = kind.text().unwrap_or_default();
    if text.starts_with("runtime.wasmcloud.dev/") {
        let message = format!("this is a {name} of wasmCloud 2, and no wadm manifest");
        let help = "give it to keywell up, which reads both kinds of files";
        return Some(finding::error(place, message).help(help));
    }
    if text.starts_with("core.oam.dev/") && text != API_VERSION {
        let message = format!("wadm manifests have another apiVersion than {text}");
        return Some(finding::error(place, message).help(format!("write {API_VERSION}")));
    }
    if text != API_VERSION {
        let message = format!("this is a {name} of {text}, an object of Kubernetes");
        let help = format!("keywell up reads an Application of {API_VERSION}, or a keywell.toml");
        return Some(finding::error(place, message).help(help));
    }
    if name != "Application" {
        let message = format!("{name} is no kind of manifest that is read");
        return Some(finding::error(kind.place, message).help("write kind: Application"));
    }
    None
}

fn components<'n, 'i>(root: &'n Node<'i>) -> impl Iterator<Item = &'n Node<'i>> {
    let components = root.get("spec").and_then(|spec| spec.get("components"));
    components.map_or(&[][..], Node::items).iter()
}

fn refuse_kubevela(root: &Node<'_>) -> Option<Problem> {
    let mut kinds = components(root).filter_map(|component| component.get("type"));
    let kind = kinds.find(|kind| kind.text().is_some_and(|text| KUBEVELA.contains(&text)))?;
    let text = kind.text().unwrap_or_default();
    let message = format!("{text} is a component type of KubeVela, so this is no wadm manifest");
    let help = "components are of type component or capability";
    Some(finding::error(kind.place, message).help(help))
}

/// Manifests of wasmCloud before 1.0: actors that sign contracts, and `linkdef` traits.
fn refuse_old(root: &Node<'_>) -> Option<Problem> {
    let place = components(root).find_map(|component| {
        let properties = component.get("properties");
        let contract = properties.and_then(|properties| properties.get("contract"));
        let traits = component.get("traits").map_or(&[][..], Node::items);
        let mut kinds = traits.iter().filter_map(|of| of.get("type"));
        let linkdef = kinds.find(|kind| kind.text() == Some("linkdef"));
        contract.or(linkdef).map(|node| node.place)
    })?;
    let message = "this manifest is for wasmCloud 0.x, by its contract or linkdef";
    let help = "write the manifest of the application's 1.x version, with link traits";
    Some(finding::error(place, message).help(help))
}

/// Text that a template engine should have replaced. The values of configuration, annotations
/// and labels may have anything in them.
fn find_placeholder(node: &Node<'_>) -> Option<Problem> {
    match &node.value {
        Value::Scalar(scalar) => {
            let has = |start, end| {
                let after = scalar.text.split_once(start);
                after.is_some_and(|(_, rest)| rest.contains(end))
            };
            (has("{{", "}}") || has("${", "}") || has("{%", "%}")).then(|| template(node.place))
        }
        Value::List(items) => items.iter().find_map(find_placeholder),
        Value::Mapping(entries) => {
            let is_item = node.get("name").is_some() && node.get("type").is_none();
            let mut entries = entries.iter().filter(|(key, _)| {
                let is_free = &*key.value == "properties" && is_item;
                !is_free && !matches!(&*key.value, "annotations" | "labels" | "values")
            });
            entries.find_map(|(_, node)| find_placeholder(node))
        }
    }
}

/// Says of a text that is no YAML that it is a template, if it is one.
pub(super) fn refuse_template(text: &str) -> Option<Problem> {
    for (line, content) in text.lines().enumerate() {
        let content = content.split(" #").next().unwrap_or(content);
        if content.trim_start().starts_with('#') {
            continue;
        }
        let found = content.find("{{").or_else(|| content.find("{%"));
        if let Some(found) = found
            && (content[found..].contains("}}") || content[found..].contains("%}"))
        {
            let column = content[..found].chars().count() + 1;
            return Some(template(tree::place(line + 1, column)));
        }
    }
    None
}

fn template(place: Place) -> Problem {
    let message = "this is a template: it has a placeholder that nothing replaced";
    finding::error(place, message).help("render the template first, and give the result")
}
