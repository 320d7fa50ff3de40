use std::process::Command;

use super::build::component_from;
use super::places::{kept, sources};
use super::{tools, wit};
use crate::process::{Done, run, works};
use crate::setup;

/// The sources, each with its world and what the compiler is told besides.
const COMPONENTS: [(&str, &str, &[&str]); 2] = [
    ("counter", "counter", &["-mexec-model=reactor"]),
    ("runs", "imports", &[]),
];

/// Debian's packages of the compiler, the linker, the C library and the compiler's own functions.
const PACKAGES: [&str; 4] = ["clang", "lld", "wasi-libc", "libclang-rt-dev-wasm32"];

pub(super) fn build() -> Done {
    compiler()?;
    for (name, world, options) in COMPONENTS {
        let source = sources("c").join(name).with_extension("c");
        let used = [tools::WIT_BINDGEN, world];
        component_from(
            ("c", name),
            std::slice::from_ref(&source),
            &used,
            |output| {
                let bindings = kept().join("c").join(name);
                let wit = if world == "imports" {
                    wit::folder(wit::RELEASE).join("deps/keyvalue.wit")
                } else {
                    wit::folder(wit::RELEASE)
                };
                tools::bindings("c", world, &wit, &[], &bindings)?;
                let mut clang = Command::new("clang");
                clang
                    .args(["--target=wasm32-wasi", "-O2", "-Wall", "-Werror"])
                    .args(options);
                clang.arg("-I").arg(&bindings).arg(&source);
                clang.arg(bindings.join(format!("{world}.c")));
                clang.arg(bindings.join(format!("{world}_component_type.o")));
                run(clang.arg("-o").arg(output))
            },
        )?;
    }
    Ok(())
}

/// A clang that makes WebAssembly, or Debian's.
fn compiler() -> Done {
    let probe = kept().join("probe.c");
    let is_there = || {
        let mut clang = Command::new("clang");
        clang
            .args(["--target=wasm32-wasi", "-o"])
            .arg(probe.with_extension("wasm"));
        works(clang.arg(&probe))
    };
    std::fs::create_dir_all(kept())
        .and_then(|()| std::fs::write(&probe, "#include <stdio.h>\nint main(void) { return 0; }\n"))
        .map_err(|error| format!("cannot write {}: {error}", probe.display()))?;
    if is_there() {
        return Ok(());
    }
    setup::install(&PACKAGES)?;
    if is_there() {
        return Ok(());
    }
    let packages = PACKAGES.join(" ");
    Err(format!(
        "no clang compiles C for WASI. Debian and Ubuntu: apt-get install {packages}; else see \
         https://github.com/WebAssembly/wasi-sdk"
    ))
}
