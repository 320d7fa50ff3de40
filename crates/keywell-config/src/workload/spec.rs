use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::component::{self, Component};
use super::interface::{self, Interface};
use super::reading::Reading;
use super::volume::Volumes;
use crate::tree::fields::{Fields, Unknown};
use crate::tree::finding::{self, Findings};
use crate::tree::{Node, Value};
use crate::{HttpPlan, Located, Plan, TriggerPlan};

/// What begins the `apiVersion` of every object of wasmCloud 2.
pub(super) const GROUP: &str = "runtime.wasmcloud.dev/";
const API_VERSION: &str = "runtime.wasmcloud.dev/v1alpha1";

/// A workload, and its `spec` as it is written.
pub(super) struct Workload<'n, 'i> {
    name: Located<String>,
    spec: &'n Node<'i>,
    /// Whether it has no replicas.
    is_off: bool,
}

/// Where requests are answered: nothing in a workload says it.
const ADDRESS: ([u8; 4], u16) = ([127, 0, 0, 1], 8000);

// === impl Workload ===

impl<'n, 'i> Workload<'n, 'i> {
    /// The workload of a document, if it is one. What else it is, is reported.
    pub(super) fn read(root: &'n Node<'i>, findings: &mut Findings) -> Option<Self> {
        if !matches!(root.value, Value::Mapping(_)) {
            let message = format!("a manifest is a mapping, and this is {}", root.what());
            findings.push(finding::error(root.place, message));
            return None;
        }
        let (version, kind) = (root.get("apiVersion"), root.get("kind"));
        let (Some(version), Some(kind)) = (version, kind) else {
            let missing = if version.is_none() {
                "apiVersion"
            } else {
                "kind"
            };
            findings.push(finding::error(root.place, format!("this has no {missing}")));
            return None;
        };
        let text = version.text().unwrap_or_default();
        let name = kind.text().unwrap_or_default();
        if text.starts_with(GROUP) && text != API_VERSION {
            let message = format!("workloads have another apiVersion than {text}");
            let help = format!("write {API_VERSION}");
            findings.push(finding::error(version.place, message).help(help));
            return None;
        }
        match (text, name) {
            (API_VERSION, "WorkloadDeployment" | "WorkloadReplicaSet") => {
                Self::of_template(root, name, findings)
            }
            (API_VERSION, "Workload") => {
                let mut fields = head(root, name, findings)?;
                let name = self::name(&mut fields, findings)?;
                let spec = fields.required("spec", findings)?;
                fields.finish(Unknown::Refused, findings);
                Some(Self {
                    name,
                    spec,
                    is_off: false,
                })
            }
            ("v1", "ConfigMap" | "Secret") => None,
            _ if text.starts_with("core.oam.dev/") => {
                let message = "this is a wadm manifest beside workloads";
                let help = "put it into a file of its own, and give both files";
                findings.push(finding::error(version.place, message).help(help));
                None
            }
            _ => {
                let message = format!("this {name} of {text} is skipped");
                let finding = finding::warning(kind.place, message);
                let kinds = ["WorkloadDeployment", "Workload"];
                findings.push(finding.did_you_mean(name, kinds));
                None
            }
        }
    }

    /// One whose spec is a template for replicas.
    fn of_template(root: &'n Node<'i>, kind: &str, findings: &mut Findings) -> Option<Self> {
        let mut fields = head(root, kind, findings)?;
        let name = self::name(&mut fields, findings)?;
        let spec = fields.required("spec", findings)?;
        fields.finish(Unknown::Refused, findings);
        let mut fields = Fields::of(spec, format!("spec of {}", name.value), findings)?;
        fields.skip(&["artifacts", "deployPolicy", "selector", "kubernetes"]);
        let replicas = fields.number("replicas", findings);
        let template = fields.required("template", findings);
        fields.finish(Unknown::Refused, findings);
        let what = format!("template of {}", name.value);
        let mut fields = Fields::of(template?, what, findings)?;
        fields.skip(&["metadata"]);
        let spec = fields.required("spec", findings)?;
        fields.finish(Unknown::Refused, findings);
        let is_off = replicas
            .as_ref()
            .is_some_and(|replicas| replicas.value == 0);
        if let Some(replicas) = replicas.filter(|replicas| replicas.value != 1) {
            let message = if is_off {
                format!(
                    "{} is off, as it has 0 replicas: nothing calls it",
                    name.value
                )
            } else {
                format!(
                    "replicas of {} has no effect: it runs here once",
                    name.value
                )
            };
            findings.push(finding::warning(replicas.place, message));
        }
        Some(Self { name, spec, is_off })
    }
}

fn head<'n, 'i>(root: &'n Node<'i>, kind: &str, findings: &mut Findings) -> Option<Fields<'n, 'i>> {
    let mut fields = Fields::of(root, format!("the {kind}"), findings)?;
    fields.skip(&["apiVersion", "kind", "status"]);
    Some(fields)
}

/// The name in `metadata`.
fn name(fields: &mut Fields<'_, '_>, findings: &mut Findings) -> Option<Located<String>> {
    let metadata = fields.required("metadata", findings)?;
    let what = format!("metadata of {}", fields.what);
    Fields::of(metadata, what, findings)?.text("name", findings)
}

