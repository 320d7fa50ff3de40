//! Processes that share a file, one that is killed, and one whose file may not grow.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use keywell_sqlite::SqliteStore;
use keywell_store::Error;

use crate::support::{Scratch, bucket, set, text};

/// The file that a child opens.
const PATH: &str = "KEYWELL_TEST_STORE";

/// This program, running one of the tests below that are for children only, behind these arguments.
fn child(before: &[&str], test: &str, path: &Path) -> (Child, BufReader<ChildStdout>) {
    let own = std::env::current_exe().unwrap();
    let words = before.iter().map(AsRef::as_ref).chain([own.as_os_str()]);
    let words: Vec<_> = words.collect();
    let mut child = Command::new(words[0])
        .args(&words[1..])
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(PATH, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap());
    (child, lines)
}

/// Reads the output of the child up to the first line with this beginning.
fn wait_for(lines: &mut impl BufRead, beginning: &str) -> String {
    let mut line = String::new();
    loop {
        line.clear();
        assert_ne!(lines.read_line(&mut line).unwrap(), 0, "the child ended");
        if let Some(rest) = line.trim_end().strip_prefix(beginning) {
            return rest.to_owned();
        }
    }
}

fn held_path() -> Option<PathBuf> {
    std::env::var_os(PATH).map(Into::into)
}

/// Prints a separate line: the test harness prints no end of line.
fn say(what: &str) {
    println!("\n{what}");
    std::io::stdout().flush().unwrap();
}

#[tokio::test]
#[ignore = "runs as a child of other tests"]
async fn counts_until_killed() {
    let Some(path) = held_path() else { return };
    let store = SqliteStore::open(path).unwrap();
    let bucket = bucket(&store, "b").await;
    loop {
        let entries = vec![("x", "1".into()), ("y", "1".into())];
        let (count, batch) = tokio::join!(bucket.increment("n", 1), bucket.set_many(entries));
        batch.unwrap();
        say(&format!("counted {}", count.unwrap()));
    }
}

#[tokio::test]
#[ignore = "runs as a child of other tests"]
async fn counts_to_100() {
    let Some(path) = held_path() else { return };
    let store = SqliteStore::open(path).unwrap();
    let bucket = bucket(&store, "b").await;
    for _ in 0..100 {
        bucket.increment("n", 1).await.unwrap();
    }
    say("counted");
}

#[tokio::test]
#[ignore = "runs as a child of other tests"]
async fn fills_what_it_may() {
    let Some(path) = held_path() else { return };
    let store = SqliteStore::open(path).unwrap();
    let bucket = bucket(&store, "b").await;
    let mut written = 0;
    let error = loop {
        match set(&bucket, &format!("k{written}"), &"v".repeat(3000)).await {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
    // It goes on reading, and refuses again.
    for key in [format!("k{}", written - 1), "k0".to_owned()] {
        assert!(bucket.exists(&key).await.unwrap());
    }
    assert!(!bucket.exists(&format!("k{written}")).await.unwrap());
    set(&bucket, "more", &"v".repeat(300_000))
        .await
        .unwrap_err();
    say(&format!("written {written}"));
}

#[tokio::test]
async fn increments_of_several_processes_are_all_counted() {
    let scratch = Scratch::new();
    let children: Vec<_> = (0..3)
        .map(|_| child(&[], "processes::counts_to_100", &scratch.path))
        .collect();
    for (mut child, mut lines) in children {
        wait_for(&mut lines, "counted");
        lines.lines().for_each(drop);
        child.wait().unwrap();
    }
    let bucket = bucket(&scratch.open(), "b").await;
    assert_eq!(text(&bucket, "n").await.as_deref(), Some("300"));
}

#[tokio::test]
async fn acknowledged_writes_of_a_killed_process_survive() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let bucket = bucket(&store, "b").await;
    let mut counted = 0;
    for round in 1..=3 {
        let (mut child, mut lines) = child(&[], "processes::counts_until_killed", &scratch.path);
        while counted < round * 30 {
            counted = wait_for(&mut lines, "counted ").parse().unwrap();
        }
        child.kill().unwrap();
        // Numbers printed before it died count, too.
        for line in lines.lines().map_while(Result::ok) {
            if let Some(count) = line.strip_prefix("counted ") {
                counted = count.parse().unwrap_or(counted);
            }
        }
        child.wait().unwrap();
        let there: i64 = text(&bucket, "n").await.unwrap().parse().unwrap();
        // One more may have been written and not printed.
        assert!(
            (counted..=counted + 1).contains(&there),
            "{there} {counted}"
        );
        assert_eq!(text(&bucket, "x").await, text(&bucket, "y").await);
        counted = bucket.increment("n", 1).await.unwrap();
    }
}

/// As on a full disk, a write to the file fails; the limit is of the process, not of the disk.
#[cfg(unix)]
#[tokio::test]
async fn a_file_that_may_not_grow_is_read_on_and_written_again_once_it_may() {
    let scratch = Scratch::new();
    drop(scratch.open());
    let limit = "trap '' XFSZ; ulimit -f 700; exec \"$@\"";
    let before = ["bash", "-c", limit, "bash"];
    let (mut child, mut lines) = child(&before, "processes::fills_what_it_may", &scratch.path);
    let written: usize = wait_for(&mut lines, "written ").parse().unwrap();
    // What the harness prints needs a reader.
    lines.lines().for_each(drop);
    assert!(child.wait().unwrap().success());
    let store = scratch.open();
    let bucket = bucket(&store, "b").await;
    for number in 0..written {
        assert!(bucket.exists(&format!("k{number}")).await.unwrap());
    }
    assert!(!bucket.exists(&format!("k{written}")).await.unwrap());
    set(&bucket, "more", "v").await.unwrap();
}
