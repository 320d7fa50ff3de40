//! What a machine does to the program: damaged files, links, folders of others, files that may grow
//! no further.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use support::{Server, guest, keywell};
use tempfile::TempDir;

/// A folder in which `store` is a disk store.
struct Scratch(TempDir);

// === impl Scratch ===

impl Scratch {
    /// With a store that holds `key`, or with none.
    fn new(has_store: bool) -> Self {
        let scratch = Self(tempfile::tempdir().unwrap());
        if has_store {
            let set = scratch.run(&["kv", "set", "key", "value"]);
            assert_eq!(describe(&set), (Some(0), String::new()));
        }
        scratch
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn store(&self) -> PathBuf {
        self.path("store")
    }

    fn url(&self) -> String {
        format!("disk:{}", self.store().display())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut keywell = keywell();
        keywell
            .args(arguments)
            .env("KEYWELL_STORE", self.url())
            .current_dir(self.0.path())
            .stdin(Stdio::null());
        keywell
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs it where no file may grow past so many blocks of 512 bytes.
    fn run_limited(&self, blocks: u32, arguments: &[&str]) -> Command {
        let inner = self.command(arguments);
        let mut shell = Command::new("sh");
        shell
            .arg("-c")
            .arg(format!("ulimit -S -f {blocks} && exec \"$0\" \"$@\""))
            .arg(inner.get_program())
            .args(inner.get_args())
            .current_dir(self.0.path())
            .stdin(Stdio::null());
        for (name, value) in inner.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell
    }

    fn get(&self, key: &str) -> Vec<u8> {
        let got = self.run(&["kv", "get", key]);
        assert_eq!(describe(&got), (Some(0), String::new()), "{key}");
        got.stdout
    }
}

fn describe(output: &Output) -> (Option<i32>, String) {
    let error = String::from_utf8(output.stderr.clone()).unwrap();
    (output.status.code(), error)
}

/// Asserts that it failed with these words, and without a panic or a signal.
fn assert_failed(output: &Output, words: &str, what: &str) {
    let (code, error) = describe(output);
    assert_eq!(code, Some(1), "{what}: {error}");
    assert!(error.contains(words), "{what}: {error}");
    assert!(!error.contains("panicked"), "{what}: {error}");
    assert!(output.stdout.is_empty(), "{what}: {output:?}");
}

/// Commands that open a store, in a folder that has what their arguments name.
fn commands(scratch: &Scratch) -> Vec<Vec<String>> {
    fs::write(scratch.path("lines"), "{\"key\":\"a\",\"value\":\"b\"}\n").unwrap();
    let component = |name| guest(name).to_str().unwrap().to_owned();
    let application = format!(
        "[store.main]\nurl = \"disk:store\"\n[component.counter]\npath = {:?}\nstore = \"main\"\n\
         [[trigger.http]]\ncomponent = \"counter\"\naddr = \"127.0.0.1:0\"\n",
        component("counter")
    );
    fs::write(scratch.path("keywell.toml"), application).unwrap();
    let mut commands: Vec<Vec<String>> = [
        "kv get key",
        "kv exists key",
        "kv list",
        "kv export",
        "kv buckets",
        "kv set key other",
        "kv delete key",
        "kv increment number",
        "kv import lines",
        "kv watch",
        "deadletters list",
        "deadletters replay --all",
        "deadletters remove --all",
        "conformance",
        "up keywell.toml",
    ]
    .map(|line| line.split(' ').map(str::to_owned).collect())
    .into();
    let counter = component("counter");
    commands.push(
        ["serve", &counter, "--addr", "127.0.0.1:0"]
            .map(str::to_owned)
            .into(),
    );
    commands.push(
        ["run", &component("probe-draft2")]
            .map(str::to_owned)
            .into(),
    );
    commands
}

#[test]
fn every_command_refuses_a_data_file_that_is_no_store_and_leaves_it_as_it_is() {
    let scratch = Scratch::new(true);
    let data = scratch.store().join("data.redb");
    let whole = fs::read(&data).unwrap();
    for (damaged, words) in [
        (Vec::new(), "the data file is empty"),
        (whole[..whole.len() / 2].to_vec(), "truncated"),
        (whole[..100].to_vec(), "truncated"),
        (b"a letter".to_vec(), "not made by Keywell"),
        (vec![b'.'; 100_000], "not made by Keywell"),
    ] {
        fs::write(&data, &damaged).unwrap();
        for command in commands(&scratch) {
            let arguments: Vec<&str> = command.iter().map(String::as_str).collect();
            let what = format!("{arguments:?} of {} bytes", damaged.len());
            assert_failed(&scratch.run(&arguments), words, &what);
            assert!(fs::read(&data).unwrap() == damaged, "{what}");
        }
    }
    fs::write(&data, whole).unwrap();
    assert_eq!(scratch.get("key"), b"value");
}

#[test]
fn a_making_that_was_cut_short_is_made_whole_and_no_store_to_read() {
    let scratch = Scratch::new(false);
    fs::create_dir(scratch.store()).unwrap();
    let being_made = scratch.store().join("data.redb.new");
    fs::write(&being_made, [0; 5000]).unwrap();
    assert_failed(
        &scratch.run(&["kv", "get", "key"]),
        "there is no store",
        "get",
    );
    assert!(being_made.exists());
    let set = scratch.run(&["kv", "set", "key", "value"]);
    assert_eq!(describe(&set), (Some(0), String::new()));
    assert!(!being_made.exists());
    assert_eq!(scratch.get("key"), b"value");
}

#[test]
fn nothing_in_a_store_is_opened_through_a_link() {
    let other = Scratch::new(true);
    let victims = [
        other.store().join("data.redb"),
        other.store().join("lock"),
        other.path("letter"),
    ];
    fs::write(&victims[2], "a letter").unwrap();
    let before = victims.each_ref().map(|path| fs::read(path).unwrap());
    for name in ["lock", "data.redb"] {
        for victim in &victims {
            let scratch = Scratch::new(false);
            fs::create_dir(scratch.store()).unwrap();
            symlink(victim, scratch.store().join(name)).unwrap();
            for command in commands(&scratch) {
                let arguments: Vec<&str> = command.iter().map(String::as_str).collect();
                let ran = scratch.run(&arguments);
                let words = match name {
                    // What only reads finds no store before it looks at the lock.
                    "lock" if describe(&ran).1.contains("no store") => "no store",
                    _ => "symbolic link",
                };
                assert_failed(&ran, words, &format!("{name}, {arguments:?}"));
            }
        }
    }
    for victim in &victims {
        let scratch = Scratch::new(false);
        fs::create_dir(scratch.store()).unwrap();
        symlink(victim, scratch.store().join("data.redb.new")).unwrap();
        let set = scratch.run(&["kv", "set", "key", "mine"]);
        assert_eq!(describe(&set), (Some(0), String::new()));
        assert_eq!(scratch.get("key"), b"mine");
    }
    assert!(victims.map(|path| fs::read(path).unwrap()) == before);
}

#[test]
fn a_folder_that_strangers_may_write_to_is_refused_and_one_of_a_group_is_warned_about() {
    let scratch = Scratch::new(true);
    let store = scratch.store();
    for mode in [0o777, 0o1777, 0o703] {
        fs::set_permissions(&store, fs::Permissions::from_mode(mode)).unwrap();
        let advice = format!("run `chmod o-w {}`", store.display());
        assert_failed(&scratch.run(&["kv", "get", "key"]), &advice, "get");
    }
    fs::set_permissions(&store, fs::Permissions::from_mode(0o770)).unwrap();
    let got = scratch.run(&["kv", "get", "key"]);
    let (code, warned) = describe(&got);
    assert_eq!((code, &got.stdout[..]), (Some(0), &b"value"[..]));
    assert!(
        warned.contains("WARN") && warned.contains("chmod g-w"),
        "{warned}"
    );
    fs::set_permissions(&store, fs::Permissions::from_mode(0o700)).unwrap();
    let data = store.join("data.redb");
    fs::set_permissions(&data, fs::Permissions::from_mode(0o666)).unwrap();
    let advice = format!("run `chmod o-w {}`", data.display());
    assert_failed(&scratch.run(&["kv", "get", "key"]), &advice, "get");
}

/// Only root can give a folder to a user, so for others there is nothing to see.
#[test]
fn root_says_what_it_leaves_in_the_folder_of_a_user() {
    const USER: u32 = 12345;
    let scratch = Scratch::new(false);
    if std::os::unix::fs::chown(scratch.0.path(), Some(USER), None).is_err() {
        return;
    }
    let parent = scratch.0.path().display().to_string();
    let warning = format!("{parent} belongs to user {USER}, and this process runs as root");
    let (code, warned) = describe(&scratch.run(&["kv", "set", "key", "value"]));
    assert_eq!(code, Some(0), "{warned}");
    assert!(warned.contains(&warning), "{warned}");
    assert!(warned.contains(&format!("chown -R {USER}")), "{warned}");
    assert_eq!(fs::metadata(scratch.store()).unwrap().uid(), 0);
    // It is root's now, as was said.
    assert_eq!(scratch.get("key"), b"value");

    std::os::unix::fs::chown(scratch.store(), Some(USER), None).unwrap();
    let (code, warned) = describe(&scratch.run(&["kv", "get", "key"]));
    assert_eq!(code, Some(0), "{warned}");
    assert!(
        warned.contains(&format!("{parent}/store belongs to user {USER}")),
        "{warned}"
    );
}

#[test]
fn a_file_that_may_grow_no_further_is_an_error_and_no_loss() {
    let scratch = Scratch::new(true);
    let big = scratch.path("big");
    fs::write(&big, vec![b'x'; 8_000_000]).unwrap();
    let lines: Vec<String> = (0..3000)
        .map(|n| format!("{{\"key\":\"k{n}\",\"value\":\"{}\"}}\n", "v".repeat(2000)))
        .collect();
    fs::write(scratch.path("many"), lines.concat()).unwrap();
    let blocks = fs::metadata(scratch.store().join("data.redb"))
        .unwrap()
        .len()
        / 512;
    let blocks = u32::try_from(blocks).unwrap() + 100;
    let limited = |arguments: &[&str]| scratch.run_limited(blocks, arguments).output().unwrap();

    let set = ["kv", "set", "big", "--file", big.to_str().unwrap()];
    assert_failed(&limited(&set), "File too large", "set");
    let import = limited(&["kv", "import", "many"]);
    let (code, error) = describe(&import);
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains("File too large"), "{error}");
    assert_eq!(scratch.get("key"), b"value");
    // Once there is room the same work is done.
    for arguments in [&set[..], &["kv", "import", "many"]] {
        let ran = scratch.run(arguments);
        assert_eq!(ran.status.code(), Some(0), "{ran:?}");
    }
    assert_eq!(scratch.get("k2999"), "v".repeat(2000).as_bytes());
    assert_eq!(scratch.get("big").len(), 8_000_000);

    let export = limited(&["kv", "export", "-o", "out"]);
    assert_failed(&export, "File too large", "export");
    let left = fs::read_dir(scratch.0.path()).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert!(
        !left
            .iter()
            .any(|name| name.to_string_lossy().contains("partial")),
        "{left:?}"
    );
    assert!(!scratch.path("out").exists());
    let mut export = scratch.run_limited(blocks, &["kv", "export"]);
    export.stdout(fs::File::create(scratch.path("out")).unwrap());
    assert_failed(
        &export.output().unwrap(),
        "File too large",
        "export to standard output",
    );
}

#[test]
fn a_new_store_that_has_no_room_leaves_nothing_behind() {
    let scratch = Scratch::new(false);
    let set = scratch
        .run_limited(8, &["kv", "set", "key", "value"])
        .output();
    assert_failed(&set.unwrap(), "File too large", "set");
    let left = fs::read_dir(scratch.store()).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["lock"]);
    let set = scratch.run(&["kv", "set", "key", "value"]);
    assert_eq!(describe(&set), (Some(0), String::new()));
    assert_eq!(scratch.get("key"), b"value");
}

