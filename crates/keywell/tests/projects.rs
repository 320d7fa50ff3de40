//! `keywell new` and `keywell dev`: projects as a new user has them.
//!
//! They are built from source, with the crates that the guests were built with, so nothing is
//! downloaded. What Cargo builds of these crates is shared by all tests and kept.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use support::application::Application;
use support::{guest, keywell};
use tempfile::TempDir;

/// A project that `keywell new` has made.
struct Project {
    _parent: TempDir,
    folder: PathBuf,
}

// === impl Project ===

impl Project {
    /// Each test has a name of its own, since they share what is built.
    fn new(name: &str, template: &str) -> Self {
        let parent = tempfile::tempdir().unwrap();
        let made = new(parent.path(), &[name, "--template", template]);
        assert!(made.status.success(), "{made:?}");
        let folder = parent.path().join(name);
        let built = concat!(env!("CARGO_TARGET_TMPDIR"), "/projects");
        fs::create_dir_all(built).unwrap();
        symlink(built, folder.join("target")).unwrap();
        let project = Self {
            _parent: parent,
            folder,
        };
        project.edit("keywell.toml", |text| text.replace(":8080", ":0"));
        project
    }

    fn edit(&self, file: &str, edit: impl Fn(String) -> String) {
        let file = self.folder.join(file);
        let text = fs::read_to_string(&file).unwrap();
        fs::write(file, edit(text)).unwrap();
    }

    /// Builds it by Cargo alone, which may take long where nothing was built yet.
    fn build(&self) {
        let mut cargo = Command::new("cargo");
        alone(&mut cargo).current_dir(&self.folder);
        cargo.args(["build", "--release", "--locked"]);
        assert!(cargo.status().unwrap().success());
    }

    fn up(&self, lines: usize) -> Application {
        let mut keywell = keywell();
        keywell.arg("up").current_dir(&self.folder);
        Application::spawn(&mut keywell, lines)
    }

    fn dev(&self, lines: usize) -> Application {
        dev(&self.folder, lines)
    }
}

/// Without the settings of the Cargo that runs the tests.
fn alone(command: &mut Command) -> &mut Command {
    for name in ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET", "RUSTFLAGS"] {
        command.env_remove(name);
    }
    command.env("CARGO_NET_OFFLINE", "true")
}

fn new(folder: &Path, arguments: &[&str]) -> Output {
    let mut keywell = keywell();
    keywell.arg("new").args(arguments).current_dir(folder);
    keywell.output().unwrap()
}

fn dev(folder: &Path, lines: usize) -> Application {
    let mut keywell = keywell();
    alone(&mut keywell).arg("dev").arg(folder);
    Application::spawn(&mut keywell, lines)
}

/// Waits for a line that it says, and answers it.
fn says(application: &Application, what: &str) -> String {
    loop {
        let line = application.printed();
        if line.contains(what) {
            return line;
        }
    }
}

/// Asserts that a line says how long it took from the end of the build until the component answers:
/// `reloaded FILE in 0.123 s`. The bound is for a build of Keywell without optimisation.
#[track_caller]
fn assert_timed(line: &str, start: &str) {
    assert!(line.starts_with(start), "{line}");
    let (_, rest) = line.split_once(" in ").unwrap();
    let (seconds, _) = rest.split_once(" s").unwrap();
    let seconds: f64 = seconds.parse().unwrap();
    assert!(seconds > 0.0 && seconds < 30.0, "{line}");
}

#[test]
fn a_counter_builds_as_it_is_and_answers() {
    let project = Project::new("new-counter", "counter");
    project.build();
    let application = project.up(1);
    assert_eq!(application.get("/tea").text(), "Counter /tea: 1\n");
    assert_eq!(application.get("/tea?x").text(), "Counter /tea: 2\n");
    application.stop();
}

