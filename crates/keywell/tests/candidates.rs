//! Components that were built for release candidates of WASI 0.2.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use keywell_candidates::{CANDIDATES, PACKAGES, names, renamed};
use support::{Server, guest, keywell};

/// The version of a release of WASI 0.2 in a name.
fn release(name: &str) -> Option<&str> {
    let (interface, version) = name.split_once('@')?;
    let (package, _) = interface.split_once('/')?;
    (PACKAGES.contains(&package) && version.starts_with("0.2.")).then_some(version)
}

/// A guest as if it had been built for candidates: each release in it, the earliest first, is
/// another of them.
fn as_candidate(folder: &Path, name: &str) -> PathBuf {
    let wasm = fs::read(guest(name)).unwrap();
    let found = names(&wasm);
    let releases: BTreeSet<&str> = found.iter().filter_map(|name| release(name)).collect();
    let replaced: Vec<_> = releases.into_iter().zip(CANDIDATES).collect();
    let wasm = renamed(&wasm, |name| {
        let version = release(name)?;
        let (_, candidate) = replaced.iter().find(|(known, _)| *known == version)?;
        Some(name.replace(version, candidate))
    });
    let path = folder.join(name).with_extension("wasm");
    fs::write(&path, wasm.unwrap()).unwrap();
    path
}

fn run(component: &Path, arguments: &[&str]) -> Output {
    let mut keywell = keywell();
    keywell.arg("run").arg(component).args(arguments);
    keywell.output().unwrap()
}

fn inspect(component: &Path) -> (String, bool) {
    let output = keywell().arg("inspect").arg(component).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (text, output.status.success())
}

/// A command that does nothing, with imports.
fn command(imports: &str) -> String {
    format!(
        r#"(component
            {imports}
            (core module $m (func (export "run") (result i32) i32.const 0))
            (core instance $m (instantiate $m))
            (func $run (result (result)) (canon lift (core func $m "run")))
            (instance $run (export "run" (func $run)))
            (export "wasi:cli/run@0.2.0-rc-2023-12-05" (instance $run)))"#
    )
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_command_runs_and_what_users_see_are_its_own_names() {
    let folder = tempfile::tempdir().unwrap();
    let component = as_candidate(folder.path(), "settings");
    let arguments = ["--store", "memory:", "--config", "a=b", "--", "get:a"];
    // The second time it is in the cache.
    for _ in 0..2 {
        let output = run(&component, &arguments);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(output.stdout, b"a: Some(\"b\")\n");
    }
    let (text, is_offered) = inspect(&component);
    assert!(is_offered, "{text}");
    let mut lines = text.lines();
    let run_line = format!("  wasi:cli/run@{}", CANDIDATES[0]);
    assert!(lines.any(|line| line == run_line), "{text}");
    assert!(text.contains("runs with      keywell run"), "{text}");
    let names: Vec<&str> = text.lines().filter(|line| line.contains("@0.2.")).collect();
    let is_own = |line: &&str| CANDIDATES.iter().any(|candidate| line.ends_with(candidate));
    let of_wasi = |line: &&str| PACKAGES.iter().any(|of| line.trim().starts_with(of));
    assert!(names.into_iter().filter(of_wasi).all(|line| is_own(&line)));

    let mut serve = keywell();
    serve
        .arg("serve")
        .arg(&component)
        .args(["--store", "memory:"]);
    let output = serve.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = stderr(&output);
    assert!(
        message.contains("it exports wasi:cli/run@0.2.0-rc-2023-11-10"),
        "{message}"
    );
}

#[test]
fn an_http_component_answers() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["counter_wasmcloud", "counter_spin"] {
        let component = as_candidate(folder.path(), name);
        let (text, is_offered) = inspect(&component);
        assert!(is_offered, "{text}");
        let handler = format!("  wasi:http/incoming-handler@{}", CANDIDATES[0]);
        assert!(text.lines().any(|line| line == handler), "{text}");
        let component = component.to_str().unwrap();
        let server = Server::start(component, &["--store", "memory:"]);
        for count in ["1", "2"] {
            let text = server.get("/tea").text();
            assert!(text.contains(count), "{text}");
        }
    }
}

#[test]
fn values_of_the_older_generations_are_streams_of_the_candidate() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["probe-0-1-0", "probe-unversioned"] {
        let component = as_candidate(folder.path(), name);
        let (text, _) = inspect(&component);
        assert!(text.contains("wasi:io/streams@0.2.0-rc-"), "{text}");
        let steps = ["--", "open:", "set-stream:k=green+ tea", "get-stream:k"];
        let output = run(&component, &[&["--store", "memory:"], &steps[..]].concat());
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{output:?}");
        assert!(
            text.ends_with("get-stream k -> some \"green tea\"\n"),
            "{text}"
        );
    }
}

#[test]
fn an_interface_is_imported_of_the_release_and_of_candidates_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it.wasm");
    let imports = ["0.2.0", "0.2.20231110"].into_iter().chain(CANDIDATES);
    let imports = imports.map(|version| {
        format!(
            "(import \"wasi:random/random@{version}\" (instance
                (export \"get-random-u64\" (func (result u64)))))"
        )
    });
    let text = command(&imports.collect::<String>());
    fs::write(&path, wat::parse_str(text).unwrap()).unwrap();
    let output = run(&path, &["--store", "memory:"]);
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_function_of_another_type_is_named_with_its_interface() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it.wasm");
    let text = command(
        r#"(import "wasi:random/random@0.2.0-rc-2023-12-05" (instance
            (export "get-random-u64" (func (param "seed" u64) (result u64)))))"#,
    );
    fs::write(&path, wat::parse_str(text).unwrap()).unwrap();
    let output = run(&path, &["--store", "memory:"]);
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(
        message.contains("wasi:random/random@0.2.0-rc-2023-12-05"),
        "{message}"
    );
    assert!(message.contains("get-random-u64"), "{message}");
    assert!(!message.contains("0.2.2023"), "{message}");
}

#[test]
fn an_earlier_candidate_is_not_offered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it.wasm");
    let text = r#"(component
        (import "wasi:random/random@0.2.0-rc-2023-10-18" (instance
            (export "get-random-u64" (func (result u64))))))"#;
    fs::write(&path, wat::parse_str(text).unwrap()).unwrap();
    let (text, is_offered) = inspect(&path);
    assert!(!is_offered);
    assert!(
        text.contains(
            "wasi:random/random@0.2.0-rc-2023-10-18   NOT OFFERED: of wasi:random, the \
             releases of 0.2 and 0.3 and the candidates of 0.2 since rc-2023-11-10 are offered"
        ),
        "{text}"
    );
}
