//! A link stands at the side that calls, and each half of it is read by a provider.

use crate::wadm::component::{Component, ComponentKind};
use crate::wadm::finding::{self, Findings};
use crate::wadm::link::{Link, LinkSide};
use crate::wadm::manifest::Manifest;
use crate::wadm::provider::{Builtin, Provider, Providers};
use crate::{Located, Place, Problem};

pub(super) fn check(manifest: &Manifest, providers: &Providers, findings: &mut Findings) {
    for source in &manifest.components {
        for link in &source.links {
            let Some(target) = manifest.component(&link.target) else {
                continue;
            };
            let ends = Ends {
                source,
                target,
                source_builtin: builtin(source, providers),
                target_builtin: builtin(target, providers),
                link,
            };
            if let Some(finding) = ends.refuse() {
                findings.push(finding);
            } else {
                ends.warn_of_unread(findings);
            }
        }
    }
}

fn builtin(component: &Component, providers: &Providers) -> Option<Builtin> {
    if component.kind == ComponentKind::Component {
        return None;
    }
    match providers.find(component.image()?) {
        Provider::Builtin(builtin) => Some(builtin),
        Provider::NotOffered { .. } | Provider::Unknown => None,
    }
}

/// A link, and what is at its ends.
struct Ends<'m> {
    link: &'m Link,
    source: &'m Component,
    target: &'m Component,
    source_builtin: Option<Builtin>,
    target_builtin: Option<Builtin>,
}

// === impl Ends ===

impl Ends<'_> {
    fn refuse(&self) -> Option<Problem> {
        let (source, target) = (&self.source.name.value, &self.target.name.value);
        let is_provider = |component: &Component| component.kind == ComponentKind::Capability;
        let place = self.link.target.place;
        if is_provider(self.source) && is_provider(self.target) {
            let message = format!(
                "{source} and {target} are providers, and only components are linked to those"
            );
            return Some(finding::error(place, message).help("remove the link"));
        }
        let builtin = self.source_builtin.or(self.target_builtin)?;
        let namespace = &*self.link.namespace.value;
        let package = &*self.link.package.value;
        let is_known = matches!(namespace, "wasi" | "wrpc");
        let any = |test: &dyn Fn(&str) -> bool| {
            let mut interfaces = self.link.interfaces.iter();
            is_known && interfaces.any(|interface| test(interface))
        };
        let serves = any(&|interface| builtin.serves(package, interface));
        let calls = any(&|interface| builtin.calls(package, interface));
        let (is_right, is_reversed) = match self.source_builtin {
            Some(_) => (calls, serves),
            None => (serves, calls),
        };
        if is_right {
            return None;
        }
        let names: Vec<&str> = self
            .link
            .interfaces
            .iter()
            .map(|name| &*name.value)
            .collect();
        let interfaces = names.join(", ");
        if is_reversed {
            let message = format!(
                "the link from {source} to {target} is reversed: {target} is the one that calls {package}/{interfaces}"
            );
            let help = format!("move it to the traits of {target}, with target: {source}");
            return Some(finding::error(place, message).help(help));
        }
        if names.is_empty() {
            return None;
        }
        let name = builtin.name();
        let does_not = match self.source_builtin {
            Some(_) => "does not call",
            None => "does not offer",
        };
        let message = format!("{name} {does_not} {namespace}:{package}/{interfaces}");
        let place = self
            .link
            .interfaces
            .first()
            .map_or(place, |first| first.place);
        Some(finding::error(place, message).help(advice(builtin)))
    }

    /// Each side reads its own half, and a component reads neither.
    fn warn_of_unread(&self, findings: &mut Findings) {
        let is_component = |component: &Component| component.kind == ComponentKind::Component;
        // Manifests have the keys to watch at either side, as documents disagree.
        let is_watch = self.source_builtin == Some(Builtin::KeyvalueRedis);
        let (source, target) = (&self.source.name.value, &self.target.name.value);
        if is_component(self.source)
            && let Some(place) = first_place(&self.link.source_side)
        {
            let message = format!(
                "{source} is a component, which does not read the source side of its link to {target}"
            );
            findings.push(finding::warning(place, message).help(self.other("target")));
        }
        if is_component(self.target)
            && !is_watch
            && let Some(place) = first_place(&self.link.target_side)
        {
            let message = format!(
                "{target} is a component, which does not read the target side of the link from {source}"
            );
            findings.push(finding::warning(place, message).help(self.other("source")));
        }
    }

    /// Where what no one reads belongs.
    fn other(&self, side: &str) -> String {
        let provider = [self.source, self.target];
        let mut provider = provider.into_iter();
        match provider.find(|end| end.kind == ComponentKind::Capability) {
            Some(provider) => format!(
                "move it to config of {side}, which {} reads",
                provider.name.value
            ),
            None => "a component reads config of its own properties".to_owned(),
        }
    }
}

fn first_place(side: &LinkSide) -> Option<Place> {
    let config = side.config.iter().map(|item| &item.name);
    let mut names = config.chain(side.secrets.iter().map(|item| &item.name));
    names.next().map(|name: &Located<String>| name.place)
}

fn advice(builtin: Builtin) -> &'static str {
    match builtin {
        Builtin::HttpServer => "http-server calls incoming-handler; requests go out by http-client",
        Builtin::HttpClient => "http-client offers wasi:http/outgoing-handler",
        Builtin::KeyvalueRedis => {
            "keyvalue-redis offers wasi:keyvalue with store, atomics and batch, and calls watcher"
        }
        Builtin::KeyvalueNats => "keyvalue-nats offers wasi:keyvalue with store, atomics and batch",
    }
}