#[test]
fn a_server_whose_store_may_grow_no_further_answers_errors_and_goes_on() {
    let scratch = Scratch::new(true);
    let mut server = Server::start("mischief", &["--store", &scratch.url()]);
    assert_eq!(server.get("/set?key=kept&value=before").text(), "ok");
    server.limit_file_size(Some(6_000_000));
    for _ in 0..3 {
        let refused = server.get("/big?n=10000000");
        assert_eq!(refused.status, 200);
        assert_ne!(refused.text(), "ok");
        assert_eq!(server.get("/get?key=kept").text(), "before");
    }
    server.limit_file_size(None);
    assert_eq!(server.get("/big?n=10000000").text(), "ok");
    server.signal("-TERM");
    assert!(server.wait().success());
    assert_eq!(scratch.get("kept"), b"before");
    assert_eq!(scratch.get("big").len(), 10_000_000);
}

#[test]
fn a_cache_that_may_grow_no_further_costs_a_warning() {
    let scratch = Scratch::new(false);
    let cache = scratch.path("cache");
    let mut run = scratch.run_limited(0, &["run", guest("probe-draft2").to_str().unwrap()]);
    run.env("KEYWELL_CACHE", &cache)
        .env("KEYWELL_STORE", "memory:");
    let ran = run.output().unwrap();
    let (_, error) = describe(&ran);
    assert!(ran.status.code().is_some(), "no signal ended it: {ran:?}");
    assert!(
        error.contains("cannot keep the compiled component"),
        "{error}"
    );
    assert_eq!(fs::read_dir(&cache).unwrap().count(), 0);
}

/// Commands that print to a device that is full.
#[test]
fn a_full_device_for_standard_output_is_an_error() {
    let scratch = Scratch::new(true);
    for arguments in [
        &["kv", "get", "key"][..],
        &["kv", "list"],
        &["kv", "export"],
    ] {
        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let ran = scratch.command(arguments).stdout(full).output().unwrap();
        assert_failed(&ran, "No space left on device", &format!("{arguments:?}"));
    }
}
