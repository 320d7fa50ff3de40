//! `keywell up`: what starts, what does not, and how it ends.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use keywell_servers::Port;
use support::application::{Application, get, refusal};
use support::{PATIENCE, Response, guest, keywell};

/// A counter and mischief on one store on disk.
fn two(store: &str) -> String {
    format!(
        "[store.main]\nurl = {store:?}\n\
         [component.counter]\npath = {:?}\nstore = \"main\"\n\
         [component.mischief]\npath = {:?}\nstore = \"main\"\n\
         \n[[trigger.http]]\ncomponent = \"counter\"\naddr = \"127.0.0.1:0\"\n\
         \n[[trigger.http]]\ncomponent = \"mischief\"\naddr = \"127.0.0.1:0\"\n",
        guest("counter").to_str().unwrap(),
        guest("mischief").to_str().unwrap(),
    )
}

fn addresses(application: &Application) -> Vec<String> {
    let lines = application.lines.iter();
    lines
        .map(|line| line.split("http://").nth(1).unwrap().to_owned())
        .collect()
}

#[test]
fn components_of_an_application_share_a_store() {
    let folder = tempfile::tempdir().unwrap();
    // A path in it is taken from its folder.
    let application = Application::start(folder.path(), &two("disk:data"));
    let [counter, mischief] = &addresses(&application)[..] else {
        panic!("{:?}", application.lines);
    };
    assert!(application.lines[0].starts_with("counter listens on http://127.0.0.1:"));
    assert!(application.lines[1].starts_with("mischief listens on http://127.0.0.1:"));
    assert_eq!(get(counter, "/tea").text(), "Counter /tea: 1\n");
    assert_eq!(get(mischief, "/get?key=/tea").text(), "1");
    application.stop();
    let application = Application::start(folder.path(), &two("disk:data"));
    assert_eq!(application.get("/tea").text(), "Counter /tea: 2\n");
    assert!(folder.path().join("data").is_dir());
}

#[test]
fn an_application_from_standard_input_runs() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("input");
    std::fs::write(&file, two("memory:")).unwrap();
    let mut up = keywell();
    up.args(["up", "-"]).current_dir(folder.path());
    let application = Application::spawn(up.stdin(std::fs::File::open(&file).unwrap()), 2);
    assert_eq!(application.get("/tea").text(), "Counter /tea: 1\n");
    application.stop();
}

#[test]
fn components_behind_one_address_are_found_by_path_and_by_host() {
    let folder = tempfile::tempdir().unwrap();
    let port = Port::claim().unwrap();
    let address = port.address().to_string();
    let counter = guest("counter");
    let mischief = guest("mischief");
    let trigger = |component: &str, more: &str| {
        format!("\n[[trigger.http]]\ncomponent = {component:?}\naddr = {address:?}\n{more}")
    };
    let text = [
        "[store.main]\nurl = \"memory:\"\n".to_owned(),
        format!("[component.counter]\npath = {counter:?}\nstore = \"main\"\n"),
        format!("[component.mischief]\npath = {mischief:?}\nstore = \"main\"\n"),
        trigger("counter", "path = \"/tea\"\nread-only = true\n"),
        trigger(
            "mischief",
            "exact-path = \"/get\"\ncache-control = \"no-store\"\n",
        ),
        trigger("counter", "host = \"count.example\"\ncors = true\n"),
    ];
    let application = Application::start(folder.path(), &text.concat());
    let expected = [
        format!("counter listens on http://{address}/tea"),
        format!("mischief listens on http://{address}/get"),
        format!("counter listens on http://{address} for the host count.example"),
    ];
    assert_eq!(application.lines, expected);
    let ask = |method: &str, path: &str, host: &str| {
        let mut connection = TcpStream::connect(&address).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        let request =
            format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).unwrap();
        let mut raw = Vec::new();
        connection.read_to_end(&mut raw).unwrap();
        Response::parse(&raw)
    };
    assert_eq!(ask("GET", "/tea", "x").text(), "Counter /tea: 1\n");
    assert_eq!(ask("GET", "/get?key=/tea", "x").text(), "1");
    let of_host = ask("GET", "/get?key=/tea", "Count.Example:80").text();
    assert_eq!(of_host, "Counter /get: 1\n");
    assert_eq!(ask("POST", "/tea/pot", "x").status, 405);
    assert_eq!(ask("GET", "/teapot", "x").status, 404);
    application.stop();
}

