//! Named configuration on the disk.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
#[cfg(unix)]
use std::os::unix::fs::{PermissionsExt as _, symlink};
#[cfg(unix)]
use std::path::Path;

use keywell_state::{ConfigSet, ConfigSets, Error, Name, State};

struct Scratch {
    folder: tempfile::TempDir,
    state: State,
}

// === impl Scratch ===

impl Scratch {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = State::new(folder.path().join("state/keywell"));
        Self { folder, state }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.state.folder().join(name)
    }
}

fn name(name: &str) -> Name {
    name.parse().unwrap()
}

fn set(entries: &[(&str, &str)]) -> ConfigSet {
    entries.iter().copied().collect()
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_set_is_replaced_whole_listed_and_removed() {
    let scratch = Scratch::new();
    let sets = scratch.state.config_sets();
    let redis = name("redis");
    assert_eq!(sets.names().unwrap(), []);
    assert_eq!(sets.get(&redis).unwrap(), None);
    assert!(!sets.delete(&redis).unwrap());
    // Looking makes nothing.
    assert!(!scratch.state.folder().exists());

    let first = set(&[("url", "redis://h"), ("watch", "SET@a,DEL@a")]);
    sets.put(&redis, &first).unwrap();
    assert_eq!(sets.get(&redis).unwrap(), Some(first));
    let second = set(&[("level", "info")]);
    sets.put(&redis, &second).unwrap();
    sets.put(&name("draft-x"), &second).unwrap();
    assert_eq!(sets.get(&redis).unwrap(), Some(second));
    assert_eq!(sets.names().unwrap(), [name("draft-x"), redis.clone()]);
    assert_eq!(
        fs::read_to_string(scratch.path("config/redis.toml")).unwrap(),
        "level = \"info\"\n"
    );
    assert!(sets.delete(&redis).unwrap());
    assert_eq!(sets.get(&redis).unwrap(), None);
    assert_eq!(sets.names().unwrap(), [name("draft-x")]);
}

#[cfg(unix)]
#[test]
fn everything_is_made_for_this_user_alone() {
    let scratch = Scratch::new();
    let sets = scratch.state.config_sets();
    sets.put(&name("a"), &set(&[("k", "v")])).unwrap();
    for folder in ["", "config"] {
        assert_eq!(mode(&scratch.path(folder)), 0o700, "{folder}");
    }
    assert_eq!(mode(&scratch.folder.path().join("state")), 0o700);
    assert_eq!(mode(&scratch.path("config/a.toml")), 0o600);
}

#[test]
fn a_file_may_be_edited_and_a_wrong_one_is_named_with_its_line() {
    let scratch = Scratch::new();
    let sets = scratch.state.config_sets();
    sets.put(&name("a"), &set(&[])).unwrap();
    let path = scratch.path("config/a.toml");
    fs::write(&path, "# mine\nk = 'v'\n").unwrap();
    assert_eq!(sets.get(&name("a")).unwrap(), Some(set(&[("k", "v")])));
    let large = format!("k = '{}'", "x".repeat(ConfigSets::MAX_BYTES));
    for (bytes, problem) in [
        (
            &b"k = 'v'\nport = 17"[..],
            ":2: port should be a text in quotes",
        ),
        (b"k = 'caf\xe9'", ":1: it is not UTF-8"),
        (large.as_bytes(), ":1: it is larger than 1048576 bytes"),
    ] {
        fs::write(&path, bytes).unwrap();
        let error = sets.get(&name("a")).unwrap_err();
        let expected = format!("{}{problem}", path.display());
        assert_eq!(error.to_string(), expected);
    }
    let value = "x".repeat(ConfigSets::MAX_BYTES);
    let refused = sets.put(&name("a"), &set(&[("k", &value)])).unwrap_err();
    assert!(refused.is_refusal(), "{refused}");
}

#[test]
fn what_is_no_set_is_not_listed() {
    let scratch = Scratch::new();
    let sets = scratch.state.config_sets();
    sets.put(&name("a"), &set(&[])).unwrap();
    for other in ["notes", ".toml", ".hidden.toml", "é.toml", "b.toml~"] {
        fs::write(scratch.path("config").join(other), "").unwrap();
    }
    assert_eq!(sets.names().unwrap(), [name("a")]);
}

#[cfg(unix)]
#[test]
fn a_folder_or_file_that_others_may_write_to_is_refused() {
    let scratch = Scratch::new();
    let sets = scratch.state.config_sets();
    let a = name("a");
    sets.put(&a, &set(&[])).unwrap();
    let all = || {
        let refusals = [
            sets.names().err(),
            sets.get(&a).err(),
            sets.put(&a, &set(&[])).err(),
            sets.delete(&a).err(),
        ];
        refusals.map(|refusal| refusal.map(|error| error.to_string()))
    };
    for folder in ["", "config"] {
        let path = scratch.path(folder);
        for wrong in [0o720, 0o702, 0o1777] {
            fs::set_permissions(&path, fs::Permissions::from_mode(wrong)).unwrap();
            for refusal in all() {
                let refusal = refusal.unwrap();
                assert!(refusal.contains("run `chmod go-w "), "{wrong:o}: {refusal}");
            }
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let file = scratch.path("config/a.toml");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o602)).unwrap();
    let refusal = sets.get(&a).unwrap_err();
    assert!(matches!(refusal, Error::Open(_)), "{refusal:?}");
    assert!(refusal.to_string().contains("chmod o-w"), "{refusal}");
    fs::remove_file(&file).unwrap();
    symlink("/etc/hostname", &file).unwrap();
    let refusal = sets.get(&a).unwrap_err().to_string();
    assert!(refusal.contains("symbolic link"), "{refusal}");
    sets.put(&a, &set(&[])).unwrap();
    assert!(fs::symlink_metadata(&file).unwrap().is_file());
}

#[test]
fn of_two_writers_one_wins_and_no_reader_sees_a_part() {
    let scratch = Scratch::new();
    let sets = scratch.state.config_sets();
    let (a, long) = (name("a"), "x".repeat(10_000));
    let whole = ["1", "2"].map(|writer| set(&[("writer", writer), ("value", &long)]));
    sets.put(&a, &whole[0]).unwrap();
    std::thread::scope(|scope| {
        for written in &whole {
            let (sets, a) = (&sets, &a);
            scope.spawn(move || {
                for _ in 0..50 {
                    sets.put(a, written).unwrap();
                }
            });
        }
        for _ in 0..200 {
            let read = sets.get(&a).unwrap().unwrap();
            assert!(whole.contains(&read));
        }
    });
    let files = fs::read_dir(scratch.path("config")).unwrap().count();
    assert_eq!(files, 1);
}
