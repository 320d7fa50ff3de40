//! What stands before the first call of a component: its check, compiling it, and a store that begins
//! with keys.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::{guest, keywell};

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = keywell().args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// A command of 2 MB with this code, in a file.
fn large(folder: &Path, code: &str) -> PathBuf {
    let data = "x".repeat(2 << 20);
    let text = format!(
        r#"(component
            (core module $m (memory 256) (data (i32.const 0) "{data}")
                (func (export "run") (result i32) {code}))
            (core instance $i (instantiate $m))
            (func $run (result (result)) (canon lift (core func $i "run")))
            (instance $cli (export "run" (func $run)))
            (export "wasi:cli/run@0.2.0" (instance $cli)))"#
    );
    let path = folder.join("large.wasm");
    fs::write(&path, wat::parse_str(text).unwrap()).unwrap();
    path
}

#[test]
fn a_large_component_that_cannot_serve_is_refused_before_it_is_compiled() {
    let folder = tempfile::tempdir().unwrap();
    // Its code is invalid, which compiling it would report.
    let path = large(folder.path(), "");
    let path = path.to_str().unwrap();
    let (code, _, error) = run(&["serve", path, "--store", "memory:", "--addr", "127.0.0.1:0"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("exports no wasi:http"), "{error}");
    assert!(!error.contains("compiling"), "{error}");

    let file = folder.path().join("keywell.toml");
    let text = "[component.a]\npath = \"large.wasm\"\n[[trigger.http]]\ncomponent = \"a\"\n";
    fs::write(&file, text).unwrap();
    let (code, _, error) = run(&["up", "--check", file.to_str().unwrap()]);
    assert_ne!(code, Some(0));
    assert!(error.contains("exports no wasi:http"), "{error}");
    assert!(!error.contains("valid component"), "{error}");
    assert!(!error.contains("compiling"), "{error}");

    let (code, _, error) = run(&["run", path, "--store", "memory:"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("compiling large.wasm (2.0 MB)"), "{error}");
    assert!(error.contains("not a valid component"), "{error}");
}

#[test]
fn what_is_compiled_ahead_is_not_compiled_at_the_start_whatever_the_limits() {
    let folder = tempfile::tempdir().unwrap();
    let path = large(folder.path(), "(i32.const 0)");
    let path = path.to_str().unwrap();
    let cache = folder.path().join("cache");
    let cache = cache.to_str().unwrap();
    let compile = ["compile", path, "--cache", cache];
    let (code, out, error) = run(&compile);
    assert_eq!(code, Some(0), "{error}");
    assert_eq!(out, format!("compiled {path}\n"));
    assert!(
        error.starts_with("compiling large.wasm (2.0 MB), once;"),
        "{error}"
    );
    assert!(error.contains("compiled large.wasm in "), "{error}");
    assert_eq!(
        run(&compile),
        (
            Some(0),
            format!("{path} is compiled already\n"),
            String::new()
        )
    );
    let start = [
        "run",
        path,
        "--store",
        "memory:",
        "--memory",
        "512MiB",
        "--instances",
        "7",
    ];
    let start = |more: &[&str]| run(&[&start[..], more].concat());
    let (code, _, error) = start(&["--cache", cache]);
    assert_eq!((code, &*error), (Some(0), ""));
    let (code, _, error) = start(&["--no-cache"]);
    assert_eq!(code, Some(0), "{error}");
    assert!(
        error.contains("at every start, as there is no cache"),
        "{error}"
    );

    let (code, _, error) = run(&["compile", "absent.wasm", "--cache", cache]);
    assert_eq!(code, Some(1));
    assert!(error.contains("absent.wasm"), "{error}");
    assert_eq!(run(&["compile"]).0, Some(2));
}

#[cfg(unix)]
#[test]
fn compiling_ahead_into_a_folder_that_cannot_be_the_cache_fails() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let path = large(folder.path(), "(i32.const 0)");
    let cache = folder.path().join("cache");
    fs::create_dir(&cache).unwrap();
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o777)).unwrap();
    let cache = cache.to_str().unwrap();
    let (code, _, error) = run(&["compile", path.to_str().unwrap(), "--cache", cache]);
    assert_eq!(code, Some(1));
    assert!(error.contains("cannot keep the compiled"), "{error}");
}