#[test]
fn a_component_has_the_buckets_that_it_is_granted_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let mischief = guest("mischief");
    let text = format!(
        "[store.main]\nurl = \"memory:\"\n\
         [component.owner]\npath = {mischief:?}\nbuckets = {{ default = \"shared\" }}\n\
         [component.reader]\npath = {mischief:?}\n\
         buckets.default = {{ bucket = \"shared\", read-only = true }}\n\
         buckets.part = {{ bucket = \"shared\", prefix = \"p/\" }}\n\
         [component.holder]\npath = {mischief:?}\nstore = \"main\"\n\
         \n[[trigger.http]]\ncomponent = \"owner\"\naddr = \"127.0.0.1:0\"\n\
         \n[[trigger.http]]\ncomponent = \"reader\"\naddr = \"127.0.0.1:0\"\n\
         \n[[trigger.http]]\ncomponent = \"holder\"\naddr = \"127.0.0.1:0\"\n"
    );
    let application = Application::start(folder.path(), &text);
    let [owner, reader, holder] = &addresses(&application)[..] else {
        panic!("{:?}", application.lines);
    };
    assert_eq!(get(owner, "/set?key=k&value=v").text(), "ok");
    assert_eq!(get(reader, "/get?key=k").text(), "v");
    assert_eq!(
        get(reader, "/set?key=k&value=w").text(),
        "error: access-denied"
    );
    assert_eq!(get(reader, "/denied?bucket=part").text(), "opened");
    assert_eq!(
        get(reader, "/denied?bucket=other").text(),
        "error: access-denied"
    );
    assert_eq!(get(owner, "/get?key=k").text(), "v");
    // One that has every bucket of a store has not those of Keywell itself.
    for (bucket, answer) in [
        ("shared", "opened"),
        ("keywell", "opened"),
        ("keywell-triggers", "error: access-denied"),
        ("keywell-deadletters", "error: access-denied"),
    ] {
        let path = format!("/denied?bucket={bucket}");
        assert_eq!(get(holder, &path).text(), answer, "{bucket}");
    }
}

#[test]
fn a_grant_bounds_the_keys_and_the_values_of_its_bucket_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mischief = guest("mischief");
    let text = format!(
        "[store.main]\nurl = \"memory:\"\n\
         [component.bounded]\npath = {mischief:?}\n\
         buckets.default = {{ bucket = \"b\", prefix = \"long/\", max-key = 4, max-value = 32 }}\n\
         [component.free]\npath = {mischief:?}\nbuckets = {{ default = \"b\" }}\n\
         \n[[trigger.http]]\ncomponent = \"bounded\"\naddr = \"127.0.0.1:0\"\n\
         \n[[trigger.http]]\ncomponent = \"free\"\naddr = \"127.0.0.1:0\"\n"
    );
    let application = Application::start(folder.path(), &text);
    let [bounded, free] = &addresses(&application)[..] else {
        panic!("{:?}", application.lines);
    };
    let (fits, large) = ("v".repeat(32), "v".repeat(33));
    for (key, value, is_allowed) in [
        ("abcd", &fits, true),
        ("abcde", &fits, false),
        ("abcd", &large, false),
    ] {
        let path = format!("/set?key={key}&value={value}");
        let answer = get(bounded, &path).text();
        assert_eq!(answer == "ok", is_allowed, "{path}: {answer}");
        assert_eq!(get(free, &path).text(), "ok");
    }
    assert_eq!(get(bounded, "/get?key=abcd").text(), fits);
}

