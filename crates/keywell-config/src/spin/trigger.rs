use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::tree::fields::{self, Fields, Unknown};
use crate::tree::finding::{self, Findings};
use crate::tree::{Node, Value};
use crate::{ComponentPlan, HttpPlan, Located, PathPlan, TriggerPlan};

/// Where requests are answered, as `spin up` does.
const ADDRESS: ([u8; 4], u16) = ([127, 0, 0, 1], 3000);

/// `[application.trigger.http]`: what every route begins with.
pub(super) fn base(node: &Node<'_>, findings: &mut Findings) -> Option<Located<String>> {
    let mut fields = Fields::of(node, "application.trigger", findings)?;
    // Settings of other triggers are reported with these.
    fields.skip(&["redis"]);
    let http = fields.take("http");
    fields.finish(Unknown::Ignored, findings);
    let mut fields = Fields::of(http?, "application.trigger.http", findings)?;
    let base = fields.optional_text("base", findings);
    fields.finish(Unknown::Refused, findings);
    base
}

/// Reads `[[trigger.KIND]]`.
pub(super) fn read(
    node: &Node<'_>,
    base: &str,
    components: &BTreeMap<String, ComponentPlan>,
    findings: &mut Findings,
) -> Vec<TriggerPlan> {
    let mut triggers = Vec::new();
    let Some(kinds) = Fields::of(node, "trigger", findings) else {
        return triggers;
    };
    for (kind, node) in kinds.entries() {
        if kind.value != "http" {
            let message = format!("a trigger of {} is not offered", kind.value);
            let help = "Keywell calls components of Spin for HTTP: [[trigger.http]]";
            let finding = finding::error(kind.place, message).help(help);
            findings.push(finding.did_you_mean(&kind.value, ["http"]));
            continue;
        }
        if !matches!(node.value, Value::List(_)) {
            let message = "trigger.http should be an array of tables";
            findings.push(finding::error(node.place, message).help("write [[trigger.http]]"));
        }
        for node in node.items() {
            triggers.extend(http(node, base, components, findings).map(TriggerPlan::Http));
        }
    }
    triggers
}

fn http(
    node: &Node<'_>,
    base: &str,
    components: &BTreeMap<String, ComponentPlan>,
    findings: &mut Findings,
) -> Option<HttpPlan> {
    let mut fields = Fields::of(node, "a trigger of http", findings)?;
    fields.skip(&["id"]);
    if fields.has("executor") {
        executor(&mut fields, findings);
    }
    if fields.take("static_response").is_some() {
        let message = "a static_response is not offered";
        let place = fields.key_place("static_response");
        findings.push(finding::error(place, message).help("answer it by a component"));
        return None;
    }
    let component = fields.required("component", findings);
    let component = match component {
        Some(node) if matches!(node.value, Value::Mapping(_)) => {
            let message = "a component within a trigger is not read";
            let help = "write it as [component.NAME], and component = \"NAME\" here";
            findings.push(finding::error(node.place, message).help(help));
            None
        }
        Some(node) => fields::text(node, "component of a trigger of http", findings),
        None => None,
    };
    let route = fields.required("route", findings);
    let path = route.and_then(|node| {
        if let Value::Mapping(_) = &node.value {
            let message = "a private route is for calls within Spin, which are not offered";
            findings.push(finding::error(node.place, message).help("give it a path"));
            return None;
        }
        let route = fields::text(node, "route of a trigger of http", findings)?;
        path(&route, base, findings)
    });
    fields.finish(Unknown::Refused, findings);
    let component = component?;
    if !components.contains_key(&component.value) {
        let message = format!("there is no component {}", component.value);
        let help = format!("add [component.{}]", component.value);
        let finding = finding::error(component.place, message).help(help);
        let names = components.keys().map(String::as_str);
        findings.push(finding.did_you_mean(&component.value, names));
    }
    Some(HttpPlan {
        path: path?,
        place: node.place,
        ..HttpPlan::new(component.value, SocketAddr::from(ADDRESS))
    })
}

/// Only components are run, and no WAGI.
fn executor(fields: &mut Fields<'_, '_>, findings: &mut Findings) {
    let node = fields.take("executor");
    let kind = node.and_then(|node| node.get("type")).and_then(Node::text);
    if !matches!(kind, Some("http" | "spin" | "wasi")) {
        let message = "this executor is not offered";
        let help = "build the component for wasi:http, and leave the executor out";
        let place = fields.key_place("executor");
        findings.push(finding::error(place, message).help(help));
    }
}

/// A route that ends in `/...` is for all paths below, and any other for itself.
fn path(route: &Located<String>, base: &str, findings: &mut Findings) -> Option<PathPlan> {
    let base = base.trim_end_matches('/');
    let text = format!("{base}{}", route.value);
    let at = |value: &str| Located {
        value: value.to_owned(),
        place: route.place,
    };
    let (fixed, is_prefix) = match text.strip_suffix("/...") {
        Some(fixed) => (fixed, true),
        None => (&*text, false),
    };
    if fixed
        .split('/')
        .any(|part| part.starts_with(':') || part == "...")
    {
        let message = format!(
            "the route {:?} has parameters, which are not offered",
            route.value
        );
        let help = "end the route before them with /..., and read the path in the component";
        findings.push(finding::error(route.place, message).help(help));
        return None;
    }
    Some(match (is_prefix, fixed) {
        (true, "") => PathPlan::Prefix(at("/")),
        (true, fixed) => PathPlan::Prefix(at(fixed)),
        (false, fixed) => PathPlan::Exact(at(fixed)),
    })
}