fn inspected(folder: &Path, text: &str) -> (Option<i32>, String) {
    let path = folder.join("some.wasm");
    fs::write(&path, wat::parse_str(text).unwrap()).unwrap();
    let (code, report, _) = run(&["inspect", path.to_str().unwrap()]);
    (code, report)
}

const RUNNABLE: &str = r#"(core module $m (func (export "run") (result i32) (i32.const 0)))
    (core instance $i (instantiate $m))
    (func $run (result (result)) (canon lift (core func $i "run")))
    (instance $cli (export "run" (func $run)))
    (export "wasi:cli/run@0.2.0" (instance $cli))"#;

#[test]
fn what_is_refused_has_nothing_that_it_runs_with_and_its_generation_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (code, report) = inspected(folder.path(), &format!("(component {RUNNABLE})"));
    assert_eq!(code, Some(0), "{report}");
    assert!(report.contains("\nruns with      keywell run"), "{report}");
    for (version, named) in [
        ("@0.3.0", "0.3.0"),
        ("@0.2.0-rc.1", "0.2.0-rc.1"),
        ("", "without a version"),
    ] {
        let text =
            format!(r#"(component (import "wasi:keyvalue/cas{version}" (instance)) {RUNNABLE})"#);
        let (code, report) = inspected(folder.path(), &text);
        assert_eq!(code, Some(1), "{report}");
        assert!(
            report.contains(&format!("\nwasi:keyvalue  {named} (not offered)")),
            "{report}"
        );
        assert!(
            report.contains("the resource cas is in atomics"),
            "{report}"
        );
        assert!(report.contains("\nruns with      none"), "{report}");
    }
    let other = format!(
        r#"(component (import "wasi:random/random@0.2.9" (instance
            (export "get-random-u64" (func (result u32))))) {RUNNABLE})"#
    );
    let (code, report) = inspected(folder.path(), &other);
    assert_eq!(code, Some(1), "{report}");
    assert!(!report.contains("NOT OFFERED"), "{report}");
    assert!(report.contains("\nrefused        "), "{report}");
    assert!(report.contains("\nruns with      none"), "{report}");
}

#[test]
fn inspect_names_the_tools_that_made_a_component() {
    let counter = guest("counter");
    let counter = counter.to_str().unwrap();
    let (_, report, _) = run(&["inspect", counter]);
    let made = report.lines().find(|line| line.starts_with("built with"));
    let made = made.unwrap();
    assert!(made.contains("wit-bindgen-rust "), "{made}");
    assert!(made.contains("wit-component "), "{made}");
    let (_, json, _) = run(&["inspect", "--json", counter]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(json["built_with"].as_array().unwrap().len() > 1, "{json}");
}

#[test]
fn a_store_in_memory_begins_with_the_keys_of_a_preset() {
    let folder = tempfile::tempdir().unwrap();
    let preset = folder.path().join("keys.jsonl");
    fs::write(&preset, "{\"key\":\"tea\",\"value\":\"green\"}\n").unwrap();
    let preset = preset.to_str().unwrap();
    let probe = guest("probe-draft2");
    let probe = probe.to_str().unwrap();
    let steps = ["--preset", preset, "--", "open:", "get:tea"];
    let get = |store: &str| run(&[&["run", probe, "--store", store][..], &steps].concat());
    let (code, out, error) = get("memory:");
    assert_eq!(code, Some(0), "{error}");
    assert_eq!(out.lines().last(), Some("get tea -> some \"green\""));
    let disk = format!("disk:{}", folder.path().join("disk").display());
    let (code, _, error) = get(&disk);
    assert_eq!(code, Some(2));
    assert!(error.contains("there is no setting preset"), "{error}");

    let file = folder.path().join("keywell.toml");
    let text = format!(
        "[store.main]\nurl = \"memory:\"\npreset = \"keys.jsonl\"\n\
         [component.a]\npath = {probe:?}\nstore = \"main\"\n\
         [[trigger.command]]\ncomponent = \"a\"\narguments = [\"open:\", \"get:tea\"]\n"
    );
    fs::write(&file, text).unwrap();
    let (code, out, error) = run(&["up", file.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{error}");
    assert!(out.contains("get tea -> some \"green\""), "{out}");
}

#[test]
fn help_has_the_exit_codes() {
    let (code, out, _) = run(&["--help"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("Exit codes:"), "{out}");
}
