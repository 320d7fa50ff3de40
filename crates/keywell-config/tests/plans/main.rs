//! What manifests and whole applications are read into. Beside each valid manifest of `tests/wadm`
//! is `NAME.plan`, and in each folder of `tests/applications` (wadm) and `tests/manifests` (Spin and
//! workloads of wasmCloud 2) is `expected.plan`: what is wrong or noteworthy, then the plan as a
//! `keywell.toml`. With `KEYWELL_REWRITE_EXPECTED` set, the test
//! writes what is found as what it expects; look at the difference before you keep it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod mapping;
mod printing;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use keywell_config::{Draft, Lookup, ReadOptions, Report, Secret, Severity, wadm};

/// What the tests have in place of the environment and a state folder.
#[derive(Default)]
pub(crate) struct Known {
    variables: HashMap<String, String>,
}

impl Known {
    pub(crate) fn new(variables: &[(String, Secret)]) -> Self {
        let variables = variables.iter();
        let variables = variables.map(|(name, value)| (name.clone(), value.expose().to_owned()));
        Self {
            variables: variables.collect(),
        }
    }
}

impl Lookup for Known {
    fn variable(&self, name: &str) -> Result<Option<Secret>, String> {
        Ok(self.variables.get(name).cloned().map(Secret::from))
    }

    fn config_set(&self, name: &str) -> Result<Option<Vec<(String, String)>>, String> {
        let mut set = vec![("set", name), ("greeting", "hello")];
        if name.starts_with("watching") {
            set.push(("watch", "SET@order:7,DEL@a*b"));
        }
        if name == "watching-url" {
            set.push(("url", "redis://127.0.0.1:6379/2"));
        }
        let set = set.into_iter();
        let set = set.map(|(key, value)| (key.to_owned(), value.to_owned()));
        Ok((!name.contains("nowhere")).then(|| set.collect()))
    }

    fn secret(&self, name: &str) -> Result<Option<Secret>, String> {
        Ok((name == "stored").then(|| Secret::from("hunter2".to_owned())))
    }
}

pub(crate) fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// Reads files as those of one application.
pub(crate) fn read(files: &[PathBuf]) -> Draft {
    let variables = [
        ("TEST_PASSWORD", "hunter2"),
        ("TEST_URL", "redis://u:hunter2@a:1"),
        ("TEST_PLAIN_URL", "redis://hunter2:1"),
        ("SPIN_VARIABLE_API_TOKEN", "hunter2"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned().into()));
    let known = Known::new(&variables);
    let options = ReadOptions {
        lookup: &known,
        ..ReadOptions::default()
    };
    Draft::read_all(files, &options).unwrap()
}

/// Whether a plan could be read as a whole. Most manifests of `tests/wadm` have nothing that calls
/// a component, which alone is wrong with them.
pub(crate) fn is_whole(report: &Report) -> bool {
    let mut problems = report.problems().iter();
    problems.all(|problem| {
        let is_uncalled = problem.message == "nothing calls a component";
        problem.severity == Severity::Warning || is_uncalled
    })
}

/// What is wrong or noteworthy, and the plan if there is one.
fn found(draft: &Draft) -> String {
    let mut found = String::new();
    for problem in draft.report.problems() {
        let problem = problem.to_string();
        let problem = problem.replace(&format!("{}/", tests().display()), "");
        writeln!(found, "# {problem}").unwrap();
    }
    if is_whole(&draft.report) {
        let text = draft.plan.to_toml().text;
        found += &text.replace(&tests().display().to_string(), "tests");
    }
    found
}

/// Every valid manifest by itself, and every application; with the file of what is expected.
pub(crate) fn applications() -> Vec<(Vec<PathBuf>, PathBuf)> {
    let list = |folder: &str| {
        let entries = std::fs::read_dir(tests().join(folder)).unwrap();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    let mut applications = Vec::new();
    for file in list("wadm") {
        let extension = file.extension().and_then(|extension| extension.to_str());
        if matches!(extension, Some("yaml" | "json")) {
            let text = std::fs::read_to_string(&file).unwrap();
            if wadm::read(&file, &text).0.is_some() {
                applications.push((vec![file.clone()], file.with_extension("plan")));
            }
        }
    }
    for folders in ["applications", "manifests"] {
        for folder in list(folders) {
            let name = folder.file_name().unwrap().display().to_string();
            let files = list(&format!("{folders}/{name}")).into_iter();
            let is_read = |file: &PathBuf| {
                let extension = file.extension();
                extension.is_some_and(|extension| extension != "plan") && file.is_file()
            };
            let files = files.filter(is_read).collect();
            applications.push((files, folder.join("expected.plan")));
        }
    }
    applications
}

#[test]
fn every_application_is_read_into_the_plan_beside_it() {
    let is_rewriting = std::env::var_os("KEYWELL_REWRITE_EXPECTED").is_some();
    let applications = applications();
    assert!(applications.len() > 30, "{}", applications.len());
    let mut unlike = String::new();
    for (files, beside) in applications {
        let found = found(&read(&files));
        // Nothing says of this value that it is a secret.
        let found_elsewhere = found.replace("hello = \"hunter2\"", "");
        assert!(
            !found_elsewhere.contains("hunter2"),
            "{}: {found}",
            beside.display()
        );
        if is_rewriting {
            std::fs::write(&beside, &found).unwrap();
            continue;
        }
        let expected = std::fs::read_to_string(&beside).unwrap_or_default();
        if found != expected {
            let name = beside.display();
            writeln!(unlike, "{name} expected:\n{expected}found:\n{found}").unwrap();
        }
    }
    assert!(unlike.is_empty(), "{unlike}");
}

#[test]
fn no_plan_is_expected_of_a_manifest_that_is_not_there() {
    let expected: Vec<PathBuf> = applications()
        .into_iter()
        .map(|(_, beside)| beside)
        .collect();
    for entry in std::fs::read_dir(tests().join("wadm")).unwrap() {
        let path = entry.unwrap().path();
        let is_plan = path
            .extension()
            .is_some_and(|extension| extension == "plan");
        assert!(!is_plan || expected.contains(&path), "{}", path.display());
    }
}
