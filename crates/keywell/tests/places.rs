//! How places are written: of stores, of files, and of what listens.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

use keywell_servers::{Redis, Tls};
use support::application::{Application, get, refusal};
use support::{guest, keywell};

/// A counter on a store.
fn counter(store: &str, address: &str) -> String {
    format!(
        "[store.main]\n{store}\n[component.counter]\npath = {:?}\nstore = \"main\"\n\
         \n[[trigger.http]]\ncomponent = \"counter\"\naddr = {address:?}\n",
        guest("counter").to_str().unwrap(),
    )
}

/// What a run prints, on standard output and then on standard error, and its exit code.
fn run(folder: &Path, arguments: &[&str]) -> (String, i32) {
    let ran = keywell()
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    let printed = String::from_utf8([ran.stdout, ran.stderr].concat()).unwrap();
    (printed, ran.status.code().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_certificates_are_taken_from_the_folder_of_the_configuration() {
    let tls = Arc::new(Tls::generate().unwrap());
    let redis = Redis::builder().tls(tls.clone()).start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("own files")).unwrap();
    for (file, name) in [
        (tls.authority(), "ca.pem"),
        (tls.client_certificate(), "own files/me.pem"),
        (tls.client_key(), "own files/me.key"),
    ] {
        std::fs::copy(file, folder.path().join(name)).unwrap();
    }
    let address = redis.tls_addr().unwrap();
    // In a setting of its own and in the URL. The program runs in another folder.
    let store = format!(
        "url = \"rediss://{address}?tls-key=own%20files/me.key\"\n\
         tls-ca = \"ca.pem\"\ntls-certificate = \"own files/me.pem\""
    );
    let application = Application::start(folder.path(), &counter(&store, "127.0.0.1:0"));
    assert_eq!(application.get("/tea").text(), "Counter /tea: 1\n");
    application.stop();
}

#[test]
fn a_folder_written_as_an_url_or_with_a_tilde_is_refused_with_its_form() {
    let folder = tempfile::tempdir().unwrap();
    for (url, form) in [
        ("disk:~/data", "write disk:/HOME/data"),
        ("disk://data", "write disk:data, or disk:/data for"),
        ("disk:///data", "write disk:/data"),
    ] {
        let (printed, code) = run(folder.path(), &["kv", "set", "k", "v", "--store", url]);
        assert!(code == 2 && printed.contains(form), "{printed}");
        let text = counter(&format!("url = {url:?}"), "127.0.0.1:0");
        let (code, printed) = refusal(folder.path(), &text);
        assert!(code == 2 && printed.contains(form), "{printed}");
        std::fs::remove_file(folder.path().join("keywell.toml")).unwrap();
    }
    let made = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(made, 0, "no store was made");
}

#[test]
fn a_scheme_in_capitals_and_a_byte_order_mark_are_read_over() {
    let folder = tempfile::tempdir().unwrap();
    let text = counter("url = \"DISK:Data\"", "127.0.0.1:0");
    let application = Application::start(folder.path(), &format!("\u{feff}{text}"));
    assert_eq!(application.get("/x").text(), "Counter /x: 1\n");
    application.stop();
    let get = ["kv", "get", "/x", "--store", "Disk:Data"];
    assert_eq!(run(folder.path(), &get), ("1".to_owned(), 0));
}

#[test]
fn a_name_may_be_listened_on() {
    let folder = tempfile::tempdir().unwrap();
    let text = counter("url = \"memory:\"", "localhost:0");
    let application = Application::start(folder.path(), &text);
    assert_eq!(application.get("/x").text(), "Counter /x: 1\n");
    let port = application.address();
    let port = port.rsplit(':').next().unwrap();
    // By the name, whichever address a client takes first.
    assert_eq!(
        get(&format!("localhost:{port}"), "/x").text(),
        "Counter /x: 2\n"
    );

    let serve = |address: &str| {
        let counter = guest("counter");
        let counter = counter.to_str().unwrap();
        run(
            folder.path(),
            &["serve", counter, "--store", "memory:", "--addr", address],
        )
    };
    let (printed, code) = serve(&format!("localhost:{port}"));
    assert!(
        code == 1 && printed.contains("cannot listen on "),
        "{printed}"
    );
    let (printed, code) = serve("no-such-host.invalid:80");
    assert!(
        code == 1 && printed.contains("keywell: cannot listen on no-such-host.invalid:80: "),
        "{printed}"
    );
    let (printed, code) = serve("localhost");
    assert!(
        code == 2 && printed.contains("write an address or a name, and a port"),
        "{printed}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_may_have_a_zone() {
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("skipped: there is no IPv6 here");
        return;
    }
    // The zone of the loopback device has the number 1 in every system.
    let redis = Redis::builder().config("bind 127.0.0.1 ::1");
    let redis = redis.start().await.unwrap();
    let port = redis.addr().port();
    let folder = tempfile::tempdir().unwrap();
    let store = format!("url = \"redis://[::1%251]:{port}\"");
    let text = counter(&store, "[::1%1]:0");
    let application = Application::start(folder.path(), &text);
    assert!(
        application.address().starts_with("[::1"),
        "{:?}",
        application.lines
    );
    assert_eq!(application.get("/x").text(), "Counter /x: 1\n");
}
