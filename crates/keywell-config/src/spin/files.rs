use std::path::{Component, Path};

use crate::tree::fields::{self, Fields, Unknown};
use crate::tree::finding::{self, Findings};
use crate::tree::{Node, Value};
use crate::{DirPlan, Located};

/// Reads `files` of a component as far as they are folders, each to be read only.
pub(super) fn read(
    nodes: &[Node<'_>],
    what: &str,
    folder: &Path,
    findings: &mut Findings,
) -> Vec<DirPlan> {
    let mut dirs = Vec::new();
    for node in nodes {
        let what = format!("an item of files of {what}");
        let (source, guest) = if matches!(node.value, Value::Mapping(_)) {
            let Some(mut fields) = Fields::of(node, what, findings) else {
                continue;
            };
            let source = fields.text("source", findings);
            let guest = fields.text("destination", findings);
            fields.finish(Unknown::Refused, findings);
            match (source, guest) {
                (Some(source), Some(guest)) => (source, guest.value),
                _ => continue,
            }
        } else {
            let Some(source) = fields::text(node, &what, findings) else {
                continue;
            };
            let below = source.strip_prefix("./").unwrap_or(&source);
            let guest = format!("/{}", below.trim_matches('/'));
            (source, guest)
        };
        if !is_folder(&source) {
            let message = format!("{:?} in files is a pattern or a single file", source.value);
            let help = "put the files into a folder, and write { source = \"FOLDER\", \
                        destination = \"/PATH\" }";
            findings.push(finding::error(source.place, message).help(help));
            continue;
        }
        if !is_below(&source) {
            let message = format!(
                "{:?} in files is no folder below that of the file",
                source.value
            );
            let help = "write the path of a folder below it, without . and ..";
            findings.push(finding::error(source.place, message).help(help));
            continue;
        }
        dirs.push(dir(&source, guest, folder));
    }
    dirs
}

/// Whether it looks like one: what a file names is not opened here.
fn is_folder(source: &str) -> bool {
    let last = Path::new(source.trim_end_matches('/'));
    !source.contains(['*', '?', '[']) && last.extension().is_none()
}

/// Whether it leads to a folder below the one that it starts from.
fn is_below(source: &str) -> bool {
    let source = source.strip_prefix("./").unwrap_or(source);
    let mut parts = Path::new(source).components().peekable();
    let is_any = parts.peek().is_some();
    is_any && parts.all(|part| matches!(part, Component::Normal(_)))
}

fn dir(source: &Located<String>, guest: String, folder: &Path) -> DirPlan {
    DirPlan {
        host: folder.join(source.trim_end_matches('/')),
        guest,
        is_read_only: true,
        place: source.place,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_below_that_of_the_file_are_granted() {
        for below in ["assets", "assets/", "a/b", "./a"] {
            assert!(is_below(below), "{below}");
        }
        for other in ["", ".", "..", "/", "/etc", "a/../..", "./", "./.."] {
            assert!(!is_below(other), "{other}");
        }
    }
}
