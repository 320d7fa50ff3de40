//! Other processes beside a running one: `keywell kv` and `deadletters` on the disk store that it
//! has open, and `keywell status`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::alerts::Alerts;
use support::application::Application;
use support::{guest, keywell};

/// A folder with a store in it, and a state folder.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    fn store(&self) -> String {
        format!("disk:{}", self.data().display())
    }

    fn command(&self) -> Command {
        let mut keywell = keywell();
        keywell
            .env("KEYWELL_STORE", self.store())
            .env("KEYWELL_STATE", self.0.path().join("state"))
            .current_dir(self.0.path());
        keywell
    }

    fn serve(&self) -> Application {
        let mut serve = self.command();
        serve.arg("serve").arg(guest("counter"));
        Application::spawn(serve.args(["--addr", "127.0.0.1:0"]), 1)
    }

    /// What it prints, on standard output and then on standard error, and its exit code.
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let ran = self.command().args(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            ran.status.code().unwrap(),
            text(ran.stdout),
            text(ran.stderr),
        )
    }

    /// What it prints where it must succeed.
    fn prints(&self, arguments: &[&str]) -> String {
        let (code, out, err) = self.run(arguments);
        assert_eq!(code, 0, "{arguments:?}: {err}");
        out
    }

    fn import(&self, lines: &str) {
        let mut import = self.command();
        import.args(["kv", "import", "-"]).stdin(Stdio::piped());
        let mut import = import.spawn().unwrap();
        import
            .stdin
            .take()
            .unwrap()
            .write_all(lines.as_bytes())
            .unwrap();
        assert!(import.wait().unwrap().success());
    }
}

#[test]
fn every_verb_of_kv_works_while_a_process_has_the_store() {
    let place = Place::new();
    let application = place.serve();
    assert_eq!(application.get("/tea").text(), "Counter /tea: 1\n");
    assert_eq!(place.prints(&["kv", "get", "/tea"]), "1");
    place.prints(&["kv", "set", "/tea", "41"]);
    assert_eq!(application.get("/tea").text(), "Counter /tea: 42\n");
    assert_eq!(place.prints(&["kv", "increment", "/tea", "8"]), "50\n");
    assert_eq!(place.prints(&["kv", "exists", "/tea"]), "true\n");
    assert_eq!(place.run(&["kv", "exists", "none"]).0, 1);
    assert_eq!(place.run(&["kv", "get", "none"]).0, 1);
    place.prints(&["kv", "set", "brief", "v", "--ttl", "1h"]);
    place.import("{\"key\":\"a\",\"base64\":\"/w==\"}\n{\"key\":\"b\",\"value\":\"é\"}\n");
    assert_eq!(place.prints(&["kv", "list"]), "/tea\na\nb\nbrief\n");
    let exported = place.prints(&["kv", "export"]);
    let exported: Vec<Value> = exported
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(exported[1], json!({"key": "a", "base64": "/w=="}));
    assert!(exported[3]["expiration"].is_u64(), "{exported:?}");
    place.prints(&["kv", "delete", "a", "b", "brief"]);
    assert_eq!(place.prints(&["kv", "list"]), "/tea\n");
    place.prints(&["kv", "set", "k", "v", "--bucket", "other"]);
    assert_eq!(place.prints(&["kv", "buckets"]), "default\nother\n");
    // What is wrong is said as it is without a process.
    let (code, _, err) = place.run(&["kv", "increment", "k", "--bucket", "other"]);
    assert_eq!(code, 1);
    assert!(err.contains("the value is not a number"), "{err}");
    let (code, _, err) = place.run(&["kv", "list", "--store", &(place.store() + "?x=1")]);
    assert_eq!(code, 2, "{err}");
    application.stop();
    assert_eq!(place.prints(&["kv", "get", "/tea"]), "50");
}

#[test]
fn a_watch_delivers_what_a_component_writes_and_resumes() {
    let place = Place::new();
    let application = place.serve();
    let (_, _, err) = place.run(&["kv", "watch", "--count", "0"]);
    let token = err.trim_end().rsplit(' ').next().unwrap().to_owned();
    application.get("/a");
    let mut watch = place.command();
    watch.args(["kv", "watch", "--since", &token, "--count", "2"]);
    let mut watch = watch.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut event = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(event()["key"], "/a");
    application.get("/b");
    let event = event();
    assert_eq!(
        (&event["key"], &event["value"]),
        (&"/b".into(), &"1".into())
    );
    assert!(watch.wait().unwrap().success());
    let (code, _, err) = place.run(&["kv", "watch", "--since", "guess"]);
    assert_eq!(code, 1);
    assert!(err.contains("the resume token was not handed out"), "{err}");
    application.stop();
}

