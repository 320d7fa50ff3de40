//! Components that are read without being compiled, and what they may import.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use keywell_runtime::{Compilation, CompilationListener, Error, Options, Runtime, exports};
use parking_lot::Mutex;

fn options() -> Options {
    Options {
        instances: 1,
        ..Options::default()
    }
}

/// A command of 13 MB with this code.
fn large(code: &str) -> Vec<u8> {
    let data = "x".repeat(13 << 20);
    let text = format!(
        r#"(component
            (core module $m
                (@producers (processed-by "loom" "1.2.3"))
                (memory 256)
                (data (i32.const 0) "{data}")
                (func (export "run") (result i32) {code}))
            (core instance $i (instantiate $m))
            (func $run (result (result)) (canon lift (core func $i "run")))
            (instance $cli (export "run" (func $run)))
            (export "wasi:cli/run@0.2.0" (instance $cli)))"#
    );
    wat::parse_str(text).unwrap()
}

fn file(folder: &tempfile::TempDir, wasm: &[u8]) -> PathBuf {
    let path = folder.path().join("some.wasm");
    fs::write(&path, wasm).unwrap();
    path
}

#[test]
fn a_large_component_is_outlined_without_compiling_its_code() {
    let folder = tempfile::tempdir().unwrap();
    // The function returns nothing, which compiling it would notice.
    let path = file(&folder, &large(""));
    let runtime = Runtime::new(&options()).unwrap();
    let outline = runtime.outline(&path, &path).unwrap();
    assert!(outline.component.is_outline());
    let component = outline.component.component();
    assert_eq!(exports(component), ["wasi:cli/run@0.2.0"]);
    runtime.check(&outline.component).unwrap();
    let producers = outline.producers.iter();
    let producers: Vec<_> = producers
        .map(|tool| (&*tool.name, &*tool.version))
        .collect();
    assert_eq!(producers, [("loom", "1.2.3")]);
    let compiled = runtime.load(&path).map(drop);
    assert!(matches!(compiled, Err(Error::Malformed { .. })));
}

/// The notifications of a listener, in words.
#[derive(Clone, Default)]
struct Steps(Arc<Mutex<Vec<String>>>);

// === impl Steps ===

impl Steps {
    fn listener(&self) -> CompilationListener {
        let steps = self.0.clone();
        CompilationListener::new(move |step| {
            steps.lock().push(match step {
                Compilation::Begins {
                    name,
                    bytes,
                    is_kept,
                } => format!("begins {name} {} {is_kept}", bytes >> 20),
                Compilation::Ends { name, took } => format!("ends {name} {}", took.is_some()),
            });
        })
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock())
    }
}

#[test]
fn a_large_component_is_glanced_at_until_it_is_compiled_and_that_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, &large("(i32.const 0)"));
    let steps = Steps::default();
    let runtime = Runtime::new(&Options {
        cache: Some(folder.path().join("cache")),
        listener: steps.listener(),
        ..options()
    });
    let runtime = runtime.unwrap();
    assert!(runtime.glance(&path, &path).unwrap().is_outline());
    assert_eq!(steps.take(), [""; 0]);
    assert!(!runtime.load(&path).unwrap().is_outline());
    assert_eq!(
        steps.take(),
        ["begins some.wasm 13 true", "ends some.wasm true"]
    );
    assert!(!runtime.glance(&path, &path).unwrap().is_outline());
    runtime.load(&path).unwrap();
    assert_eq!(steps.take(), [""; 0]);

    let broken = file(&folder, &large(""));
    assert!(runtime.load(&broken).is_err());
    assert_eq!(steps.take()[1], "ends some.wasm false");
    let small = wat::parse_str("(component)").unwrap();
    let small = file(&folder, &small);
    assert!(!runtime.glance(&small, &small).unwrap().is_outline());
    assert_eq!(steps.take(), [""; 0]);
}

fn checked(text: &str) -> Result<(), Error> {
    let runtime = Runtime::new(&options()).unwrap();
    let wasm = wat::parse_str(format!("(component {text})")).unwrap();
    runtime.check(&runtime.compile(Path::new("it.wasm"), &wasm).unwrap())
}

#[test]
fn every_patch_release_of_wasi_0_2_and_0_3_resolves() {
    let functions = [
        ("cli/exit", "exit", r#"(func (param "status" (result)))"#),
        (
            "cli/environment",
            "get-arguments",
            "(func (result (list string)))",
        ),
        ("clocks/monotonic-clock", "now", "(func (result u64))"),
        ("random/random", "get-random-u64", "(func (result u64))"),
        (
            "random/insecure",
            "get-insecure-random-u64",
            "(func (result u64))",
        ),
    ];
    for version in [
        "0.2.0", "0.2.1", "0.2.9", "0.2.120", "0.3.0", "0.3.2", "0.3.40",
    ] {
        let imports = functions.map(|(interface, name, ty)| {
            format!(r#"(import "wasi:{interface}@{version}" (instance (export "{name}" {ty})))"#)
        });
        let imports = imports.concat();
        checked(&imports).unwrap_or_else(|error| panic!("{version}: {error}"));
    }
    // What is offered under the name has to have the type all the same.
    let other = r#"(import "wasi:random/random@0.2.9" (instance
        (export "get-random-u64" (func (result u32)))))"#;
    assert!(matches!(checked(other), Err(Error::Mismatch(_))));
    for version in ["0.2.0-rc-2023-10-18", "0.3.0-rc-2025-09-16", "0.4.0"] {
        let import = format!(r#"(import "wasi:random/random@{version}" (instance))"#);
        assert!(
            matches!(checked(&import), Err(Error::Missing(_))),
            "{version}"
        );
    }
}

#[test]
fn every_draft_of_wasi_config_is_offered() {
    for version in ["0.2.0-draft", "0.2.0-draft-2024-09-27", "0.2.0-rc.1"] {
        let text = format!(
            r#"(import "wasi:config/store@{version}" (instance
                (type $error (variant (case "upstream" string) (case "io" string)))
                (export "error" (type $named (eq $error)))
                (export "get" (func (param "key" string)
                    (result (result (option string) (error $named)))))
                (export "get-all" (func
                    (result (result (list (tuple string string)) (error $named)))))))"#
        );
        checked(&text).unwrap_or_else(|error| panic!("{version}: {error}"));
    }
}