#[test]
fn a_watcher_builds_as_it_is_and_is_called_for_a_set() {
    let project = Project::new("new-watcher", "watcher");
    project.build();
    // It watches from its first start on.
    project.up(1).stop();
    let kv = |words: &[&str]| {
        let mut kv = keywell();
        kv.arg("kv").args(words).args(["--store", "disk:data"]);
        assert!(kv.current_dir(&project.folder).status().unwrap().success());
    };
    kv(&["set", "order:1", "tea"]);
    // It may be called before the program has said that it watches.
    let application = project.up(2);
    let called = |line: &String| line.ends_with("order:1 is \"tea\", change 1");
    assert!(
        application.lines.iter().any(called),
        "{:?}",
        application.lines
    );
    // As its README says, also while it runs.
    kv(&["set", "order:2", "milk"]);
    let line = application.printed();
    assert!(line.ends_with("order:2 is \"milk\", change 1"), "{line}");
    kv(&["delete", "order:2"]);
    let line = application.printed();
    assert!(line.ends_with("order:2 is gone, change 2"), "{line}");
    application.stop();
}

#[test]
fn a_command_builds_as_it_is_and_runs_again_when_it_has_changed() {
    let project = Project::new("new-command", "command");
    project.build();
    let application = project.dev(0);
    says(&application, "run 1 times");
    project.edit("src/main.rs", |text| {
        text.replace("run {runs}", "ran {runs}")
    });
    says(&application, "ran 2 times");
    application.signal("-INT");
    application.stops();
}

#[test]
fn an_edit_is_built_and_served_and_one_that_is_broken_is_not() {
    let project = Project::new("dev-counter", "counter");
    project.build();
    let application = project.dev(2);
    assert_timed(&application.lines[1], "started ");
    assert_eq!(application.get("/tea").text(), "Counter /tea: 1\n");
    project.edit("src/lib.rs", |text| {
        text.replace("Counter {path}", "Visits of {path}")
    });
    let line = says(
        &application,
        "component dev-counter changed; 1 trigger started",
    );
    assert_timed(&line, "reloaded ");
    assert_eq!(application.get("/tea").text(), "Visits of /tea: 2\n");
    project.edit("src/lib.rs", |text| {
        text + "\nfn broken() -> u32 { \"text\" }\n"
    });
    // The compiler's own words.
    application.logs("mismatched types");
    application.logs("the build failed");
    assert_eq!(application.get("/tea").text(), "Visits of /tea: 3\n");
    project.edit("src/lib.rs", |text| {
        let (whole, _) = text.split_once("\nfn broken").unwrap();
        whole.replace("Visits of", "Mended,")
    });
    says(
        &application,
        "component dev-counter changed; 1 trigger started",
    );
    assert_eq!(application.get("/tea").text(), "Mended, /tea: 4\n");
    application.signal("-INT");
    application.stops();
}

/// A project that a command of the shell builds, from a file.
fn copied(folder: &Path, build: &str) {
    let text = format!(
        "build = {build:?}\n[store.main]\nurl = \"memory:\"\n\
         [component.web]\npath = \"web.wasm\"\nstore = \"main\"\n\
         [[trigger.http]]\ncomponent = \"web\"\naddr = \"127.0.0.1:0\"\n"
    );
    fs::write(folder.join("keywell.toml"), text).unwrap();
}

#[test]
fn a_project_whose_first_build_fails_is_built_again_and_keeps_its_data() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    copied(folder, "cp source.wasm web.wasm");
    let application = dev(folder, 0);
    application.logs("source.wasm");
    application.logs("the build failed");
    fs::copy(guest("counter"), folder.join("source.wasm")).unwrap();
    let line = says(&application, "web listens on");
    let address = line.split("http://").nth(1).unwrap();
    says(&application, "started");
    let get = |path| support::application::get(address, path).text();
    assert_eq!(get("/a"), "Counter /a: 1\n");
    fs::copy(guest("mischief"), folder.join("source.wasm")).unwrap();
    says(&application, "component web changed");
    // Also a store in memory is the same.
    assert_eq!(get("/get?key=/a"), "1");
    // A file that is no component is built, and not taken.
    fs::write(folder.join("source.wasm"), "no component").unwrap();
    application.logs("the application runs on as it was");
    assert_eq!(get("/get?key=/a"), "1");
    application.stop();
}

