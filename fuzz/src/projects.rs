use std::path::Path;

use keywell_config::project;
use keywell_store::terminal::is_safe;

/// Reads a project file of `wash`, of either kind: nothing panics, what is shown of it acts on no
/// terminal, and a plan without errors holds together.
pub fn projects(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let root = Path::new("shop");
    for file in ["wasmcloud.toml", ".wash/config.yaml"] {
        let draft = project::from_text(root, &root.join(file), text);
        let shown = draft.report.render(false);
        assert!(
            shown.chars().all(|c| is_safe(c) || c == '\n'),
            "{shown:?} acts"
        );
        if let Ok(plan) = draft.finish() {
            plan.check().expect("a plan without errors holds together");
            let printed = plan.to_toml().text;
            assert!(printed.chars().all(|c| is_safe(c) || c == '\n'));
        }
    }
}
