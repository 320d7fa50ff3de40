//! Files that cannot be run, and the errors for them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;
use std::process::Output;

use support::{guest, keywell};

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = keywell().args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

fn serve(path: &Path) -> (Option<i32>, String) {
    let path = path.to_str().unwrap();
    let (code, stdout, stderr) =
        run(&["serve", path, "--store", "memory:", "--addr", "127.0.0.1:0"]);
    assert_eq!(stdout, "");
    assert!(!stderr.contains("panicked"), "{stderr}");
    (code, stderr)
}

fn file(folder: &tempfile::TempDir, contents: impl AsRef<[u8]>) -> std::path::PathBuf {
    let path = folder.path().join("some.wasm");
    std::fs::write(&path, contents).unwrap();
    path
}

#[test]
fn a_file_that_is_missing_or_no_component_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (code, error) = serve(&folder.path().join("absent.wasm"));
    assert_eq!(code, Some(1));
    assert!(
        error.contains("cannot read") && error.contains("absent.wasm"),
        "{error}"
    );

    for contents in ["", "hello", "\0asm"] {
        let (code, error) = serve(&file(&folder, contents));
        assert_eq!(code, Some(1));
        assert!(error.contains("not a WebAssembly component"), "{error}");
    }

    let (code, error) = serve(&file(&folder, wat::parse_str("(module)").unwrap()));
    assert_eq!(code, Some(1));
    assert!(
        error.contains("core WebAssembly module") && error.contains("wasip2"),
        "{error}"
    );

    let mut damaged = std::fs::read(guest("counter")).unwrap();
    damaged.truncate(5000);
    let (code, error) = serve(&file(&folder, damaged));
    assert_eq!(code, Some(1));
    assert!(error.contains("not a valid component"), "{error}");
}

const UNOFFERED: &str = r#"(component
    (import "acme:teapot/brew@1.0.0" (instance (export "pour" (func))))
    (import "wasi:keyvalue/store@0.3.0" (instance))
    (import "wasi:cli/run@0.9.0" (instance))
    (import "wasi:io/poll@0.2.0" (instance))
    (import "wasi:blobstore/container@0.2.0-draft" (instance))
    (import "plain" (func)))"#;

#[test]
fn every_missing_import_is_named_with_what_would_offer_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, wat::parse_str(UNOFFERED).unwrap());
    let (code, error) = serve(&path);
    assert_eq!(code, Some(1));
    let lines: Vec<&str> = error
        .lines()
        .filter(|line| line.starts_with("  "))
        .collect();
    assert_eq!(lines.len(), 5, "{error}");
    let explains = |import: &str, hint: &str| {
        lines
            .iter()
            .any(|line| line.contains(import) && line.contains(hint))
    };
    assert!(explains("acme:teapot/brew@1.0.0", "compose"), "{error}");
    assert!(
        explains("wasi:keyvalue/store@0.3.0", "0.2.0-draft and 0.2.0-draft2"),
        "{error}"
    );
    assert!(
        explains("wasi:cli/run@0.9.0", "releases of 0.2 and 0.3"),
        "{error}"
    );
    assert!(
        explains("wasi:blobstore", "a WASI proposal for object stores"),
        "{error}"
    );
    assert!(explains("plain", "composed"), "{error}");

    let (code, report, _) = run(&["inspect", path.to_str().unwrap()]);
    assert_eq!(code, Some(1));
    assert_eq!(report.matches("NOT OFFERED").count(), 5, "{report}");
    for line in lines {
        let (_, hint) = line.split_once(": ").unwrap();
        assert!(report.contains(hint), "{report}");
    }
}

