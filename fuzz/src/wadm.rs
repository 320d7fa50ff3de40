//! Manifests of wadm: any text is a manifest or errors, each at a place of the text.

use std::path::Path;

use keywell_config::{Draft, ReadOptions, wadm};
use keywell_store::terminal::is_safe;

use crate::printed::{self, Everything};

/// Reads what is given as a manifest, in a file of either kind.
///
/// # Panics
///
/// If a text without errors is no manifest, if one with errors is, if a finding stands outside it,
/// or if its plan is not read as it is printed.
pub fn wadm(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let last_line = text.lines().count() + 1;
    for file in ["wadm.yaml", "wadm.json"] {
        let (manifest, report) = wadm::read(Path::new(file), text);
        assert_eq!(manifest.is_none(), report.has_errors(), "{file}: {report}");
        let shown = report.render(false);
        assert!(
            shown.chars().all(|c| is_safe(c) || c == '\n'),
            "{shown:?} acts"
        );
        for finding in report.problems() {
            // The parser of YAML counts a lone carriage return as the end of a line too.
            let is_within = finding.place.line <= last_line || text.contains('\r');
            assert!(finding.place.is_known() && is_within, "{file}: {finding}");
            assert!(!finding.message.is_empty(), "{file}: {finding}");
        }
        let places = report.problems().iter().map(|finding| finding.place);
        assert!(places.is_sorted_by_key(|place| (place.line, place.column)));
        if let Some(manifest) = manifest {
            let components = manifest.components.iter();
            let mut links = components.flat_map(|component| &component.links);
            assert!(links.all(|link| manifest.component(&link.target).is_some()));
            let texts = [(Path::new(file), text)];
            let options = ReadOptions {
                lookup: &Everything,
                ..ReadOptions::default()
            };
            if let Ok(plan) = Draft::from_texts(&texts, &options).finish() {
                printed::check(&plan);
            }
        }
    }
}
