use std::path::Path;

use keywell_config::{Draft, Report};
use keywell_store::terminal::is_safe;

use crate::printed::{self, Everything};

/// Reads a `keywell.toml`: nothing panics, what is shown of it acts on no terminal and is bounded, and
/// a plan without errors holds together and is read as it is printed.
pub fn plans(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let draft = Draft::from_toml_with(Path::new("keywell.toml"), text, &Everything);
    let shown = draft.report.render(false);
    assert!(
        shown.chars().all(|c| is_safe(c) || c == '\n'),
        "{shown:?} acts"
    );
    let problems = draft.report.problems();
    assert_eq!(problems.is_empty(), shown.is_empty());
    assert!(shown.matches("\n --> ").count() <= Report::MAX_SHOWN);
    if let Ok(plan) = draft.finish() {
        printed::check(&plan);
    }
}
