//! Secrets on the disk.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
#[cfg(unix)]
use std::os::unix::fs::PermissionsExt as _;
#[cfg(unix)]
use std::path::Path;
use std::path::PathBuf;

use keywell_state::{Error, Key, Name, Secrets, State};

const CANARY: &str = "kanarienvogel";

struct Scratch {
    _folder: tempfile::TempDir,
    state: State,
}

// === impl Scratch ===

impl Scratch {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = State::new(folder.path().join("keywell"));
        Self {
            _folder: folder,
            state,
        }
    }

    /// With the secret `a`.
    fn with_secret() -> Self {
        let scratch = Self::new();
        scratch
            .secrets()
            .put(&name("a"), CANARY.as_bytes())
            .unwrap();
        scratch
    }

    fn secrets(&self) -> Secrets {
        self.state.secrets(None)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.state.folder().join(name)
    }

    fn key(&self) -> Key {
        Key::parse(&fs::read_to_string(self.path("secrets.key")).unwrap()).unwrap()
    }
}

fn name(name: &str) -> Name {
    name.parse().unwrap()
}

fn read(secrets: &Secrets, of: &str) -> Option<String> {
    let secret = secrets.get(&name(of)).unwrap();
    secret.map(|secret| secret.expose().to_owned())
}

/// That a secret cannot be read, by a message without it.
#[track_caller]
fn refusal(secrets: &Secrets, of: &str) -> Error {
    let error = secrets.get(&name(of)).unwrap_err();
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(!text.contains(CANARY), "{text}");
        // The form of a key may be named.
        let text = text.replace("AGE-SECRET-KEY-1…", "");
        assert!(!text.contains("AGE-SECRET-KEY"), "{text}");
    }
    error
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_secret_is_kept_listed_replaced_and_removed() {
    let scratch = Scratch::new();
    let secrets = scratch.secrets();
    assert_eq!(secrets.names().unwrap(), []);
    assert_eq!(read(&secrets, "a"), None);
    assert!(!secrets.delete(&name("a")).unwrap());
    assert!(!scratch.state.folder().exists(), "looking makes nothing");

    let full = "é".repeat(Secrets::MAX_BYTES / 2);
    for value in [CANARY, "two\nlines\n", "\0", &full] {
        secrets.put(&name("a"), value.as_bytes()).unwrap();
        assert_eq!(read(&secrets, "a").as_deref(), Some(value));
    }
    secrets.put(&name("b"), b"other").unwrap();
    assert_eq!(secrets.names().unwrap(), [name("a"), name("b")]);
    assert!(secrets.delete(&name("a")).unwrap());
    assert_eq!(read(&secrets, "a"), None);
    assert_eq!(read(&secrets, "b").as_deref(), Some("other"));
}

#[test]
fn what_no_place_could_use_is_refused() {
    let scratch = Scratch::new();
    let secrets = scratch.secrets();
    let large = vec![b'x'; Secrets::MAX_BYTES + 1];
    for (value, problem) in [
        (&b""[..], "the secret a is empty"),
        (&large, "the secret a has more than 65536 bytes"),
        (
            b"caf\xe9",
            "the secret a is not UTF-8; encode it, as by base64",
        ),
    ] {
        let error = secrets.put(&name("a"), value).unwrap_err();
        assert!(error.is_refusal());
        assert_eq!(error.to_string(), problem);
    }
    assert!(!scratch.state.folder().exists());
}

#[cfg(unix)]
#[test]
fn no_file_has_a_secret_as_it_is_and_all_are_for_this_user_alone() {
    let scratch = Scratch::with_secret();
    for (folder, files) in [("", 2), ("secrets", 1)] {
        assert_eq!(mode(&scratch.path(folder)), 0o700);
        let entries: Vec<_> = fs::read_dir(scratch.path(folder)).unwrap().collect();
        assert_eq!(entries.len(), files, "{folder}");
        for path in entries.into_iter().map(|entry| entry.unwrap().path()) {
            if path.is_file() {
                assert_eq!(mode(&path), 0o600);
                let bytes = fs::read(&path).unwrap();
                let has_it = bytes
                    .windows(CANARY.len())
                    .any(|part| part == CANARY.as_bytes());
                assert!(!has_it, "{}", path.display());
            }
        }
    }
    // The same secret is not recognised by its file.
    let first = fs::read(scratch.path("secrets/a.age")).unwrap();
    let secrets = scratch.secrets();
    secrets.put(&name("a"), CANARY.as_bytes()).unwrap();
    assert_ne!(fs::read(scratch.path("secrets/a.age")).unwrap(), first);
}