#[test]
fn a_component_of_a_later_release_of_wasi_0_2_runs() {
    let folder = tempfile::tempdir().unwrap();
    let wat = r#"(component
        (import "wasi:clocks/monotonic-clock@0.2.99" (instance $clock
            (export "now" (func (result u64)))))
        (import "wasi:cli/exit@0.2.12" (instance $exit
            (export "exit" (func (param "status" (result))))))
        (core func $now (canon lower (func $clock "now")))
        (core func $exit (canon lower (func $exit "exit")))
        (core module $m
            (import "wasi" "now" (func $now (result i64)))
            (import "wasi" "exit" (func $exit (param i32)))
            (func (export "run") (result i32)
                (if (i64.eqz (call $now)) (then (call $exit (i32.const 1))))
                (i32.const 0)))
        (core instance $wasi (export "now" (func $now)) (export "exit" (func $exit)))
        (core instance $i (instantiate $m (with "wasi" (instance $wasi))))
        (func $run (result (result)) (canon lift (core func $i "run")))
        (instance $cli (export "run" (func $run)))
        (export "wasi:cli/run@0.2.99" (instance $cli)))"#;
    let path = file(&folder, wat::parse_str(wat).unwrap());
    let path = path.to_str().unwrap();
    let (code, _, error) = run(&["run", path, "--store", "memory:"]);
    assert_eq!(code, Some(0), "{error}");
    let (code, report, _) = run(&["inspect", path]);
    assert_eq!(code, Some(0), "{report}");
    assert!(report.contains("keywell run"), "{report}");
}

#[test]
fn an_interface_of_nothing_but_types_needs_no_offer() {
    let folder = tempfile::tempdir().unwrap();
    let wat = r#"(component
        (import "acme:shapes/types@1.0.0" (instance
            (type $point (record (field "x" u32)))
            (export "point" (type (eq $point)))))
        (core module $m (func (export "run") (result i32) (i32.const 0)))
        (core instance $i (instantiate $m))
        (func $run (result (result)) (canon lift (core func $i "run")))
        (instance $cli (export "run" (func $run)))
        (export "wasi:cli/run@0.2.0" (instance $cli)))"#;
    let path = file(&folder, wat::parse_str(wat).unwrap());
    let path = path.to_str().unwrap();
    let (code, _, error) = run(&["run", path, "--store", "memory:"]);
    assert_eq!(code, Some(0), "{error}");
    assert_eq!(run(&["inspect", path]).0, Some(0));
}

#[test]
fn an_interface_of_another_shape_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let wat = r#"(component (import "wasi:keyvalue/store@0.2.0-draft2"
        (instance (export "open" (func (param "name" u32))))))"#;
    let (code, error) = serve(&file(&folder, wat::parse_str(wat).unwrap()));
    assert_eq!(code, Some(1));
    assert!(
        error.contains("do not fit") && error.contains("wasi:keyvalue/store"),
        "{error}"
    );
}

#[test]
fn a_component_of_the_wrong_kind_is_refused_with_what_it_lacks() {
    let (code, error) = serve(&guest("probe-draft2"));
    assert_eq!(code, Some(1));
    assert!(
        error.contains("wasi:http/incoming-handler") && error.contains("wasi:cli/run"),
        "{error}"
    );
    let counter = guest("counter");
    let (code, _, error) = run(&["run", counter.to_str().unwrap(), "--store", "memory:"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("exports no wasi:cli/run"), "{error}");
    assert!(error.contains("; serve it by `keywell serve`"), "{error}");
}

#[test]
fn a_component_that_starts_larger_than_its_limit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let wat = "(component (core module $m (memory 5000)) (core instance (instantiate $m)))";
    let (code, error) = serve(&file(&folder, wat::parse_str(wat).unwrap()));
    assert_eq!(code, Some(1));
    assert!(error.contains("--memory"), "{error}");
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let counter = guest("counter");
    let counter = counter.to_str().unwrap();
    for wrong in [
        &["serve"][..],
        &["serve", counter, "--store", "nowhere"],
        &["serve", counter, "--store", "floppy:a"],
        &["serve", counter, "--store", "memory:?size=1"],
        &["serve", counter, "--addr", "localhost"],
        &["serve", counter, "--timeout", "0s"],
        &["serve", counter, "--memory", "1"],
        &["serve", counter, "--instances", "0"],
        &["serve", counter, "--env", "NOVALUE"],
        &["serve", counter, "--log", "a=b=c"],
        &["serve", counter, "--log", "wran"],
        &["serve", counter, "--log", "component=wran"],
        &["serve", counter, "--reuse", "0"],
        &["serve", counter, "--timeout", "99999999999h"],
        &["frobnicate"],
    ] {
        let (code, _, error) = run(wrong);
        assert_eq!(code, Some(2), "{wrong:?}: {error}");
        assert!(
            !error.is_empty() && !error.contains("panicked"),
            "{wrong:?}: {error}"
        );
    }
}

