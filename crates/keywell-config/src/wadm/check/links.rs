//! Links lead to components of the manifest, by interfaces that exist, and each by its own name.

use std::collections::HashMap;

use crate::nearest::nearest;
use crate::wadm::component::Component;
use crate::wadm::finding::{self, Findings};
use crate::wadm::link::Link;
use crate::wadm::manifest::Manifest;

/// The interfaces of `wasi` that links are for, by package.
const WASI: &[(&str, &[&str])] = &[
    ("blobstore", &["blobstore", "container", "types"]),
    ("config", &["runtime", "store"]),
    ("http", &["incoming-handler", "outgoing-handler", "types"]),
    ("keyvalue", &["atomics", "batch", "store", "watcher"]),
    ("logging", &["logging"]),
];

/// The namespaces that interfaces of providers are in.
const NAMESPACES: &[&str] = &["wasi", "wasmcloud", "wrpc"];

pub(super) fn check(manifest: &Manifest, findings: &mut Findings) {
    let names = || {
        manifest
            .components
            .iter()
            .map(|component| &*component.name.value)
    };
    for component in &manifest.components {
        for link in &component.links {
            let target = &link.target;
            if findings.is_full() {
                return;
            }
            if manifest.component(target).is_none() {
                let source = &component.name.value;
                let message = format!(
                    "{source} links to {}, which is no component here",
                    target.value
                );
                let finding = finding::error(target.place, message);
                findings.push(finding.did_you_mean(target, names()));
            }
            check_interfaces(link, findings);
        }
        check_names(component, findings);
    }
}

/// An interface that no one has is a warning, as others may define it.
fn check_interfaces(link: &Link, findings: &mut Findings) {
    let (namespace, package) = (&link.namespace, &link.package);
    if namespace.value != "wasi" {
        if let Some(meant) = nearest(namespace, NAMESPACES.iter().copied())
            && !NAMESPACES.contains(&&*namespace.value)
            && WASI.iter().any(|(known, _)| *known == package.value)
        {
            let message = format!("the namespace {} is not known", namespace.value);
            let help = format!("did you mean {meant}?");
            findings.push(finding::warning(namespace.place, message).help(help));
        }
        return;
    }
    let Some((_, known)) = WASI.iter().find(|(known, _)| *known == package.value) else {
        let message = format!("wasi has no package {} that links are for", package.value);
        let finding = finding::warning(package.place, message);
        let packages = WASI.iter().map(|(known, _)| *known);
        findings.push(finding.did_you_mean(package, packages));
        return;
    };
    for interface in &link.interfaces {
        if known.contains(&&*interface.value) {
            continue;
        }
        let message = format!(
            "wasi:{} has no interface {}",
            package.value, interface.value
        );
        let finding = finding::warning(interface.place, message);
        // An interface that is cut short is nearer to the whole one than to another.
        let whole = known
            .iter()
            .copied()
            .find(|known| known.starts_with(&*interface.value));
        let finding = finding.help(format!("there is {}", known.join(", ")));
        findings.push(match whole {
            Some(whole) => finding.help(format!("did you mean {whole}?")),
            None => finding.did_you_mean(interface, known.iter().copied()),
        });
    }
}

/// One component has at most one link of one name for one interface.
fn check_names(component: &Component, findings: &mut Findings) {
    let mut seen = HashMap::new();
    for link in &component.links {
        for interface in &link.interfaces {
            let of = link.interface(interface);
            let message = format!(
                "a link of {} for {of} with the name {}",
                component.name.value,
                link.name()
            );
            if let Some(first) = seen.insert((link.name(), of), interface.place) {
                let message = format!("{message} is at {first} too");
                let help = "give one of the two links a name of its own, with name:";
                findings.push(finding::error(interface.place, message).help(help));
            }
        }
    }
}