#[test]
fn bounds_of_a_component_are_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let mischief = guest("mischief");
    let text = format!(
        "[limits]\ntimeout = \"1m\"\nmemory = \"64MiB\"\n\
         [component.small]\npath = {mischief:?}\nmemory = \"2MiB\"\ntimeout = \"100ms\"\n\
         [component.large]\npath = {mischief:?}\n\
         \n[[trigger.http]]\ncomponent = \"small\"\naddr = \"127.0.0.1:0\"\n\
         \n[[trigger.http]]\ncomponent = \"large\"\naddr = \"127.0.0.1:0\"\n"
    );
    let application = Application::start(folder.path(), &text);
    let [small, large] = &addresses(&application)[..] else {
        panic!("{:?}", application.lines);
    };
    // A page less than the limit, as tables count too.
    assert_eq!(get(small, "/grow").text(), "stopped at 31 pages");
    assert_eq!(get(large, "/grow").text(), "stopped at 1023 pages");
    assert_eq!(get(small, "/loop").status, 504);
}

#[test]
fn a_stop_lets_running_requests_finish_and_closes_the_stores() {
    let folder = tempfile::tempdir().unwrap();
    for signal in ["-INT", "-TERM"] {
        let mut application = Application::start(folder.path(), &two("disk:data"));
        let mischief = &addresses(&application)[1];
        let mut connection = TcpStream::connect(mischief).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = b"GET /slow-body HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        connection.write_all(request).unwrap();
        let mut raw = vec![0];
        connection.read_exact(&mut raw).unwrap();
        application.signal(signal);
        connection.read_to_end(&mut raw).unwrap();
        assert!(
            Response::parse(&raw).complete,
            "{signal} cut a response off"
        );
        assert!(application.wait().success());
        // The store is free for the next.
        let mut kv = keywell();
        let store = format!("disk:{}", folder.path().join("data").display());
        assert!(
            kv.args(["kv", "list", "--store", &store])
                .output()
                .unwrap()
                .status
                .success()
        );
    }
}

