//! Components do not call themselves, directly or by others.

use std::collections::HashMap;

use crate::wadm::component::ComponentKind;
use crate::wadm::finding::{self, Findings};
use crate::wadm::manifest::Manifest;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    OnPath,
    Done,
}

pub(super) fn check(manifest: &Manifest, findings: &mut Findings) {
    let mut seen: HashMap<&str, Seen> = HashMap::new();
    for component in &manifest.components {
        if component.kind == ComponentKind::Component && !seen.contains_key(&*component.name.value)
        {
            walk(manifest, &component.name.value, &mut seen, findings);
        }
    }
}

/// Depth first, with a stack of its own: a manifest may have any number of components.
fn walk<'m>(
    manifest: &'m Manifest,
    start: &'m str,
    seen: &mut HashMap<&'m str, Seen>,
    findings: &mut Findings,
) {
    let mut path: Vec<(&str, usize)> = vec![(start, 0)];
    seen.insert(start, Seen::OnPath);
    while let Some((name, next)) = path.last_mut() {
        let name = *name;
        let link = manifest.component(name).and_then(|of| of.links.get(*next));
        *next += 1;
        let Some(link) = link else {
            seen.insert(name, Seen::Done);
            path.pop();
            continue;
        };
        let target = &*link.target.value;
        let component = manifest.component(target);
        if component.is_none_or(|target| target.kind != ComponentKind::Component) {
            continue;
        }
        match seen.get(target) {
            None => {
                seen.insert(target, Seen::OnPath);
                path.push((target, 0));
            }
            Some(Seen::OnPath) => {
                let on_path = path.iter().map(|(name, _)| *name);
                let mut circle: Vec<&str> = on_path.skip_while(|name| *name != target).collect();
                circle.push(target);
                let message = format!("links lead in a circle: {}", circle.join(" to "));
                findings
                    .push(finding::error(link.target.place, message).help("remove one of them"));
            }
            Some(Seen::Done) => {}
        }
    }
}