/// Adds workloads to a plan. Components of one name in two of them have that of their workload too.
pub(super) fn add(
    workloads: &[Workload<'_, '_>],
    reading: &Reading<'_>,
    plan: &mut Plan,
    findings: &mut Findings,
) {
    let read: Vec<_> = workloads
        .iter()
        .filter_map(|workload| Some((workload, Spec::read(workload, reading, findings)?)))
        .collect();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for component in read.iter().flat_map(|(_, spec)| &spec.components) {
        *counts.entry(component.name.value.clone()).or_default() += 1;
    }
    for (workload, spec) in read {
        let name = |own: &str| match counts.get(own) {
            Some(1) => own.to_owned(),
            _ => format!("{}-{own}", workload.name.value),
        };
        spec.add_to(workload, name, plan, findings);
    }
}

/// What a workload is made of.
struct Spec {
    components: Vec<Component>,
    interfaces: Vec<Interface>,
}

// === impl Spec ===

impl Spec {
    fn read(
        workload: &Workload<'_, '_>,
        reading: &Reading<'_>,
        findings: &mut Findings,
    ) -> Option<Self> {
        let what = format!("the workload {}", workload.name.value);
        let mut fields = Fields::of(workload.spec, what, findings)?;
        fields.skip(&["environment", "hostId", "hostSelector", "kubernetes"]);
        fields.skip(&["kubernetesService"]);
        if fields.take("service").is_some() {
            let message = format!("{} has a service, which is not offered", fields.what);
            let help = "run it by a [[trigger.command]] of a keywell.toml";
            let place = fields.key_place("service");
            findings.push(finding::error(place, message).help(help));
        }
        let volumes = Volumes::read(fields.list("volumes", findings), findings);
        let components = fields.list("components", findings).iter();
        let components: Vec<_> = components
            .filter_map(|node| component::read(node, &volumes, reading, findings))
            .collect();
        let interfaces = fields.list("hostInterfaces", findings).iter();
        let interfaces = interfaces
            .filter_map(|node| Interface::read(node, reading, findings))
            .collect();
        if components.is_empty() && !fields.has("service") {
            let message = format!("{} has no components", fields.what);
            findings.push(finding::error(fields.place(), message));
        }
        fields.finish(Unknown::Refused, findings);
        Some(Self {
            components,
            interfaces,
        })
    }

    fn add_to(
        mut self,
        workload: &Workload<'_, '_>,
        name: impl Fn(&str) -> String,
        plan: &mut Plan,
        findings: &mut Findings,
    ) {
        let application = &workload.name.value;
        for interface in std::mem::take(&mut self.interfaces) {
            match interface {
                Interface::Keyvalue {
                    name: label,
                    store,
                    is_flat,
                } => {
                    let own = match &label {
                        Some(label) => format!("{application}-{}", label.value),
                        None => application.clone(),
                    };
                    let place = store.url.place;
                    if plan.stores.insert(own.clone(), store).is_some() {
                        let message = "there is another wasi:keyvalue of this name";
                        let help = "give each a name of its own";
                        findings.push(finding::error(place, message).help(help));
                    }
                    for component in &mut self.components {
                        let link = interface::link(&own, is_flat, place);
                        let Some(label) = &label else {
                            component.plan.link.store = link.store;
                            component.plan.link.every_bucket = link.every_bucket;
                            continue;
                        };
                        // It is the name of a link, and of a bucket that is opened.
                        let buckets = &mut component.plan.link.buckets;
                        buckets.insert(label.value.clone(), interface::grant(&own, place));
                        component.plan.links.insert(label.value.clone(), link);
                    }
                }
                Interface::Config(layer) => {
                    let values = layer.values;
                    for component in &mut self.components {
                        let config = &mut component.plan.config;
                        let shared = values
                            .iter()
                            .filter(|(key, _)| !config.iter().any(|(known, _)| known == key));
                        let shared: Vec<_> = shared
                            .map(|(key, value)| (key.clone(), value.value.clone()))
                            .collect();
                        config.splice(..0, shared);
                        let concealed = layer.concealed.iter().cloned();
                        component.plan.concealed.extend(concealed);
                    }
                }
                Interface::Http { host, path, place } if !workload.is_off => {
                    let Some(first) = self.components.first() else {
                        continue;
                    };
                    if self.components.len() > 1 {
                        let message = format!(
                            "{}, the first component of {application}, answers HTTP: nothing says \
                             which one does",
                            first.name.value
                        );
                        let help = "move the one that does to the front";
                        findings.push(finding::warning(place, message).help(help));
                    }
                    plan.triggers.push(TriggerPlan::Http(HttpPlan {
                        host,
                        path,
                        reuse: first.reuse.unwrap_or(1),
                        concurrency: first.concurrency,
                        place,
                        ..HttpPlan::new(name(&first.name.value), SocketAddr::from(ADDRESS))
                    }));
                }
                Interface::Http { .. } => {}
            }
        }
        for mut component in self.components {
            if workload.is_off {
                component.plan.instances = Some(0);
            }
            let name = name(&component.name.value);
            let place = component.name.place;
            if plan
                .components
                .insert(name.clone(), component.plan)
                .is_some()
            {
                let message = format!("there is another component {name}");
                findings.push(finding::error(place, message));
            }
        }
    }
}
