use std::path::Path;
use std::process::Command;

use super::build::component_from;
use super::places::{kept, sources};
use super::{tools, wit};
use crate::process::{Done, run};

/// The modules, each with its world and what the compiler is told besides: a component that is no
/// command is a library.
const COMPONENTS: [(&str, &str, &[&str]); 2] = [
    ("counter", "counter", &["-buildmode=c-shared"]),
    ("runs", "imports", &[]),
];

pub(super) fn build() -> Done {
    let installed = tools::of_python("go")?;
    for (name, world, options) in COMPONENTS {
        let inputs = ["pkg", "requirements.txt", name].map(|input| sources("go").join(input));
        let used = [tools::WIT_BINDGEN, tools::WASM_TOOLS, world];
        component_from(("go", name), &inputs, &used, |output| {
            let wit = if world == "imports" {
                wit::folder(wit::RELEASE).join("deps/keyvalue.wit")
            } else {
                wit::folder(wit::RELEASE)
            };
            // Bindings stand among the sources of a module, so it is built from a copy.
            let module = kept().join("go-modules").join(name);
            for part in ["pkg", name] {
                copy(
                    &sources("go").join(part),
                    &kept().join("go-modules").join(part),
                )?;
            }
            let package = format!("{name}/bindings");
            let bindings = module.join("bindings");
            tools::bindings("go", world, &wit, &["--pkg-name", &package], &bindings)?;

            let core = module.join("core.wasm");
            let mut go = Command::new(installed.join("go/bin/go"));
            go.current_dir(&module)
                .args(["build", "-ldflags=-s"])
                .args(options);
            go.envs([
                ("GOOS", "wasip1"),
                ("GOARCH", "wasm"),
                ("GOTOOLCHAIN", "local"),
            ])
            .env("GOROOT", installed.join("go"))
            .env("GOPATH", kept().join("go-path"))
            .env("GOCACHE", kept().join("go-cache"));
            run(go.arg("-o").arg(&core).arg("."))?;
            let mut embed = Command::new(tools::wasm_tools()?);
            embed
                .args(["component", "embed", "--world", world])
                .arg(&wit)
                .arg(&core);
            run(embed.arg("-o").arg(output))
        })?;
    }
    Ok(())
}

/// Copies a folder.
fn copy(from: &Path, to: &Path) -> Done {
    let failed = |error: std::io::Error| format!("cannot copy {}: {error}", from.display());
    std::fs::create_dir_all(to).map_err(failed)?;
    for entry in std::fs::read_dir(from).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target).map_err(failed)?;
        }
    }
    Ok(())
}
