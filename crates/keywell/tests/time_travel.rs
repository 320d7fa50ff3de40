//! `keywell worker show --at`, `upgrade` and `fork`: durable workers as they were, with another
//! component, and as others.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use support::application::Application;
use support::{PATIENCE, Response, guest, keywell};

const TEA: &str = "[{product: \"tea\", quantity: 2}]";
const BOTH: &str = "[{product: \"coffee\", quantity: 1}, {product: \"tea\", quantity: 2}]";
/// What the cart answers where nothing is in it, and what its successor answers instead.
const EMPTY: [&str; 2] = ["the cart is empty", "the cart is EMPTY"];

/// A store on disk, and the workers in it.
struct Workers(String);

impl Workers {
    fn new(folder: &Path) -> Self {
        Self(format!("disk:{}", folder.join("data").display()))
    }

    /// Two products in the cart of the worker `alice`: records 0 to 4.
    fn with_a_cart(folder: &Path) -> Self {
        let workers = Self::new(folder);
        workers.call("alice", "add-item(\"tea\", 2)");
        workers.call("alice", "add-item(\"coffee\", 1)");
        workers
    }

    fn invocation(&self, component: &Path, worker: &str, call: &str) -> Command {
        let mut command = keywell();
        command.args(["invoke", "--store", &self.0, "--worker", worker]);
        command.arg(component).arg(call);
        command
    }

    /// What a call of a cart returns.
    fn call(&self, worker: &str, call: &str) -> String {
        let called = self.invocation(&guest("cart"), worker, call).output();
        stdout(&called.unwrap())
    }

    fn worker(&self, arguments: &[&str]) -> Output {
        let mut command = keywell();
        command.arg("worker").args(arguments);
        command.args(["--store", &self.0]).output().unwrap()
    }

    /// Makes a call in the past.
    fn show(&self, worker: &str, at: u64, component: &str, call: &str) -> Output {
        let component = guest(component);
        let (at, component) = (at.to_string(), component.to_str().unwrap());
        self.worker(&["show", worker, "--at", &at, component, call])
    }

    fn log(&self, worker: &str) -> String {
        stdout(&self.worker(&["log", worker]))
    }
}

/// The component of a guest, with a text in it replaced by another one of the same length.
fn changed(folder: &Path, component: &str, [old, new]: [&str; 2]) -> PathBuf {
    let mut bytes = std::fs::read(guest(component)).unwrap();
    let places: Vec<_> = bytes
        .windows(old.len())
        .enumerate()
        .filter_map(|(at, bytes)| (bytes == old.as_bytes()).then_some(at))
        .collect();
    assert_eq!((places.len(), old.len()), (1, new.len()));
    bytes[places[0]..][..new.len()].copy_from_slice(new.as_bytes());
    let path = folder.join("changed.wasm");
    std::fs::write(&path, bytes).unwrap();
    path
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.trim_end().to_owned()
}

/// The error of a command that failed, and printed nothing else.
fn refused(output: &Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_cart_is_shown_as_it_was_at_each_record() {
    let folder = tempfile::tempdir().unwrap();
    let workers = Workers::with_a_cart(folder.path());
    let log = workers.log("alice");
    for (at, cart) in [(0, "[]"), (1, "[]"), (2, TEA), (3, TEA), (4, BOTH)] {
        let shown = workers.show("alice", at, "cart", "get-cart()");
        assert_eq!(stdout(&shown), cart, "{at}");
    }
    // What the call changes is gone with it.
    let shown = workers.show("alice", 4, "cart", "add-item(\"tea\", 5)");
    assert_eq!(stdout(&shown), "8");
    let json = ["show", "alice", "--at", "2", "--json"];
    let component = guest("cart");
    let json = [&json[..], &[component.to_str().unwrap(), "get-cart()"]].concat();
    let expected = "[{\"product\":\"tea\",\"quantity\":2}]";
    assert_eq!(stdout(&workers.worker(&json)), expected);
    let text = refused(&workers.show("alice", 5, "cart", "get-cart()"));
    assert!(text.contains("has no record 5; it has 0 to 4"), "{text}");
    let text = refused(&workers.show("alice", 4, "cart", "nothing()"));
    assert!(text.contains("exports no function nothing"), "{text}");
    let text = refused(&workers.worker(&["show", "alice", "--at", "4"]));
    assert!(text.contains("COMPONENT"), "{text}");
    assert_eq!(workers.log("alice"), log);
    assert_eq!(workers.call("alice", "get-cart()"), BOTH);
}

#[test]
fn the_past_is_shown_while_a_process_runs_the_worker() {
    let folder = tempfile::tempdir().unwrap();
    let workers = Workers::with_a_cart(folder.path());
    let mut command = workers.invocation(&guest("cart"), "alice", "-");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut input = process.stdin.take().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    for items in 4..6 {
        input.write_all(b"add-item(\"tea\", 1)\n").unwrap();
        assert_eq!(lines.next().unwrap().unwrap(), items.to_string());
        // By way of that process, which has the store.
        let shown = workers.show("alice", 4, "cart", "get-cart()");
        assert_eq!(stdout(&shown), BOTH);
    }
    drop(input);
    assert!(process.wait().unwrap().success());
}

#[test]
fn a_call_in_the_past_that_would_have_an_effect_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let workers = Workers::new(folder.path());
    let counting = workers
        .invocation(&guest("worker"), "w", "count()")
        .output();
    assert_eq!(stdout(&counting.unwrap()), "\"1 1\"");
    let log = workers.log("w");
    let last = log.lines().count() as u64 - 1;
    for (call, what) in [
        ("count()", "asked for increment main/counts \"count\""),
        ("counts()", "asked for get main/counts \"count\""),
        ("nap(3600000)", "asked for sleep until"),
    ] {
        let text = refused(&workers.show("w", last, "worker", call));
        assert!(text.contains(what), "{call}: {text}");
        assert!(text.contains("nothing new"), "{call}: {text}");
    }
    let text = refused(&workers.show("w", last, "worker", "leave()"));
    assert!(text.contains("failed: "), "{text}");
    assert_eq!(stdout(&workers.show("w", last, "worker", "drawn()")), "[]");
    assert_eq!(workers.log("w"), log);
    let counted = workers
        .invocation(&guest("worker"), "w", "count()")
        .output();
    assert_eq!(stdout(&counted.unwrap()), "\"2 2\"");
}