#[cfg(unix)]
#[test]
fn a_key_that_others_may_use_is_refused() {
    let scratch = Scratch::with_secret();
    let key = scratch.path("secrets.key");
    for wrong in [0o640, 0o604, 0o620, 0o610, 0o444, 0o644] {
        fs::set_permissions(&key, fs::Permissions::from_mode(wrong)).unwrap();
        let error = refusal(&scratch.secrets(), "a").to_string();
        let chmod = format!("run `chmod 600 {}`", key.display());
        assert!(error.contains(&chmod), "{wrong:o}: {error}");
        let put = scratch.secrets().put(&name("b"), b"x").unwrap_err();
        assert_eq!(put.to_string(), error);
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o400)).unwrap();
    assert_eq!(read(&scratch.secrets(), "a").as_deref(), Some(CANARY));
}

#[test]
fn another_key_or_a_damaged_file_is_one_clear_error() {
    let scratch = Scratch::with_secret();
    let file = scratch.path("secrets/a.age");
    let whole = fs::read(&file).unwrap();
    let other = Scratch::with_secret().key();
    let undecryptable = |secrets: &Secrets| {
        let error = refusal(secrets, "a");
        assert!(matches!(error, Error::Undecryptable { .. }), "{error}");
        error.to_string()
    };
    let error = undecryptable(&scratch.state.secrets(Some(other)));
    assert!(error.contains("KEYWELL_SECRETS_KEY"), "{error}");
    let mut damaged = vec![
        Vec::new(),
        b"age-encryption.org/v1\n".to_vec(),
        whole[1..].to_vec(),
    ];
    damaged.extend((1..whole.len()).step_by(7).map(|end| whole[..end].to_vec()));
    damaged.extend((0..whole.len()).step_by(5).map(|at| {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x20;
        damaged
    }));
    damaged.push([&whole[..], b"more"].concat());
    damaged.push(vec![b'x'; 1 << 20]);
    for bytes in damaged {
        fs::write(&file, bytes).unwrap();
        let error = undecryptable(&scratch.secrets());
        assert!(error.contains(file.to_str().unwrap()), "{error}");
        assert!(error.contains("secrets.key"), "{error}");
    }
    fs::write(&file, whole).unwrap();
    assert_eq!(read(&scratch.secrets(), "a").as_deref(), Some(CANARY));
}

#[test]
fn a_key_from_elsewhere_needs_no_file() {
    let key = Scratch::with_secret().key();
    let scratch = Scratch::new();
    let secrets = scratch.state.secrets(Some(key.clone()));
    secrets.put(&name("a"), CANARY.as_bytes()).unwrap();
    assert_eq!(read(&secrets, "a").as_deref(), Some(CANARY));
    assert!(!scratch.path("secrets.key").exists());
    // Without it, there is no key for what is there, and none is made.
    for error in [
        refusal(&scratch.secrets(), "a"),
        scratch.secrets().put(&name("b"), b"x").unwrap_err(),
    ] {
        assert!(matches!(error, Error::NoKey { .. }), "{error}");
        assert!(error.to_string().contains("KEYWELL_SECRETS_KEY"), "{error}");
    }
    assert!(!scratch.path("secrets.key").exists());
    assert_eq!(scratch.secrets().names().unwrap(), [name("a")]);
    assert!(scratch.secrets().delete(&name("a")).unwrap());
}

#[test]
fn a_damaged_key_is_named_and_not_shown() {
    let scratch = Scratch::with_secret();
    let file = scratch.path("secrets.key");
    let text = fs::read_to_string(&file).unwrap();
    let shortened = text.trim_end().len() - 1;
    for wrong in [text[..shortened].to_owned(), text.repeat(2), String::new()] {
        fs::write(&file, wrong).unwrap();
        let error = refusal(&scratch.secrets(), "a");
        assert!(matches!(error, Error::Key { .. }), "{error}");
        assert!(
            error.to_string().contains(file.to_str().unwrap()),
            "{error}"
        );
    }
}

#[test]
fn the_first_secrets_of_several_writers_have_one_key() {
    let scratch = Scratch::new();
    let names: Vec<Name> = (0..8).map(|writer| name(&format!("w{writer}"))).collect();
    std::thread::scope(|scope| {
        for name in &names {
            let secrets = scratch.secrets();
            scope.spawn(move || secrets.put(name, CANARY.as_bytes()).unwrap());
        }
    });
    assert_eq!(scratch.secrets().names().unwrap(), names);
    for name in &names {
        assert_eq!(
            read(&scratch.secrets(), name.as_str()).as_deref(),
            Some(CANARY)
        );
    }
    // No draft of a key is left.
    assert_eq!(fs::read_dir(scratch.state.folder()).unwrap().count(), 2);
}
