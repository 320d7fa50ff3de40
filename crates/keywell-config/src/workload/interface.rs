use super::layer::Layer;
use super::reading::Reading;
use crate::tree::Node;
use crate::tree::fields::{Fields, Unknown};
use crate::tree::finding::{self, Findings};
use crate::{GrantPlan, HostPlan, LinkPlan, Located, PathPlan, Place, StorePlan};

/// What a host gives the components of a workload: an item of `hostInterfaces`.
pub(super) enum Interface {
    /// Requests are answered.
    Http {
        host: Option<HostPlan>,
        path: PathPlan,
        place: Place,
    },
    /// Values are kept in a store; the name is that of a labelled import.
    Keyvalue {
        name: Option<Located<String>>,
        store: StorePlan,
        /// Whether every bucket name stands for the one bucket of the store.
        is_flat: bool,
    },
    /// Values of `wasi:config`.
    Config(Layer),
}

/// Packages that every component has without being given them.
const USUAL: &[&str] = &[
    "wasi:cli",
    "wasi:clocks",
    "wasi:filesystem",
    "wasi:http",
    "wasi:io",
    "wasi:logging",
    "wasi:random",
    "wasi:sockets",
];

// === impl Interface ===

impl Interface {
    /// Reads one. None is one that every component has, or that is wrong.
    pub(super) fn read(
        node: &Node<'_>,
        reading: &Reading<'_>,
        findings: &mut Findings,
    ) -> Option<Self> {
        let mut fields = Fields::of(node, "a host interface", findings)?;
        let namespace = fields.text("namespace", findings);
        let package = fields.text("package", findings);
        let interfaces = fields.texts("interfaces", findings);
        let name = fields.optional_text("name", findings);
        fields.skip(&["version"]);
        let (namespace, package) = (namespace?, package?);
        let known = format!("{}:{}", namespace.value, package.value);
        fields.what = format!("the host interface {known}");
        let layer = Layer::read(&mut fields, reading, findings);
        fields.finish(Unknown::Refused, findings);
        let has = |name: &str| interfaces.iter().any(|interface| interface.value == name);
        match &*known {
            "wasi:http" if has("incoming-handler") || has("handler") => {
                Some(http(&layer, node.place, findings))
            }
            "wasi:keyvalue" | "wasmcloud:keyvalue" => keyvalue(name, &layer, node.place, findings),
            "wasi:config" => Some(Self::Config(layer)),
            known if USUAL.contains(&known) => None,
            _ => {
                let message = format!("{known} is not offered");
                let help = "Keywell offers wasi:http, wasi:keyvalue, wasi:config and wasi:logging";
                findings.push(finding::error(package.place, message).help(help));
                None
            }
        }
    }
}

fn warn_of_unread(layer: &Layer, what: &str, known: &[&'static str], findings: &mut Findings) {
    for (key, value) in &layer.values {
        if !known.contains(&&**key) {
            let message = format!("{key} of {what} has no effect");
            let finding = finding::warning(value.place, message);
            findings.push(finding.did_you_mean(key, known.iter().copied()));
        }
    }
}

fn http(layer: &Layer, place: Place, findings: &mut Findings) -> Interface {
    warn_of_unread(layer, "wasi:http", &["host", "path"], findings);
    let host = layer.get("host").filter(|host| host.value != "*");
    let host = host.map(|host| HostPlan {
        header: "host".to_owned().into(),
        value: host.clone(),
    });
    let path = layer.get("path").cloned().map(PathPlan::Prefix);
    Interface::Http {
        host,
        path: path.unwrap_or_default(),
        place,
    }
}

fn keyvalue(
    name: Option<Located<String>>,
    layer: &Layer,
    place: Place,
    findings: &mut Findings,
) -> Option<Interface> {
    let backend = layer.get("backend");
    let kind = backend.map_or("in-memory", |backend| &*backend.value);
    let what = format!("wasi:keyvalue with the backend {kind}");
    let known: &[&'static str] = match kind {
        "filesystem" => &["backend", "root"],
        "redis" => &["backend", "url", "prefix"],
        "nats" => &["backend", "url"],
        _ => &["backend"],
    };
    let at = backend.map_or(place, |backend| backend.place);
    let mut required = |key: &str, form: &str| {
        let value = layer.secret(key);
        if value.is_none() {
            let message = format!("{what} has no {key}");
            let help = format!("write {key}: {form} into its config");
            findings.push(finding::error(at, message).help(help));
        }
        value
    };
    let mut store = match kind {
        "in-memory" => StorePlan::new("memory:"),
        "filesystem" => {
            let root = required("root", "FOLDER")?;
            StorePlan {
                url: Located {
                    value: format!("disk:{}", root.value.expose()).into(),
                    place: root.place,
                },
                ..StorePlan::new("")
            }
        }
        "redis" => StorePlan {
            url: required("url", "redis://HOST:PORT")?,
            ..StorePlan::new("")
        },
        "nats" => StorePlan {
            url: required("url", "nats://HOST:PORT")?,
            ..StorePlan::new("")
        },
        _ => {
            let message = format!("{kind:?} is no backend of wasi:keyvalue");
            let help = "there is in-memory, filesystem, redis and nats";
            let finding = finding::error(at, message).help(help);
            let backends = ["in-memory", "filesystem", "redis", "nats"];
            findings.push(finding.did_you_mean(kind, backends));
            return None;
        }
    };
    if layer.concealed.contains("url") {
        store.concealed.insert("url".to_owned());
    }
    if !store.url.place.is_known() {
        store.url.place = at;
    }
    let is_flat = kind == "redis";
    if is_flat {
        // As wasmCloud has it: keys are as they are, whatever the bucket is called.
        let flat = Located {
            value: "flat".to_owned().into(),
            place: at,
        };
        store.settings.push(("layout".to_owned(), flat));
        if let Some(prefix) = layer.secret("prefix") {
            store.settings.push(("prefix".to_owned(), prefix));
        }
    }
    warn_of_unread(layer, &what, known, findings);
    Some(Interface::Keyvalue {
        name,
        store,
        is_flat,
    })
}

/// What a component reaches by a store.
pub(super) fn link(store: &str, is_flat: bool, place: Place) -> LinkPlan {
    if is_flat {
        return LinkPlan {
            every_bucket: Some(grant(store, place)),
            ..LinkPlan::default()
        };
    }
    LinkPlan::to(store)
}

/// The default bucket of a store.
pub(super) fn grant(store: &str, place: Place) -> GrantPlan {
    GrantPlan {
        store: store.to_owned(),
        bucket: Located {
            value: "default".to_owned(),
            place,
        },
        read_only: false,
        prefix: String::new(),
        max_key: None,
        max_value: None,
    }
}
