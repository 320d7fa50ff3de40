use std::path::Path;
use std::process::Command;

use super::build::component_from;
use super::places::{kept, sources};
use super::{tools, wit};
use crate::process::{Done, run};

pub(super) fn build() -> Done {
    let installed = tools::of_python("go")?;
    // Each module has the name of its world.
    for name in ["counter", "runs"] {
        let inputs = ["pkg", "requirements.txt", name].map(|input| sources("go").join(input));
        let used = [tools::WIT_BINDGEN, tools::WASM_TOOLS];
        component_from(("go", name), &inputs, &used, |output| {
            let wit = wit::folder(wit::RELEASE);
            // Bindings stand among the sources of a module, so it is built from a copy.
            let modules = kept().join("go-modules");
            for part in ["pkg", name] {
                copy(&sources("go").join(part), &modules.join(part))?;
            }
            let module = modules.join(name);
            let package = format!("{name}/bindings");
            let options = ["--pkg-name", &package];
            tools::bindings("go", name, &wit, &options, &module.join("bindings"))?;

            let core = module.join("core.wasm");
            let mut go = Command::new(installed.join("go/bin/go"));
            go.current_dir(&module)
                .args(["build", "-buildmode=c-shared"]);
            go.args(["-ldflags", "-s -checklinkname=0", "-o"])
                .arg(&core);
            go.envs([
                ("GOOS", "wasip1"),
                ("GOARCH", "wasm"),
                ("GOTOOLCHAIN", "local"),
            ])
            .env("GOROOT", installed.join("go"))
            .env("GOPATH", kept().join("go-path"))
            .env("GOCACHE", kept().join("go-cache"));
            run(go.arg("."))?;
            let mut embed = Command::new(tools::wasm_tools()?);
            embed
                .args(["component", "embed", "--world", name])
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
