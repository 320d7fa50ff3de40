use std::process::Command;

use super::build::component_from;
use super::places::{kept, sources};
use super::wit;
use crate::process::{Done, run};
use crate::setup;

pub(super) fn build() -> Done {
    let tools = kept().join("javascript");
    setup::npm(&sources("javascript"), &tools)?;
    for name in ["counter", "runs"] {
        let source = sources("javascript").join(name).with_extension("js");
        let lock = sources("javascript").join("package-lock.json");
        component_from(
            ("javascript", name),
            &[source.clone(), lock],
            &[],
            |output| {
                let mut componentize =
                    Command::new(tools.join("node_modules/.bin/componentize-js"));
                componentize
                    .arg(&source)
                    .arg("--wit")
                    .arg(wit::folder(wit::JAVASCRIPT));
                run(componentize
                    .args(["--world-name", name])
                    .arg("--out")
                    .arg(output))
            },
        )?;
    }
    Ok(())
}