#[test]
fn a_store_whose_process_was_killed_is_opened_and_its_socket_replaced() {
    let place = Place::new();
    let socket = place.data().join("control.sock");
    let application = place.serve();
    place.prints(&["kv", "set", "k", "1"]);
    application.kill();
    assert!(socket.exists());
    assert_eq!(place.prints(&["kv", "increment", "k"]), "2\n");
    assert_eq!(place.run(&["status"]).0, 1);
    let application = place.serve();
    assert_eq!(place.prints(&["kv", "increment", "k"]), "3\n");
    let reports = reports(&place, &["status", "--json"]);
    assert_eq!(reports.len(), 1, "the one that was killed is left out");
    application.stop();
    assert!(!socket.exists());
}

#[test]
fn a_second_server_is_refused_and_leaves_the_socket_of_the_first() {
    let place = Place::new();
    let application = place.serve();
    let mut serve = place.command();
    serve
        .arg("serve")
        .arg(guest("counter"))
        .args(["--addr", "127.0.0.1:0"]);
    let refused = serve.output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let refused = String::from_utf8(refused.stderr).unwrap();
    assert!(refused.contains("is in use by process"), "{refused}");
    place.prints(&["kv", "set", "k", "v"]);
    assert_eq!(reports(&place, &["status", "--json"]).len(), 1);
    application.stop();
}

#[test]
fn a_store_and_a_state_folder_may_have_long_paths() {
    let place = Place::new();
    let deep = place.0.path().join("d".repeat(150));
    let store = format!("disk:{}", deep.join("data").display());
    let run = |arguments: &[&str]| {
        let mut keywell = keywell();
        keywell.args(arguments).env("KEYWELL_STORE", &store);
        keywell.env("KEYWELL_STATE", deep.join("state"));
        keywell
    };
    let counter = guest("counter");
    let mut serve = run(&["serve", counter.to_str().unwrap(), "--addr", "127.0.0.1:0"]);
    let application = Application::spawn(&mut serve, 1);
    assert!(run(&["kv", "set", "/tea", "1"]).status().unwrap().success());
    assert_eq!(application.get("/tea").text(), "Counter /tea: 2\n");
    let status = run(&["status"]).output().unwrap();
    let status = String::from_utf8(status.stdout).unwrap();
    assert!(status.contains("counter.wasm"), "{status}");
    application.stop();
}

#[test]
fn a_store_in_use_is_backed_up_and_compacted_by_its_process() {
    let place = Place::new();
    let application = place.serve();
    place.prints(&["kv", "set", "k", "v"]);
    place.prints(&["kv", "backup", "copy"]);
    place.prints(&["kv", "compact"]);
    place.prints(&["kv", "set", "k", "later"]);
    assert_eq!(place.prints(&["kv", "get", "k"]), "later");
    let (code, _, error) = place.run(&["kv", "check"]);
    assert_eq!(code, 1);
    assert!(error.contains("is in use by"), "{error}");
    let copied = place.prints(&["kv", "get", "k", "--store", "disk:copy"]);
    assert_eq!(copied, "v");
    let report = place.prints(&["kv", "check", "--store", "disk:copy"]);
    assert!(!report.contains("damaged"), "{report}");
    application.stop();
}

#[test]
fn letters_are_sent_again_while_their_trigger_runs() {
    let place = Place::new();
    let alerts = Alerts::start();
    alerts.answer(503);
    let port = alerts.address.rsplit(':').next().unwrap();
    let text = format!(
        "[store.main]\nurl = \"disk:data\"\n\
         [component.alerts]\npath = {:?}\nstore = \"main\"\noutgoing = [\"localhost:{port}\"]\n\
         env.ALERT_URL = \"http://localhost:{port}/alert?{{key}}={{value}}\"\n\
         \n[[trigger.watch]]\nname = \"alerts\"\ncomponent = \"alerts\"\non = \"SET@*\"\n\
         retries = 0\n",
        guest("http_watcher").to_str().unwrap(),
    );
    fs::write(place.0.path().join("keywell.toml"), text).unwrap();
    let application = Application::spawn(place.command().arg("up"), 1);
    place.prints(&["kv", "set", "k", "v"]);
    assert_eq!(alerts.next().status, 503);
    application.logs("an event went to the dead letters");
    let letter = place.prints(&["deadletters", "list", "--json"]);
    let letter: Value = serde_json::from_str(&letter).unwrap();
    assert_eq!(
        (&letter["key"], &letter["value"]),
        (&"k".into(), &"v".into())
    );
    alerts.answer(200);
    place.prints(&["deadletters", "replay", letter["id"].as_str().unwrap()]);
    assert_eq!(alerts.next().target, "/alert?k=v");
    let reports = reports(&place, &["status", "data", "--json"]);
    let trigger = &reports[0]["triggers"][0];
    assert_eq!(trigger["kind"], "watch");
    assert_eq!(trigger["changes"], "SET@*");
    assert_eq!(trigger["counters"]["dead"], 1);
    let file = Path::new(reports[0]["file"].as_str().unwrap());
    assert_eq!(file.file_name().unwrap(), "keywell.toml");
    application.stop();
    assert_eq!(place.prints(&["deadletters", "list"]), "");
}

