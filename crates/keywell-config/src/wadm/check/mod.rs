//! What holds between the parts of a manifest; a file for each kind of part.

mod cycles;
mod directions;
mod images;
mod links;
mod names;
mod settings;

use crate::wadm::finding::Findings;
use crate::wadm::manifest::Manifest;
use crate::wadm::provider::Providers;

pub(super) fn check(manifest: &Manifest, providers: &Providers, findings: &mut Findings) {
    names::check(manifest, findings);
    images::check(manifest, providers, findings);
    settings::check(manifest, findings);
    links::check(manifest, findings);
    directions::check(manifest, providers, findings);
    cycles::check(manifest, findings);
}
