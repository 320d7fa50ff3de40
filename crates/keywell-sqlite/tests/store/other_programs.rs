//! A program that knows `SQLite` and not Keywell, Python's, reads and writes as `docs/sqlite.md` says.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use keywell_store::{Change, Expected, Filter, Set, Since, Store as _, Swap};

use crate::support::{Scratch, bucket, next_events, set, text};

/// Runs a script with the connection `c`, and returns what it prints, or the last line of its error.
fn python(path: &Path, script: &str) -> Result<String, String> {
    let script = format!(
        "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1], isolation_level=None)\n{script}"
    );
    let ran = Command::new("python3")
        .arg("-c")
        .arg(script)
        .arg(path)
        .output();
    let ran = ran.expect("python3 is installed");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    if ran.status.success() {
        return Ok(text(&ran.stdout).trim().to_owned());
    }
    Err(text(&ran.stderr)
        .trim()
        .lines()
        .last()
        .unwrap_or_default()
        .to_owned())
}

#[tokio::test]
async fn another_program_reads_what_is_there_and_not_what_has_expired() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let bucket = bucket(&store, "orders").await;
    set(&bucket, "käse", "1 kg").await.unwrap();
    bucket.increment("n", 42).await.unwrap();
    let how = Set::expiring(Duration::from_millis(1)).unwrap();
    bucket.set("gone", "x".into(), how).await.unwrap();
    while bucket.exists("gone").await.unwrap() {}
    let rows =
        "print([tuple(r) for r in c.execute('SELECT bucket, key, value FROM kv ORDER BY key')])";
    let read = python(&scratch.path, rows).unwrap();
    assert_eq!(
        read,
        "[('orders', 'käse', b'1 kg'), ('orders', 'n', b'42')]"
    );
    let version = "print(c.execute(\"SELECT version FROM kv WHERE key = 'n'\").fetchone()[0])";
    let version: u64 = python(&scratch.path, version).unwrap().parse().unwrap();
    let entry = bucket.get("n").await.unwrap().unwrap();
    assert_eq!(entry.version.as_u64(), Some(version));
}

#[tokio::test]
async fn what_another_program_writes_is_read_watched_and_compared() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let bucket = bucket(&store, "orders").await;
    let version = bucket
        .set("k", "ours".into(), Set::default())
        .await
        .unwrap();
    let mut watch = bucket.watch(Filter::All, Since::Now).await.unwrap();
    let write = "
c.execute('INSERT INTO kv (bucket, key, value) VALUES (?, ?, ?)', ('orders', 'n', '41'))
c.execute('INSERT INTO kv (bucket, key, value) VALUES (?, ?, ?)', ('orders', 'k', b'theirs'))
c.execute('UPDATE kv SET value = ? WHERE bucket = ? AND key = ?', (b'again', 'orders', 'k'))
c.execute('INSERT INTO kv (bucket, key, value, expires) VALUES (?, ?, ?, 1)', ('orders', 'old', b''))
c.execute('INSERT INTO kv (bucket, key, value) VALUES (?, ?, ?)', ('orders', 'old', b'new'))
c.execute('DELETE FROM kv WHERE bucket = ? AND key = ?', ('orders', 'k'))";
    python(&scratch.path, write).unwrap();
    let events = next_events(&mut watch, 7).await;
    let expected = [
        "n=41", "k=theirs", "k=again", "old=", "~old", "old=new", "-k",
    ];
    assert_eq!(events, expected);
    assert_eq!(text(&bucket, "old").await.as_deref(), Some("new"));
    assert_eq!(bucket.increment("n", 1).await.unwrap(), 42);
    let swap = bucket.swap("k", Expected::At(version), Change::Delete);
    assert_eq!(swap.await.unwrap(), Swap::Stale);
    assert_eq!(next_events(&mut watch, 1).await, ["n=42"]);
    store.close().await.unwrap();
}

#[tokio::test]
async fn what_another_program_must_not_write_is_refused() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let bucket = bucket(&store, "b").await;
    set(&bucket, "k", "v").await.unwrap();
    for (write, problem) in [
        (
            "INSERT INTO kv (bucket, key, value) VALUES ('keywell-triggers', 'k', x'')",
            "Keywell's own",
        ),
        (
            "INSERT INTO kv (bucket, key, value) VALUES ('b', '', x'')",
            "CHECK",
        ),
        (
            "INSERT INTO kv (bucket, key, value) VALUES ('b', 'k', NULL)",
            "NOT NULL",
        ),
        ("UPDATE kv SET key = 'l'", "cannot be renamed"),
        (
            "INSERT INTO entries VALUES ('b', 'x', 1, NULL, 'text')",
            "cannot store TEXT",
        ),
    ] {
        let error = python(&scratch.path, &format!("c.execute(\"{write}\")")).unwrap_err();
        assert!(error.contains(problem), "{write}: {error}");
    }
    assert_eq!(text(&bucket, "k").await.as_deref(), Some("v"));
    assert_eq!(
        bucket
            .list(keywell_store::List::default())
            .await
            .unwrap()
            .keys,
        ["k"]
    );
}