#[test]
fn if_one_trigger_cannot_start_none_does() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let text = two("disk:data");
    let (before, after) = text.rsplit_once("127.0.0.1:0").unwrap();
    let text = format!("{before}{address}{after}");
    let (code, message) = refusal(folder.path(), &text);
    assert_eq!(code, 1, "{message}");
    let expected =
        "keywell: FOLDER/keywell.toml:14:1: the component mischief cannot start: cannot listen on";
    assert!(message.starts_with(expected), "{message}");
    // Nothing holds the store any more.
    let application = Application::start(folder.path(), &two("disk:data"));
    assert_eq!(application.get("/x").text(), "Counter /x: 1\n");
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table of cases")]
fn what_cannot_be_run_is_reported_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let counter = guest("counter");
    let one = |rest: &str| {
        format!("[component.c]\npath = {counter:?}\nstore = 'main'\n{rest}\n[store.main]\n")
    };
    let http = "[[trigger.http]]\ncomponent = 'c'\naddr = '127.0.0.1:0'";
    let watch = "[[trigger.watch]]\ncomponent = 'c'\n";
    for (text, code, message) in [
        ("[", 2, ":1:2: "),
        ("", 2, ": nothing calls a component"),
        (
            &format!("{}url = 'floppy:a'", one(http)),
            2,
            ":8:7: the store main: unknown store scheme floppy:; known: memory:, disk:PATH",
        ),
        (
            &format!("{}url = 'hunter2'", one(http)),
            2,
            ":8:7: the URL of the store main: it is written SCHEME:PLACE",
        ),
        (
            &format!("{}url = 'disk:x?history'", one(http)),
            2,
            ":8:7: the URL of the store main: a setting is written NAME=VALUE",
        ),
        (
            &format!("{}url = 'disk:x?history=1'\nhistory = 2", one(http)),
            2,
            ":9:11: the URL of the store main has the setting history, too",
        ),
        (
            &format!("{}url = 'disk:x'\nhistory = 'hunter2'", one(http)),
            2,
            ":9:11: the store main: the setting history must be a whole number",
        ),
        (
            &format!("{}url = 'memory:'", one(&format!("{watch}on = 'SET'"))),
            2,
            ":6:6: at character 4 of \"SET\": expected `@`",
        ),
        (
            &format!(
                "{}url = 'memory:'",
                one(&format!("{watch}on = ['SET@a', 'PUT@b']"))
            ),
            2,
            ":6:16: at character 1 of \"PUT@b\": expected an operation",
        ),
        (
            &format!(
                "{}url = 'memory:'",
                one(&format!("{watch}on = 'SET@a'\ndead-letters = \"a\\u0001\""))
            ),
            2,
            ":7:16: a bucket name is at most 255 bytes",
        ),
        (
            &format!(
                "{}url = 'memory:'",
                one(&format!("{watch}bucket = \"a\\u0001\"\non = 'SET@a'"))
            ),
            2,
            ":6:10: a bucket name is at most 255 bytes",
        ),
        (
            &format!(
                "{}url = 'memory:'",
                one(&format!("outgoing = ['http://x']\n{http}"))
            ),
            2,
            ":4:13: \"http://x\" is no host to allow",
        ),
        (
            &format!(
                "{}url = 'memory:'",
                one(&format!("buckets = {{ a = 'keywell-triggers' }}\n{http}"))
            ),
            2,
            ":4:17: the bucket keywell-triggers is Keywell's own, and no component is granted it",
        ),
        (
            &format!(
                "{}url = 'memory:'",
                one(&format!(
                    "buckets.keywell-deadletters = {{ bucket = 'a' }}\n{http}"
                ))
            ),
            2,
            ":4:42: the bucket keywell-deadletters is Keywell's own",
        ),
        (
            &format!("{}url = 'memory:'", one(&format!("{watch}on = 'SET@a'"))),
            1,
            ":4:1: the component c cannot start: the component exports no \
             wasi:keyvalue/watcher@0.2.0-draft2 or @0.2.0-draft, or \
             wasi:keyvalue/handle-watch, which a watch trigger calls",
        ),
        (
            &format!(
                "{}url = 'disk:none/there'",
                one(&format!("{watch}on = 'SET@a'\nname = 'a/b'"))
            ),
            2,
            ":7:8: a trigger's name is 1 to 128 bytes, without `/` and control characters",
        ),
        (
            "[component.c]\npath = 'none.wasm'\n[[trigger.http]]\ncomponent = 'c'",
            1,
            ":2:8: the component c: cannot read the component FOLDER/none.wasm",
        ),
        (
            "[component.c]\npath = 'keywell.toml'\n[[trigger.http]]\ncomponent = 'c'",
            1,
            ":2:8: the component c: FOLDER/keywell.toml is not a WebAssembly component",
        ),
    ] {
        let (ended, refused) = refusal(folder.path(), text);
        let (place, message) = message.split_once(": ").unwrap();
        let (place, message) = (
            format!("--> FOLDER/keywell.toml{place}\n"),
            format!("error: {message}"),
        );
        assert!(
            refused.contains(&place) && refused.contains(&message),
            "{text}\n     got {refused}\nexpected {message} {place}"
        );
        assert_eq!(ended, code, "{refused}");
        assert!(!refused.contains("hunter2"), "{refused}");
    }
}

#[test]
fn a_store_that_cannot_be_opened_is_reported_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let (code, refused) = refusal(folder.path(), &two("disk:/dev/null/x"));
    assert_eq!(code, 1, "{refused}");
    let expected = "keywell: FOLDER/keywell.toml:2:7: the store main: cannot open the store";
    assert!(refused.starts_with(expected), "{refused}");
}

#[test]
fn without_a_file_it_says_which_it_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let output = keywell().arg("up").current_dir(&folder).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.starts_with("keywell: there is no keywell.toml here, nor spin.toml, "),
        "{message}"
    );
    std::fs::write(folder.path().join("wadm.yaml"), "kind: x").unwrap();
    let output = keywell().arg("up").current_dir(&folder).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.starts_with("reading wadm.yaml\n"), "{message}");
    std::fs::remove_file(folder.path().join("wadm.yaml")).unwrap();
    let text = two("memory:");
    std::fs::write(folder.path().join("keywell.toml"), text).unwrap();
    let mut here = keywell();
    here.arg("up").current_dir(&folder);
    let application = Application::spawn(&mut here, 2);
    assert_eq!(application.get("/x").text(), "Counter /x: 1\n");
    application.stop();
}
