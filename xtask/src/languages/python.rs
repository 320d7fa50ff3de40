use std::process::Command;

use super::build::component_from;
use super::places::sources;
use super::{tools, wit};
use crate::process::{Done, run};

/// The modules, each with its world and the release of WASI that it is for.
const COMPONENTS: [(&str, &str, &str); 4] = [
    ("counter", "proxy", wit::RELEASE),
    ("runs", "command", wit::RELEASE),
    ("counter_0_3", "service", wit::ASYNC),
    ("runs_0_3", "command", wit::ASYNC),
];

pub(super) fn build() -> Done {
    let installed = tools::of_python("python")?;
    for (name, world, release) in COMPONENTS {
        let module = name.replace("counter", "digests");
        let files = [
            format!("{name}.py"),
            format!("{module}.py"),
            "requirements.txt".to_owned(),
        ];
        let files = files.map(|file| sources("python").join(file));
        let wit = wit::folder(release);
        let mut inputs = files.to_vec();
        inputs.push(wit.clone());
        component_from(("python", name), &inputs, &[world], |output| {
            let mut componentize = Command::new(installed.join("bin/componentize-py"));
            componentize.env("PYTHONPATH", &installed).arg("--quiet");
            componentize
                .arg("--wit-path")
                .arg(wit)
                .args(["--world", world]);
            componentize
                .arg("componentize")
                .arg("--python-path")
                .arg(sources("python"));
            run(componentize.arg(name).arg("--output").arg(output))
        })?;
    }
    Ok(())
}
