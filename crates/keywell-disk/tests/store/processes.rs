//! Processes that open the same store, and one that is killed.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use keywell_disk::{DiskStore, OpenError};

use crate::support::{Scratch, bucket, set, text};

/// The store that a child opens.
const PATH: &str = "KEYWELL_TEST_STORE";

/// This program, running one of the tests below that are for children only.
fn child(test: &str, path: &Path) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(PATH, path)
        .stdin(Stdio::piped())
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

fn held_path() -> Option<std::path::PathBuf> {
    std::env::var_os(PATH).map(Into::into)
}

/// Prints a separate line: the test harness prints no end of line.
fn say(what: &str) {
    println!("\n{what}");
    std::io::stdout().flush().unwrap();
}

#[test]
#[ignore = "runs as a child of other tests"]
fn holds_a_store() {
    let Some(path) = held_path() else { return };
    let _store = DiskStore::open(path).unwrap();
    say("held");
    std::io::stdin().lines().for_each(drop);
}

#[tokio::test]
#[ignore = "runs as a child of other tests"]
async fn counts_until_killed() {
    let Some(path) = held_path() else { return };
    let store = DiskStore::open(path).unwrap();
    let bucket = bucket(&store, "b").await;
    loop {
        let entries = vec![("x", "1".into()), ("y", "1".into())];
        let (count, batch) = tokio::join!(bucket.increment("n", 1), bucket.set_many(entries));
        batch.unwrap();
        say(&format!("counted {}", count.unwrap()));
    }
}

#[tokio::test]
async fn opening_a_store_twice_in_this_process_is_refused() {
    let scratch = Scratch::new();
    let error = DiskStore::open(scratch.folder.path()).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains(&format!("pid {}", std::process::id())),
        "{text}"
    );
    assert!(text.contains("this process"), "{text}");
    let OpenError::Locked { path, holder } = error else {
        panic!("{error}");
    };
    assert_eq!(path, scratch.folder.path());
    assert_eq!(holder.pid, Some(std::process::id()));
    let refused = keywell_store::Error::from(OpenError::Locked { path, holder });
    assert!(matches!(refused, keywell_store::Error::Unavailable(_)));
}

#[test]
#[cfg_attr(windows, ignore = "the lock cannot be read while it is held")]
fn a_second_process_is_refused_with_the_name_of_the_holder() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, mut lines) = child("processes::holds_a_store", folder.path());
    wait_for(&mut lines, "held");
    let error = DiskStore::open(folder.path()).unwrap_err();
    let OpenError::Locked { holder, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(holder.pid, Some(child.id()));
    let own = std::env::current_exe().unwrap();
    let own = own.file_name().unwrap().to_string_lossy().into_owned();
    assert_eq!(holder.program.as_ref(), Some(&own));
    assert!(
        error
            .to_string()
            .contains(&format!("process {} ({own})", child.id()))
    );
    // Killed, it leaves its name in the file, which has no effect.
    child.kill().unwrap();
    child.wait().unwrap();
    let named = std::fs::read_to_string(folder.path().join("lock")).unwrap();
    assert!(named.starts_with(&child.id().to_string()));
    DiskStore::open(folder.path()).unwrap();
}

#[tokio::test]
async fn acknowledged_writes_of_a_killed_process_survive() {
    let folder = tempfile::tempdir().unwrap();
    let mut counted = 0;
    for round in 1..=3 {
        let (mut child, mut lines) = child("processes::counts_until_killed", folder.path());
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
        let store = DiskStore::open(folder.path()).unwrap();
        let bucket = bucket(&store, "b").await;
        let there: i64 = text(&bucket, "n").await.unwrap().parse().unwrap();
        // One more may have been written and not printed.
        assert!(
            (counted..=counted + 1).contains(&there),
            "{there} {counted}"
        );
        assert_eq!(text(&bucket, "x").await, text(&bucket, "y").await);
        counted = there;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_store_is_accessible_to_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep").join("store");
    let store = DiskStore::open(&path).unwrap();
    set(&bucket(&store, "b").await, "key", "value")
        .await
        .unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&path.join("data.redb")), 0o600);
    assert_eq!(mode(&path.join("lock")), 0o600);
}

#[test]
fn a_file_of_another_program_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "a letter").unwrap();
    let error = DiskStore::open(&file).unwrap_err();
    assert!(matches!(error, OpenError::NotAFolder { .. }), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), b"a letter");

    let data = folder.path().join("data.redb");
    std::fs::write(&data, "a letter, longer than a magic number").unwrap();
    let error = DiskStore::open(folder.path()).unwrap_err();
    assert!(matches!(error, OpenError::Foreign), "{error}");
    assert_eq!(std::fs::metadata(&data).unwrap().len(), 36);
    std::fs::remove_file(&data).unwrap();

    let table: redb::TableDefinition<u64, u64> = redb::TableDefinition::new("theirs");
    let theirs = redb::Database::create(&data).unwrap();
    let writing = theirs.begin_write().unwrap();
    writing.open_table(table).unwrap();
    writing.commit().unwrap();
    drop(theirs);
    let error = DiskStore::open(folder.path()).unwrap_err();
    assert!(matches!(error, OpenError::Format { found: 1 }), "{error}");
}

