//! The traits of a component: scalers and links.

use super::fields::{Fields, Unknown};
use super::finding::{self, Findings};
use super::link::{self, Link};
use super::scaler::{self, Scaler};
use crate::nearest::nearest;
use crate::tree::Node;

const SCALERS: &[&str] = &["spreadscaler", "daemonscaler"];
const TRAITS: &[&str] = &["spreadscaler", "daemonscaler", "link"];

/// What the traits of one component say.
#[derive(Default)]
pub(super) struct Traits {
    pub(super) scaler: Option<Scaler>,
    pub(super) links: Vec<Link>,
    /// Whether a scaler is meant, even if it has mistakes of its own.
    pub(super) has_scaler: bool,
}

/// Reads the traits of a component, which another application may have.
pub(super) fn read(
    nodes: &[Node<'_>],
    what: &str,
    is_foreign: bool,
    findings: &mut Findings,
) -> Traits {
    let mut traits = Traits::default();
    for node in nodes {
        traits.add(node, what, is_foreign, findings);
    }
    traits
}

// === impl Traits ===

impl Traits {
    fn add(&mut self, node: &Node<'_>, what: &str, is_foreign: bool, findings: &mut Findings) {
        let Some(mut fields) = Fields::of(node, format!("a trait of {what}"), findings) else {
            return;
        };
        let kind = fields.text("type", findings);
        let properties = fields.required("properties", findings);
        fields.finish(Unknown::Refused, findings);
        let Some(kind) = kind else {
            return;
        };
        let meant = nearest(&kind, TRAITS.iter().copied());
        self.has_scaler |= meant.is_some_and(|meant| SCALERS.contains(&meant));
        match &*kind.value {
            "link" => {
                let link = properties.and_then(|node| link::read(node, what, findings));
                self.links.extend(link);
            }
            scaler if SCALERS.contains(&scaler) => {
                if is_foreign {
                    let message =
                        format!("{what} is of another application, and has a {scaler} here");
                    let help = "scale it in the other application's manifest";
                    findings.push(finding::error(kind.place, message).help(help));
                }
                let what = format!("the {scaler} of {what}");
                let read = properties.and_then(|node| scaler::read(node, &what, findings));
                if let Some(first) = &self.scaler {
                    let message = format!(
                        "{what} is the second scaler, behind that at {}",
                        first.place
                    );
                    findings.push(finding::error(kind.place, message).help("keep one of the two"));
                } else {
                    self.scaler = read;
                }
            }
            other => {
                let message = format!("{other} of {what} is no trait");
                let finding = finding::error(kind.place, message);
                findings.push(match meant {
                    Some(meant) => finding.help(format!("did you mean {meant}?")),
                    None => finding.help(format!("there is {}", TRAITS.join(", "))),
                });
            }
        }
    }
}