#[test]
fn a_project_of_wash_is_built_and_keeps_its_data_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let text = "build:\n  command: cp source.wasm web.wasm\n  component_path: web.wasm\n\
                dev:\n  address: 127.0.0.1:0\n  wasi_keyvalue_path: data\n";
    fs::create_dir(folder.join(".wash")).unwrap();
    fs::write(folder.join(".wash/config.yaml"), text).unwrap();
    fs::copy(guest("counter"), folder.join("source.wasm")).unwrap();
    for count in 1..=2 {
        let application = dev(folder, 2);
        assert!(application.lines[1].starts_with("started "));
        let counted = format!("Counter /a: {count}\n");
        assert_eq!(application.get("/a").text(), counted);
        application.stop();
    }
    assert!(folder.join("data").is_dir());
}

#[test]
fn a_build_has_the_variables_and_the_folder_of_its_project_and_none_of_keywell() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let checks =
        "[ \"$FROM\" = source.wasm ] && [ -z \"$KEYWELL_SECRETS_KEY\" ] && cp $FROM web.wasm";
    let yaml = format!(
        "build:\n  command: '{checks}'\n  component_path: web.wasm\n  env:\n    \
         FROM: source.wasm\ndev:\n  address: 127.0.0.1:0\n"
    );
    fs::create_dir(folder.join(".wash")).unwrap();
    fs::write(folder.join(".wash/config.yaml"), yaml).unwrap();
    fs::copy(guest("counter"), folder.join("source.wasm")).unwrap();
    let dev = |folder: &Path| {
        let mut keywell = keywell();
        keywell.env("KEYWELL_SECRETS_KEY", "kanarienvogel");
        alone(&mut keywell).arg("dev").arg(folder);
        Application::spawn(&mut keywell, 2)
    };
    let application = dev(folder);
    assert_eq!(application.get("/a").text(), "Counter /a: 1\n");
    application.stop();
    // A project of 1.x whose sources are in a folder of their own.
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let toml = "name = 'web'\nlanguage = 'go'\npath = 'component'\nbuild = 'out'\n\
                [component]\nbuild_command = 'mkdir -p out && cp source.wasm out/web.wasm'\n";
    fs::write(folder.join("wasmcloud.toml"), toml).unwrap();
    fs::create_dir(folder.join("component")).unwrap();
    fs::copy(guest("counter"), folder.join("component/source.wasm")).unwrap();
    let application = self::dev(folder, 0);
    application.logs("built in");
    application.kill();
    assert!(folder.join("component/out/web.wasm").exists());
}

#[test]
fn an_interrupt_ends_the_build_with_its_processes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    copied(folder, "(echo begun >&2; exec sleep 600)");
    let mut application = dev(folder, 0);
    // The line that shows the command has the word, too.
    while application.logs("begun") != "begun" {}
    application.signal("-INT");
    // Its standard error ends with the last process that has it.
    let (status, _) = application.ends();
    assert!(status.success());
}

#[test]
fn a_folder_without_a_project_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut keywell = keywell();
    let output = keywell.arg("dev").current_dir(&folder).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8(output.stderr).unwrap();
    let expected = "there is no ./keywell.toml; `keywell new NAME` makes a project";
    assert!(message.contains(expected), "{message}");
}

#[test]
fn a_project_takes_the_place_of_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for name in ["Shop", "../shop", "a b", "fn", ""] {
        let refused = new(folder, &[name]);
        assert_eq!(refused.status.code(), Some(2), "{name}: {refused:?}");
    }
    fs::create_dir(folder.join("full")).unwrap();
    fs::write(folder.join("full/mine"), "mine").unwrap();
    fs::write(folder.join("file"), "mine").unwrap();
    fs::create_dir(folder.join("empty")).unwrap();
    symlink("empty", folder.join("link")).unwrap();
    for name in ["full", "file", "link"] {
        let refused = new(folder, &[name]);
        assert_eq!(refused.status.code(), Some(1), "{name}: {refused:?}");
        let message = String::from_utf8(refused.stderr).unwrap();
        let expected = format!("keywell: {name} is there already");
        assert!(message.starts_with(&expected), "{message}");
    }
    assert_eq!(
        fs::read_to_string(folder.join("full/mine")).unwrap(),
        "mine"
    );
    assert!(new(folder, &["empty"]).status.success());
    assert!(folder.join("empty/src/lib.rs").exists());
    // Nothing is left of what was not done.
    assert_eq!(fs::read_dir(folder).unwrap().count(), 4);
}