#[test]
fn an_address_in_use_is_an_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let counter = guest("counter");
    let (code, _, error) = run(&[
        "serve",
        counter.to_str().unwrap(),
        "--store",
        "memory:",
        "--addr",
        &address,
    ]);
    assert_eq!(code, Some(1));
    assert!(
        error.contains("cannot listen") && error.contains(&address),
        "{error}"
    );
}

#[test]
fn a_command_gets_arguments_and_its_exit_code_is_passed_on() {
    let probe = guest("probe-draft2");
    let probe = probe.to_str().unwrap();
    let store = ["--store", "memory:"];
    let (code, out, _) = run(&[
        &["run", probe][..],
        &store,
        &["--", "open:", "set:a=1", "get:a"],
    ]
    .concat());
    assert_eq!(
        (code, out.lines().last()),
        (Some(0), Some("get a -> some \"1\""))
    );
    let (code, _, error) = run(&[&["run", probe][..], &store, &["--", "get:a"]].concat());
    assert_eq!(code, Some(1), "{error}");
}

/// A core module of WASI preview 1 that opens the file `tea` of its first folder, and fails if it
/// cannot. Without a folder, it traps.
const PREVIEW_1: &str = r#"(module
    (import "wasi_snapshot_preview1" "path_open" (func $open
        (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_prestat_get" (func $preopened (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (data (i32.const 100) "tea")
    (func $needs_a_folder (if (call $preopened (i32.const 3) (i32.const 16)) (then unreachable)))
    (func (export "_start")
        (call $needs_a_folder)
        (call $exit (call $open (i32.const 3) (i32.const 0) (i32.const 100) (i32.const 3)
            (i32.const 0) (i64.const 2) (i64.const 2) (i32.const 0) (i32.const 24)))))"#;

#[test]
fn a_module_of_preview_1_runs_and_has_the_folders_that_it_is_granted() {
    let folder = tempfile::tempdir().unwrap();
    let module = wat::parse_str(PREVIEW_1).unwrap();
    let module = file(&folder, module).display().to_string();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("tea"), "green").unwrap();
    let granted = format!("{}::/data:ro", data.display());
    let arguments = ["run", &module, "--store", "memory:"];
    let (code, _, error) = run(&[&arguments[..], &["--dir", &granted]].concat());
    assert_eq!(code, Some(0), "{error}");
    std::fs::remove_file(data.join("tea")).unwrap();
    let (code, ..) = run(&[&arguments[..], &["--dir", &granted]].concat());
    // The adapter passes on no number, only that it failed.
    assert_eq!(code, Some(1));
    // Without a folder; the trap is one sentence that names the function.
    let (code, _, error) = run(&arguments);
    assert_eq!(code, Some(1), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(
        error.contains("unreachable") && error.contains("needs_a_folder"),
        "{error}"
    );
    let (code, _, error) = run(&[&arguments[..], &["--dir", "absent::/data"]].concat());
    assert_eq!(code, Some(1));
    assert!(
        error.contains("cannot give the component the folder absent"),
        "{error}"
    );
}

#[test]
fn a_variant_of_an_offered_version_is_named_for_what_it_is() {
    let wat = r#"(component (import "wasi:keyvalue/types@0.1.0" (instance
        (export "incoming-value" (type $value (sub resource)))
        (export "[static]incoming-value.incoming-value-consume-sync"
            (func (param "this" (own $value)) (result (list u8)))))))"#;
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, wat::parse_str(wat).unwrap());
    let (code, report, _) = run(&["inspect", path.to_str().unwrap()]);
    assert_eq!(code, Some(1));
    let hint = "wasi:keyvalue/types@0.1.0   NOT OFFERED: a variant of wasi:keyvalue whose functions \
                incoming-value-consume-sync and -async are static";
    assert!(report.contains(hint), "{report}");
}