#[test]
fn a_component_that_goes_another_way_is_found_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let workers = Workers::with_a_cart(folder.path());
    let empty = workers.call("bob", "checkout()");
    assert_eq!(empty, format!("err(\"{}\")", EMPTY[0]));
    let changed = changed(folder.path(), "cart", EMPTY);
    let changed = changed.to_str().unwrap();
    let logs = [workers.log("alice"), workers.log("bob")];
    let heads = || stdout(&workers.worker(&["show", "bob"]));
    let shown = heads();
    let differs = "worker bob diverged at record 2: recorded is return of \
                   {\"err\":\"the cart is empty\"}, asked was return of \
                   {\"err\":\"the cart is EMPTY\"}";
    for arguments in [
        &["upgrade", "--check", changed][..],
        &["upgrade", "*", changed, "--check"],
        &["upgrade", "*", changed],
    ] {
        let output = workers.worker(arguments);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let expected = format!("alice  goes on after 5 records\n{differs}\n");
        assert_eq!(text, expected, "{arguments:?}");
    }
    let json = workers.worker(&["upgrade", "bob", changed, "--check", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["goes_on"], false);
    assert_eq!(json["position"], 2);
    // A component without the function is another one, too.
    let other = guest("worker");
    let output = workers.worker(&["upgrade", "alice", "--check", other.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("from record 1 on: "), "{text}");
    assert!(text.contains("exports no function"), "{text}");
    // The same component does what it did, and so does one that differs elsewhere.
    let own = guest("cart");
    stdout(&workers.worker(&["upgrade", "--check", own.to_str().unwrap()]));
    stdout(&workers.worker(&["upgrade", "a*", changed, "--check"]));
    let text = refused(&workers.worker(&["upgrade", changed]));
    assert!(text.contains("'*' for all"), "{text}");
    let text = refused(&workers.worker(&["upgrade", "missing", changed, "--check"]));
    assert!(text.contains("no worker named missing"), "{text}");
    assert_eq!([workers.log("alice"), workers.log("bob")], logs);
    assert_eq!(heads(), shown);
    assert_eq!(workers.call("alice", "get-cart()"), BOTH);
}

#[test]
fn an_upgraded_worker_goes_on_with_the_new_component_alone() {
    let folder = tempfile::tempdir().unwrap();
    let workers = Workers::with_a_cart(folder.path());
    let changed = changed(folder.path(), "cart", EMPTY);
    let component = changed.to_str().unwrap();
    let call = |call: &str| {
        workers
            .invocation(&changed, "alice", call)
            .output()
            .unwrap()
    };
    assert!(refused(&call("get-cart()")).contains("runs the component"));
    for _ in 0..2 {
        // Again, it changes nothing.
        let upgraded = stdout(&workers.worker(&["upgrade", "alice", component]));
        assert!(upgraded.starts_with("alice  goes on after "), "{upgraded}");
        let log = workers.log("alice");
        let lines = log.lines().filter(|line| line.contains("  upgraded "));
        assert_eq!(lines.count(), 1, "{log}");
    }
    assert_eq!(stdout(&call("get-cart()")), BOTH);
    assert!(stdout(&call("checkout()")).starts_with("ok("));
    assert_eq!(
        stdout(&call("checkout()")),
        format!("err(\"{}\")", EMPTY[1])
    );
    let old = workers
        .invocation(&guest("cart"), "alice", "get-cart()")
        .output();
    let text = refused(&old.unwrap());
    assert!(text.contains("runs the component sha256:"), "{text}");
    // The one before would go another way by now.
    let own = guest("cart");
    let output = workers.worker(&["upgrade", "alice", own.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

#[test]
fn workers_of_an_application_are_replayed_with_its_grants_while_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let worker = guest("worker");
    let text = format!(
        r#"
[store.kept]
url = "disk:data"

[component.counting]
path = "{}"
store = "kept"

[worker."w-*"]
component = "counting"

[[trigger.worker]]
worker = "w-*"
addr = "127.0.0.1:0"
"#,
        worker.display()
    );
    let application = Application::start(folder.path(), &text);
    let line = application.lines[0].split("http://").nth(1).unwrap();
    let address = line.split(['/', ' ']).next().unwrap();
    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = "POST /workers/w-1/count HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
                   content-length: 0\r\n\r\n";
    connection.write_all(request.as_bytes()).unwrap();
    let mut raw = Vec::new();
    connection.read_to_end(&mut raw).unwrap();
    assert_eq!(Response::parse(&raw).text(), "\"1 1\"");
    let workers = Workers::new(folder.path());
    let file = folder.path().join("keywell.toml");
    let file = ["--file", file.to_str().unwrap()];
    let shown = ["show", "w-1", "--at", "2", "counting", "drawn()"];
    assert_eq!(stdout(&workers.worker(&[&shown[..], &file].concat())), "[]");
    let check = ["upgrade", "--check", "w-*", "counting"];
    let checked = stdout(&workers.worker(&[&check[..], &file].concat()));
    assert!(checked.starts_with("w-1  goes on after "), "{checked}");
    let none = ["upgrade", "--check", "other"];
    let text = refused(&workers.worker(&[&none[..], &file].concat()));
    assert!(text.contains("has no component other"), "{text}");
    // By itself the component has another store.
    let output = workers.worker(&["upgrade", "--check", worker.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("recorded is increment kept/counts"), "{text}");
    assert!(text.contains("asked was increment main/counts"), "{text}");
    application.stop();
}

#[test]
fn a_fork_goes_its_own_way_and_the_first_stays() {
    let folder = tempfile::tempdir().unwrap();
    let workers = Workers::with_a_cart(folder.path());
    let log = workers.log("alice");
    // Within the second invocation, which is left out.
    for (from, to) in [("alice@3", "bob"), ("alice@4", "carol")] {
        let last = if to == "bob" { 2 } else { 4 };
        let forked = stdout(&workers.worker(&["fork", from, to]));
        assert_eq!(forked, format!("{to}  forked from alice@{last}"));
        assert!(
            workers
                .log(to)
                .contains(&format!("forked     from alice@{last}"))
        );
    }
    assert_eq!(workers.call("bob", "get-cart()"), TEA);
    assert_eq!(workers.call("carol", "get-cart()"), BOTH);
    assert_eq!(workers.call("bob", "add-item(\"milk\", 1)"), "3");
    assert_eq!(workers.log("alice"), log);
    assert_eq!(workers.call("alice", "get-cart()"), BOTH);
    for (arguments, what) in [
        (["alice@4", "bob"], "a worker named bob already"),
        (["alice@900", "dave"], "has no record 900"),
        (["missing@1", "dave"], "no worker named missing"),
        (["alice", "dave"], "NAME@POSITION"),
    ] {
        let text = refused(&workers.worker(&["fork", arguments[0], arguments[1]]));
        assert!(text.contains(what), "{text}");
    }
    // A journal that has nothing random yet: what is drawn comes from the seeds of both.
    let draw = |worker: &str| {
        let drawn = workers
            .invocation(&guest("worker"), worker, "draw()")
            .output();
        let drawn = stdout(&drawn.unwrap());
        drawn.rsplit(' ').next().unwrap().to_owned()
    };
    let variable = workers
        .invocation(&guest("worker"), "one", "variable(\"x\")")
        .output();
    stdout(&variable.unwrap());
    stdout(&workers.worker(&["fork", "one@2", "two"]));
    let (one, two) = (draw("one"), draw("two"));
    assert_ne!(one, two);
    for (worker, order) in [("one", one), ("two", two)] {
        let drawn = workers
            .invocation(&guest("worker"), worker, "drawn()")
            .output();
        let drawn = stdout(&drawn.unwrap());
        assert!(drawn.contains(order.trim_matches('"')), "{drawn}");
    }
}
