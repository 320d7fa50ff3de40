//! What components hold of the machine that they are granted.

use std::net::TcpListener;
use std::path::Path;

use keywell_runtime::{Environment, GrantedDir, HttpOptions};

use crate::commands::run_granted;
use crate::support::{options, serve};

/// As many files or sockets as an instance may have open.
const MOST: &str = "256";

fn granted(folder: &Path) -> Environment {
    for name in ["it", "other", "third", "fourth"] {
        std::fs::write(folder.join(name), name).unwrap();
    }
    let dir = GrantedDir {
        host: folder.to_owned(),
        guest: "/data".to_owned(),
        is_read_only: true,
    };
    Environment {
        tcp: vec!["127.0.0.1:9".parse().unwrap()],
        dirs: vec![dir],
        ..Environment::default()
    }
}

async fn run(steps: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (code, [stdout, _]) = run_granted(steps, granted(folder.path())).await;
    assert_eq!(code.unwrap(), 0, "{stdout}");
    stdout
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_listed_beside_listings_that_are_never_read() {
    let listed = "fourth it other third\n";
    assert_eq!(run(&["unread=600", "list"]).await, listed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_of_what_is_no_folder_or_is_gone_answers_so() {
    assert!(run(&["list-file"]).await.contains("NotDirectory"));
}

#[tokio::test(flavor = "multi_thread")]
async fn open_files_and_sockets_of_an_instance_are_bounded() {
    for (step, code) in [
        ("open=300", "InsufficientMemory"),
        ("streams=300", "InsufficientMemory"),
        ("sockets=300", "OutOfMemory"),
    ] {
        let printed = run(&[step]).await;
        assert!(
            printed.starts_with(MOST) && printed.contains(code),
            "{step}: {printed}"
        );
    }
    let printed = run(&["reopen=1000"]).await;
    assert_eq!(printed, "1000\n", "closed files do not count");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_count_for_as_long_as_a_stream_of_them_is_there() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let accepting = std::thread::spawn(move || {
        let accepted = listener.incoming().take(MOST.parse().unwrap());
        drop(accepted.collect::<Vec<_>>());
    });
    let folder = tempfile::tempdir().unwrap();
    let environment = Environment {
        tcp: vec![format!("127.0.0.1:{port}").parse().unwrap()],
        ..granted(folder.path())
    };
    let (_, [printed, _]) = run_granted(&[&format!("receive={port}")], environment).await;
    let expected = format!("{MOST}, ");
    assert!(printed.starts_with(&expected), "{printed}");
    accepting.join().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_holds_for_wasi_0_2() {
    let folder = tempfile::tempdir().unwrap();
    let http = HttpOptions {
        environment: granted(folder.path()),
        ..HttpOptions::default()
    };
    let served = serve("hostile", &options(), &http).await;
    for path in ["/files?n=300", "/file-streams?n=300", "/sockets?n=300"] {
        let answer = served.get(path).await;
        let expected = format!("made {MOST}, ");
        assert!(
            answer.text.starts_with(&expected),
            "{path}: {}",
            answer.text
        );
    }
    assert_eq!(served.get("/files?n=256").await.text, "made 256");
}
