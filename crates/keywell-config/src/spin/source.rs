use std::path::Path;

use crate::tree::fields::{self, Fields, Unknown};
use crate::tree::finding::{self, Findings};
use crate::tree::{Node, Value};
use crate::{Code, Located, Place, Problem};

/// `source` of a component: a file, or a component of a registry.
pub(super) fn read(
    node: &Node<'_>,
    what: &str,
    folder: &Path,
    findings: &mut Findings,
) -> Option<Located<Code>> {
    if !matches!(node.value, Value::Mapping(_)) {
        let source = fields::text(node, what, findings)?;
        if source.starts_with("http://") || source.starts_with("https://") {
            findings.push(of_url(what, node.place));
            return None;
        }
        return Some(Located {
            value: Code::File(folder.join(&source.value)),
            place: source.place,
        });
    }
    let mut fields = Fields::of(node, what, findings)?;
    if fields.take("url").is_some() {
        findings.push(of_url(what, node.place));
        fields.skip(&["digest"]);
        fields.finish(Unknown::Refused, findings);
        return None;
    }
    let registry = fields.text("registry", findings);
    let package = fields.text("package", findings);
    let version = fields.text("version", findings);
    fields.finish(Unknown::Refused, findings);
    let (registry, package, version) = (registry?, package?, version?);
    let Some((namespace, name)) = package.split_once(':') else {
        let message = format!("{:?} is no package", package.value);
        findings.push(finding::error(package.place, message).help("write NAMESPACE:NAME"));
        return None;
    };
    let (registry, version) = (&registry.value, &version.value);
    Some(Located {
        value: Code::Image {
            reference: format!("{registry}/{namespace}/{name}:{version}"),
            file: None,
        },
        place: package.place,
    })
}

fn of_url(what: &str, place: Place) -> Problem {
    let message = format!("{what} is a URL, and nothing is downloaded from URLs");
    let help = "download it, check its digest, and write the path of the file";
    finding::error(place, message).help(help)
}
