//! Every manifest of this folder, with what is found in it beside it: `NAME.yaml` or `NAME.json`, and
//! `NAME.expected`. With `KEYWELL_REWRITE_EXPECTED` set, the test writes what is found as what it
//! expects; look at the difference before you keep it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bounds;
mod model;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use keywell_config::{Problem, Severity, wadm};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wadm")
}

fn manifests() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder()).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let is_manifest = |path: &PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        matches!(extension, Some("yaml" | "json"))
    };
    let mut paths: Vec<PathBuf> = paths.filter(is_manifest).collect();
    paths.sort();
    paths
}

/// `LINE:COLUMN SEVERITY MESSAGE; HELP`
fn line(problem: &Problem) -> String {
    let severity = match problem.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let help = problem.help.as_ref();
    let help = help.map_or_else(String::new, |help| format!("; {help}"));
    format!("{} {severity} {}{help}", problem.place, problem.message)
}

/// What `NAME.expected` has: `valid`, or the findings, and then nothing more.
fn found(file: &Path, text: &str) -> String {
    let (manifest, report) = wadm::read(file, text);
    assert_eq!(
        manifest.is_none(),
        report.has_errors(),
        "{}: {report}",
        file.display()
    );
    let mut found = String::new();
    for problem in report.problems() {
        writeln!(found, "{}", line(problem)).unwrap();
    }
    if manifest.is_some() {
        found.insert_str(0, "valid\n");
    }
    found
}

#[test]
fn every_manifest_has_the_findings_beside_it() {
    let manifests = manifests();
    assert!(manifests.len() >= 40, "{} manifests", manifests.len());
    let is_rewriting = std::env::var_os("KEYWELL_REWRITE_EXPECTED").is_some();
    let mut unlike = String::new();
    for file in &manifests {
        let text = std::fs::read_to_string(file).unwrap();
        let found = found(file, &text);
        let beside = file.with_extension("expected");
        if is_rewriting {
            std::fs::write(&beside, &found).unwrap();
            continue;
        }
        let expected = std::fs::read_to_string(&beside).unwrap_or_default();
        if found != expected {
            let name = file.file_name().unwrap().display();
            writeln!(unlike, "{name} expected:\n{expected}found:\n{found}").unwrap();
        }
    }
    assert!(unlike.is_empty(), "{unlike}");
}

#[test]
fn nothing_is_expected_of_a_manifest_that_is_not_there() {
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "expected")
        {
            let is_there = ["yaml", "json"]
                .iter()
                .any(|kind| path.with_extension(kind).exists());
            assert!(is_there, "{}", path.display());
        }
    }
}

#[test]
fn a_message_has_no_word_of_a_derived_reader_and_no_secret() {
    for file in manifests() {
        let text = std::fs::read_to_string(&file).unwrap();
        let report = wadm::read(&file, &text).1;
        for words in [report.to_string(), report.render(false)] {
            for unwanted in ["untagged", "variant", "hunter2", "271828"] {
                assert!(!words.contains(unwanted), "{}: {words}", file.display());
            }
        }
    }
}