/// A command that counts down from a number, which takes some nanoseconds each.
fn computing(from: i64) -> Vec<u8> {
    let wat = format!(
        r#"(component
            (core module $m (func (export "run") (result i32) (local $n i64)
                (local.set $n (i64.const {from}))
                (loop $next
                    (local.set $n (i64.sub (local.get $n) (i64.const 1)))
                    (br_if $next (i64.ne (local.get $n) (i64.const 0))))
                (i32.const 0)))
            (core instance $i (instantiate $m))
            (func $run (result (result)) (canon lift (core func $i "run")))
            (instance $cli (export "run" (func $run)))
            (export "wasi:cli/run@0.2.0" (instance $cli)))"#
    );
    wat::parse_str(wat).unwrap()
}

#[test]
fn a_command_may_compute_until_its_time_is_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, computing(500_000_000));
    let run = |path: &Path, timeout| {
        run(&[
            "run",
            path.to_str().unwrap(),
            "--store",
            "memory:",
            "--timeout",
            timeout,
        ])
    };
    assert_eq!(run(&path, "60s").0, Some(0));
    let path = file(&folder, computing(0));
    let (code, _, error) = run(&path, "300ms");
    assert_eq!(code, Some(1));
    assert!(error.contains("longer than it may"), "{error}");
}

#[test]
fn inspect_shows_generation_and_command() {
    for (name, generation, command) in [
        ("counter", "0.2.0-draft2", "serve"),
        ("counter_draft", "0.2.0-draft", "serve"),
        ("probe-draft2-pairs", "0.2.0-draft2 (pairs)", "run"),
        ("probe-0-1-0", "0.1.0", "run"),
        ("probe-unversioned", "without a version", "run"),
        ("probe-keywell", "keywell:keyvalue  0.1.0", "run"),
        ("collections", "keywell:collections/store  0.1.0", "run"),
        ("counter_spin", "fermyon:spin/key-value  2.0.0", "serve"),
        ("spin", "fermyon:spin/key-value  without a version", "run"),
        ("spin", "fermyon:spin/key-value  2.0.0", "run"),
    ] {
        let path = guest(name);
        let (code, report, _) = run(&["inspect", path.to_str().unwrap()]);
        assert_eq!(code, Some(0));
        let is_of_wasi = !generation.contains(':');
        assert_eq!(report.contains("\nwasi:keyvalue  "), is_of_wasi, "{report}");
        let generation = if is_of_wasi {
            format!("wasi:keyvalue  {generation}")
        } else {
            generation.to_owned()
        };
        assert!(
            report.lines().any(|line| line.starts_with(&generation)),
            "{report}"
        );
        assert!(report.contains(&format!("keywell {command}")), "{report}");
        let (code, json, _) = run(&["inspect", "--json", path.to_str().unwrap()]);
        assert_eq!(code, Some(0));
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["commands"][0], command);
    }
}

#[test]
fn a_component_that_is_too_large_names_the_setting_that_helps_if_there_is_one() {
    for (module, hint) in [
        ("(memory 2048)", "raise --memory"),
        ("(table 2000000 funcref)", "no setting moves this limit"),
    ] {
        let text =
            format!("(component (core module $m {module}) (core instance (instantiate $m)))");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large.wasm");
        std::fs::write(&path, wat::parse_str(text).unwrap()).unwrap();
        let (code, _, error) = run(&["run", path.to_str().unwrap(), "--memory", "64MiB"]);
        assert_eq!(code, Some(1), "{error}");
        assert!(error.contains(hint), "{error}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_report_that_cannot_be_written_is_a_failure() {
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let inspected = keywell()
        .arg("inspect")
        .arg(guest("counter"))
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(inspected.status.code(), Some(1));
    let error = String::from_utf8(inspected.stderr).unwrap();
    assert!(error.contains("cannot write standard output"), "{error}");
}