#[test]
fn a_store_of_another_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(DiskStore::open(folder.path()).unwrap());
    let data = folder.path().join("data.redb");
    let mut image = std::fs::read(&data).unwrap();
    image[16] += 1;
    std::fs::write(&data, &image).unwrap();
    let error = DiskStore::open(folder.path()).unwrap_err();
    assert!(matches!(error, OpenError::Format { found: 3 }), "{error}");
    assert!(error.to_string().contains("format 3"), "{error}");
    assert!(std::fs::read(&data).unwrap() == image);
}

#[test]
fn an_interrupted_creation_is_repeated() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("data.redb.new"), [0; 5000]).unwrap();
    DiskStore::open(folder.path()).unwrap();
}

#[test]
#[cfg_attr(
    windows,
    ignore = "a path that leads through a file is reported as missing"
)]
fn an_inaccessible_file_is_not_reported_as_missing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let opened = DiskStore::builder().existing().open(file.join("store"));
    let error = opened.map(drop).unwrap_err();
    assert!(matches!(error, OpenError::Folder { .. }), "{error}");
}

/// The data file of a closed store, and of an open one, as a killed process leaves it.
async fn images() -> [Vec<u8>; 2] {
    let folder = tempfile::tempdir().unwrap();
    let options = DiskStore::builder().log_bytes(64 * 1024);
    let store = options.open(folder.path()).unwrap();
    let bucket = bucket(&store, "b").await;
    for n in 0..200 {
        set(&bucket, &format!("k{n}"), &"v".repeat(5000))
            .await
            .unwrap();
    }
    let data = folder.path().join("data.redb");
    let open = std::fs::read(&data).unwrap();
    keywell_store::Store::close(&store).await.unwrap();
    [std::fs::read(&data).unwrap(), open]
}

/// What a killed process left after the last checkpoint lies in the log, so a cut after the pages of
/// that checkpoint loses nothing.
#[tokio::test]
async fn a_data_file_truncated_anywhere_is_refused_and_unchanged_or_whole() {
    let [closed, killed] = images().await;
    for (image, is_closed) in [(closed, true), (killed, false)] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data.redb");
        std::fs::write(&data, &image).unwrap();
        drop(DiskStore::open(folder.path()).unwrap());

        let mut refused = 0;
        let pages = (0..image.len()).step_by(4096 * 7);
        let odd = [1, 8, 9, 100, 511, 512, 4095, 5000, 70_001, image.len() - 1];
        for bytes in pages.chain(odd) {
            let cut = &image[..bytes];
            std::fs::write(&data, cut).unwrap();
            for existing in [true, false] {
                let options = DiskStore::builder();
                let options = if existing {
                    options.existing()
                } else {
                    options
                };
                let error = match options.open(folder.path()) {
                    Err(error) => error,
                    Ok(store) => {
                        assert!(!is_closed, "{bytes}");
                        let bucket = bucket(&store, "b").await;
                        for n in 0..200 {
                            let value = text(&bucket, &format!("k{n}")).await;
                            assert_eq!(value.map(|value| value.len()), Some(5000), "{bytes}");
                        }
                        break;
                    }
                };
                refused += 1;
                match bytes {
                    0 => assert!(matches!(error, OpenError::Empty), "{error}"),
                    1..9 => assert!(matches!(error, OpenError::Foreign), "{error}"),
                    _ => assert!(
                        matches!(error, OpenError::Truncated { .. }),
                        "{bytes}: {error:?}"
                    ),
                }
                assert!(std::fs::read(&data).unwrap() == cut, "{bytes}");
            }
        }
        assert!(refused > 60, "{refused}");
    }
}

#[tokio::test]
async fn a_file_that_is_emptied_under_an_open_store_is_not_created_again() {
    let disk = crate::disk::Disk::default();
    let store = disk.open(DiskStore::builder().cache_bytes(0)).unwrap();
    let bucket = bucket(&store, "b").await;
    set(&bucket, "key", "value").await.unwrap();
    disk.empty();
    for _ in 0..2 {
        assert!(bucket.get("key").await.is_err());
        assert!(set(&bucket, "key", "other").await.is_err());
    }
    drop((bucket, store));
    assert_eq!(disk.image(), []);
}