fn reports(place: &Place, arguments: &[&str]) -> Vec<Value> {
    serde_json::from_str(&place.prints(arguments)).unwrap()
}

#[test]
fn status_shows_every_process_until_it_ends() {
    let place = Place::new();
    let (code, _, err) = place.run(&["status"]);
    assert_eq!(code, 1);
    let nothing = "no `keywell serve`, `run`, `up` or `dev` of this user runs";
    assert!(err.contains(nothing), "{err}");
    let first = place.serve();
    let mut second = place.command();
    second.arg("serve").arg(guest("mischief"));
    second.args(["--addr", "127.0.0.1:0", "--store", "memory:"]);
    let second = Application::spawn(&mut second, 1);
    first.get("/tea");
    first.get("/tea");

    let all = reports(&place, &["status", "--json"]);
    assert_eq!(all.len(), 2);
    let counter = all.iter().find(|one| one["stores"][0]["exclusive"] == true);
    let counter = counter.unwrap();
    assert_eq!(counter["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(counter["stores"][0]["url"], place.store());
    assert_eq!(counter["components"][0]["name"], "counter.wasm");
    let links = json!([{"name": null, "stores": ["main"]}]);
    assert_eq!(counter["components"][0]["links"], links);
    let trigger = json!({
        "component": "counter.wasm",
        "kind": "http",
        "addresses": [first.address()],
        "path": "/",
        "host": null,
        "is_encrypted": false,
        "state": "running",
        "counters": {"requests": 2},
    });
    assert_eq!(counter["triggers"], json!([trigger]));
    let only = reports(&place, &["status", "data", "--json"]);
    assert_eq!(only.len(), 1);
    assert_eq!(only[0]["pid"], counter["pid"]);
    let state = place.0.path().join("state");
    let state = ["status", "--state", state.to_str().unwrap()];
    let table = place.prints(&state);
    for what in [
        "mischief.wasm",
        "reaches main",
        "requests 2",
        &first.address(),
    ] {
        assert!(table.contains(what), "{table}");
    }

    second.stop();
    assert_eq!(reports(&place, &["status", "--json"]).len(), 1);
    first.stop();
    assert_eq!(place.run(&["status"]).0, 1);
    let (code, _, err) = place.run(&["status", "data"]);
    assert_eq!(code, 1);
    assert!(
        err.contains("no process of `keywell` serves a store in data"),
        "{err}"
    );
}

/// Runs as root only: no other user may run a program as another one.
#[test]
fn a_process_of_another_user_is_not_answered() {
    let place = Place::new();
    let application = place.serve();
    // So that nothing but the check of the user is in the way.
    let socket = place.data().join("control.sock");
    let program = place.0.path().join("keywell");
    fs::copy(env!("CARGO_BIN_EXE_keywell"), &program).unwrap();
    for (path, mode) in [
        (place.0.path(), 0o755),
        (&*place.data(), 0o755),
        (&*socket, 0o666),
        (&*program, 0o755),
    ] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let mut status = Command::new(&program);
    status.arg("status").arg(place.data()).uid(65534).gid(65534);
    let status = match status.env_remove("KEYWELL_LOG").output() {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return,
        status => status.unwrap(),
    };
    assert_eq!(status.status.code(), Some(1));
    let refused = String::from_utf8(status.stderr).unwrap();
    assert!(
        refused.contains("this process belongs to another user"),
        "{refused}"
    );
    application.stop();
}

#[test]
fn a_state_folder_of_the_command_line_has_the_process_and_what_is_counted() {
    let place = Place::new();
    let state = place.0.path().join("elsewhere");
    let state = state.to_str().unwrap();
    let mut serve = place.command();
    serve.arg("serve").arg(guest("counter"));
    serve.args(["--addr", "127.0.0.1:0", "--state", state, "--metrics"]);
    let application = Application::spawn(&mut serve, 1);
    application.get("/tea");
    assert_eq!(place.run(&["status"]).0, 1);
    let found = reports(&place, &["status", "--state", state, "--json"]);
    let calls = found[0]["stores"][0]["calls"].as_array().unwrap();
    let increment = calls.iter().find(|of| of["operation"] == "increment");
    let increment = increment.unwrap();
    assert_eq!(
        (
            &increment["bucket"],
            &increment["calls"],
            &increment["errors"]
        ),
        (&json!("default"), &json!(1), &json!({}))
    );
    let table = place.prints(&["status", "--state", state]);
    for what in ["increment in bucket default", "calls 1, bytes "] {
        assert!(table.contains(what), "{what} in {table}");
    }
    application.stop();
}
