use std::collections::BTreeMap;
use std::path::Path;

use crate::tree::Node;
use crate::tree::fields::{Fields, Unknown};
use crate::tree::finding::{self, Findings};
use crate::{DirPlan, Located};

/// The volumes of a workload, by their names: folders of the machine, or none that is offered.
pub(super) struct Volumes(BTreeMap<String, Option<Located<String>>>);

// === impl Volumes ===

impl Volumes {
    pub(super) fn read(nodes: &[Node<'_>], findings: &mut Findings) -> Self {
        let mut volumes = BTreeMap::new();
        for node in nodes {
            let Some(mut fields) = Fields::of(node, "a volume", findings) else {
                continue;
            };
            let Some(name) = fields.text("name", findings) else {
                continue;
            };
            fields.what = format!("the volume {}", name.value);
            fields.skip(&["ephemeral"]);
            let path = fields.take("hostPath").and_then(|node| {
                let what = format!("hostPath of {}", fields.what);
                let mut host = Fields::of(node, what, findings)?;
                let path = host.text("path", findings);
                host.finish(Unknown::Refused, findings);
                path
            });
            fields.finish(Unknown::Refused, findings);
            volumes.insert(name.value, path);
        }
        Self(volumes)
    }

    /// The folders of a component: `volumeMounts`. A relative path starts at `folder`.
    pub(super) fn mounts(
        &self,
        nodes: &[Node<'_>],
        of: &str,
        folder: &Path,
        findings: &mut Findings,
    ) -> Vec<DirPlan> {
        let mut dirs = Vec::new();
        for node in nodes {
            let what = format!("a volume mount of {of}");
            let Some(mut fields) = Fields::of(node, what, findings) else {
                continue;
            };
            let name = fields.text("name", findings);
            let guest = fields.text("mountPath", findings);
            let is_read_only = fields.boolean("readOnly", findings).unwrap_or(false);
            fields.finish(Unknown::Refused, findings);
            let (Some(name), Some(guest)) = (name, guest) else {
                continue;
            };
            let (message, help) = match self.0.get(&name.value) {
                Some(Some(host)) => {
                    dirs.push(DirPlan {
                        host: folder.join(&host.value),
                        guest: guest.value,
                        is_read_only,
                        place: node.place,
                    });
                    continue;
                }
                Some(None) => (
                    format!("the volume {} is no folder of the machine", name.value),
                    "give it a hostPath; ephemeral volumes are not offered",
                ),
                None => (
                    format!("there is no volume {}", name.value),
                    "add it to volumes of the workload",
                ),
            };
            let finding = finding::error(name.place, message).help(help);
            let is_known = self.0.contains_key(&name.value);
            let names = self.0.keys().map(String::as_str);
            findings.push(if is_known {
                finding
            } else {
                finding.did_you_mean(&name.value, names)
            });
        }
        dirs
    }
}
