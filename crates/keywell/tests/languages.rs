//! The components of `examples/languages`: each counts on disk and on Redis, over a restart.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use keywell_servers::Redis;
use sha2::{Digest as _, Sha256};
use support::{Server, keywell};

/// The file of a component. Where it was not built, a test that runs by itself is left out; one of
/// CI fails.
fn component(name: &str) -> Option<PathBuf> {
    let components = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../target/languages/components"
    );
    let path = Path::new(components).join(name).with_extension("wasm");
    if path.exists() {
        return Some(path);
    }
    let missing = format!(
        "{} is missing; build it: cargo xtask languages",
        path.display()
    );
    assert!(std::env::var_os("CI").is_none(), "{missing}");
    eprintln!("not run: {missing}");
    None
}

/// Counts, restarts the program, and counts on.
fn serves(component: &Path, store: &str) {
    let arguments = ["--store", store];
    let server = Server::start_file(component, &arguments);
    for n in 1..=2 {
        assert_eq!(
            server.get("/tea?milk").text(),
            format!("Counter /tea: {n}\n")
        );
    }
    server.kill();
    let server = Server::start_file(component, &arguments);
    assert_eq!(server.get("/tea").text(), "Counter /tea: 3\n");
    assert_eq!(server.get("/caf%C3%A9").text(), "Counter /caf%C3%A9: 1\n");
}

/// The same; and sends a body back as it arrives, and downloads.
fn serves_and_downloads(component: &Path, store: &str) {
    serves(component, store);
    let peer = Server::start("counter", &["--store", "memory:"]);
    let server = Server::start_file(
        component,
        &["--store", store, "--allow-http", &peer.address],
    );
    let body = "0123456789".repeat(10_000);
    let length = body.len();
    let answer = server.request(&format!(
        "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    ));
    assert!(answer.complete && answer.text() == body, "{}", answer.head);

    let urls = ["a", "b", "c"].map(|path| format!("url=http://{}/{path}", peer.address));
    let answer = server.get(&format!("/digests?{}", urls.join("&"))).text();
    let mut lines: Vec<&str> = answer.lines().collect();
    lines.sort_by_key(|line| line.rsplit('/').next());
    let digests = ["a", "b", "c"].map(|path| {
        let mut line = String::new();
        for byte in Sha256::digest(format!("Counter /{path}: 1\n")) {
            write!(line, "{byte:02x}").unwrap();
        }
        format!("{line} /{path}")
    });
    assert_eq!(lines, digests);
}

fn runs(component: &Path, store: &str) {
    for (name, printed) in [
        ("tea", "tea: 1\n"),
        ("tea", "tea: 2\n"),
        ("café", "café: 1\n"),
    ] {
        let mut keywell = keywell();
        keywell.arg("run").arg(component).args(["--store", store]);
        let output = keywell.args(["--", name]).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{error}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), printed, "{error}");
    }
}

/// On disk first: without Redis, a test ends where it starts one.
async fn on_disk_and_redis(name: &str, check: fn(&Path, &str)) {
    let Some(component) = component(name) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    check(
        &component,
        &format!("disk:{}", folder.path().join("data").display()),
    );
    let redis = Redis::start().await.unwrap();
    check(&component, &redis.url());
}

/// One test for each component, which compiles it once.
macro_rules! tests {
    ($($test:ident: $check:ident $name:literal;)*) => {$(
        #[tokio::test]
        async fn $test() {
            on_disk_and_redis($name, $check).await;
        }
    )*};
}

tests! {
    a_server_in_rust_counts: serves "rust-counter";
    a_command_in_rust_counts: runs "rust-runs";
    a_server_with_wstd_counts: serves "rust-counter-wstd";
    a_command_with_wstd_counts: runs "rust-runs-wstd";
    a_server_with_spins_sdk_counts: serves "rust-counter-spin";
    a_server_in_javascript_counts: serves "javascript-counter";
    a_command_in_javascript_counts: runs "javascript-runs";
    a_server_in_python_counts_and_downloads: serves_and_downloads "python-counter";
    a_command_in_python_counts: runs "python-runs";
    a_server_in_python_for_wasi_0_3_counts_and_downloads: serves_and_downloads "python-counter_0_3";
    a_command_in_python_for_wasi_0_3_counts: runs "python-runs_0_3";
    a_server_in_c_counts: serves "c-counter";
    a_command_in_c_counts: runs "c-runs";
    a_server_in_go_counts: serves "go-counter";
    a_command_in_go_counts: runs "go-runs";
}
