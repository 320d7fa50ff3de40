//! Named configuration and secrets, on the command line and where they are used.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use support::application::Application;
use support::{guest, keywell};
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// The program with the state folder `state` of a folder, in which it runs.
fn program(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = keywell();
    command
        .args(arguments)
        .current_dir(folder)
        .env("KEYWELL_STATE", folder.join("state"))
        .stdin(Stdio::null());
    command
}

#[track_caller]
fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let ran = program(folder, arguments).output().unwrap();
    assert!(ran.status.success(), "{arguments:?}: {ran:?}");
    String::from_utf8(ran.stdout).unwrap()
}

/// The exit code of what fails, and what it says.
#[track_caller]
fn fails(command: &mut Command) -> (i32, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    assert!(stdout.is_empty(), "{command:?}");
    (status.code().unwrap(), String::from_utf8(stderr).unwrap())
}

fn piped(command: &mut Command, input: &[u8]) -> Output {
    let mut process = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that refuses its arguments reads nothing.
    drop(process.stdin.take().unwrap().write_all(input));
    process.wait_with_output().unwrap()
}

#[track_caller]
fn put_secret(folder: &Path, name: &str, value: &[u8]) {
    let put = piped(&mut program(folder, &["secret", "put", name]), value);
    assert!(put.status.success(), "{put:?}");
    assert!(put.stdout.is_empty() && put.stderr.is_empty(), "{put:?}");
}

/// What the guest prints of its configuration values.
#[track_caller]
fn values(folder: &Path, options: &[&str]) -> String {
    let mut command = program(folder, &["run"]);
    command.arg(guest("settings"));
    command.args(["--store", "memory:"]).args(options);
    let ran = command.args(["--", "all"]).output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
    String::from_utf8(ran.stdout).unwrap()
}

/// The path of a guest, as a text of TOML.
fn quoted(name: &str) -> String {
    let path = guest(name);
    format!("'{}'", path.display())
}

#[test]
fn a_set_is_put_shown_listed_and_removed() {
    let folder = folder();
    let folder = folder.path();
    assert_eq!(succeeds(folder, &["config", "list"]), "");
    let put = ["config", "put", "shop", "size=1", "url=a=b", "empty="];
    assert_eq!(succeeds(folder, &put), "");
    succeeds(folder, &["config", "put", "other", "colour=blue"]);
    assert_eq!(
        succeeds(folder, &["config", "get", "shop"]),
        "empty=\nsize=1\nurl=a=b\n"
    );
    assert_eq!(
        succeeds(folder, &["config", "get", "shop", "--json"]),
        "{\"empty\":\"\",\"size\":\"1\",\"url\":\"a=b\"}\n"
    );
    assert_eq!(succeeds(folder, &["config", "list"]), "other\nshop\n");
    succeeds(folder, &["config", "put", "shop", "size=2"]);
    assert_eq!(succeeds(folder, &["config", "get", "shop"]), "size=2\n");
    succeeds(folder, &["config", "del", "shop"]);
    assert_eq!(succeeds(folder, &["config", "list"]), "other\n");
    for verb in ["get", "del"] {
        let (code, said) = fails(&mut program(folder, &["config", verb, "shop"]));
        assert_eq!(
            (code, &*said),
            (1, "keywell: there is no configuration set shop\n")
        );
    }
}

#[test]
fn the_state_folder_is_an_option_a_variable_or_that_of_the_user() {
    let folder = folder();
    let folder = folder.path();
    let put = ["config", "put", "a", "k=v"];
    let text = "k = \"v\"\n";
    let has_set = |state: &str| {
        let file = folder.join(state).join("config/a.toml");
        fs::read_to_string(file).is_ok_and(|read| read == text)
    };
    succeeds(folder, &[&put[..], &["--state", "option"]].concat());
    assert!(has_set("option"));
    succeeds(folder, &put);
    assert!(has_set("state"));
    // What is empty or relative names none.
    for (xdg, state) in [("xdg", "xdg/keywell"), ("", ".local/state/keywell")] {
        let xdg = Some(xdg).filter(|xdg| !xdg.is_empty());
        let xdg = xdg.map_or_else(|| "relative".into(), |xdg| folder.join(xdg));
        let mut command = program(folder, &put);
        command
            .env("KEYWELL_STATE", "")
            .env("HOME", folder)
            .env("XDG_STATE_HOME", xdg);
        assert!(command.status().unwrap().success());
        assert!(has_set(state), "{state}");
        let mode = fs::metadata(folder.join(state))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o7777, 0o700);
    }
    let mut nowhere = program(folder, &put);
    nowhere
        .env_remove("KEYWELL_STATE")
        .env_remove("XDG_STATE_HOME");
    let (code, said) = fails(nowhere.env_remove("HOME"));
    assert_eq!(code, 2);
    assert!(said.contains("set KEYWELL_STATE, or HOME"), "{said}");
}

#[test]
fn wrong_names_and_values_are_refused() {
    let folder = folder();
    let folder = folder.path();
    for name in ["../x", "a/b", ".x", "schlüssel", ""] {
        for words in [
            &["config", "put", name, "k=v"][..],
            &["config", "get", name],
            &["secret", "put", name],
            &["secret", "del", name],
        ] {
            let (code, said) = fails(&mut program(folder, words));
            assert_eq!(code, 2, "{words:?}: {said}");
            assert!(said.contains("a name has 1 to 100 letters"), "{said}");
        }
    }
    for (words, problem) in [
        (&["config", "put", "a"][..], "<KEY=VALUE>"),
        (&["config", "put", "a", "hunter2"], "write KEY=VALUE"),
        (&["config", "put", "a", "=hunter2"], "write KEY=VALUE"),
        (
            &["config", "put", "a", "k=hunter2", "k=2"],
            "k is given twice",
        ),
        (
            &["secret", "put", "a", "hunter2"],
            "a secret is no argument",
        ),
        (&["secret", "put", "a"], "the secret a is empty"),
    ] {
        let (code, said) = fails(&mut program(folder, words));
        assert_eq!(code, 2, "{words:?}: {said}");
        assert!(
            said.contains(problem) && !said.contains("hunter2"),
            "{said}"
        );
    }
    assert!(!folder.join("state").exists());
}

#[test]
fn a_secret_comes_from_standard_input_or_a_file_and_is_never_printed() {
    let folder = folder();
    let folder = folder.path();
    put_secret(folder, "typed", b"hunter2\n");
    fs::write(folder.join("file"), "hunter3\r\n").unwrap();
    succeeds(folder, &["secret", "put", "filed", "--file", "file"]);
    assert_eq!(succeeds(folder, &["secret", "list"]), "filed\ntyped\n");
    let text = "[store.main]\nurl = 'memory:'\n[component.a]\npath = PATH\nstore = 'main'\n\
                config = { typed = { secret = 'typed' }, filed = { secret = 'filed' } }\n\
                [[trigger.http]]\ncomponent = 'a'\n";
    let text = text.replace("PATH", &quoted("counter"));
    fs::write(folder.join("keywell.toml"), text).unwrap();
    assert_eq!(
        succeeds(folder, &["up", "--check"]),
        "keywell.toml is valid: 1 store, 1 component and 1 trigger\n"
    );
    succeeds(folder, &["secret", "del", "typed"]);
    let (code, said) = fails(&mut program(folder, &["secret", "del", "typed"]));
    assert_eq!((code, &*said), (1, "keywell: there is no secret typed\n"));
    let (code, said) = fails(&mut program(folder, &["up"]));
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("the secret \"typed\" is not there; `keywell secret put typed`"),
        "{said}"
    );
    for (input, problem) in [
        (vec![b'x'; (64 << 10) + 1], "has more than 65536 bytes"),
        (b"caf\xe9".to_vec(), "is not UTF-8; encode it, as by base64"),
    ] {
        let refused = piped(&mut program(folder, &["secret", "put", "large"]), &input);
        assert_eq!(refused.status.code(), Some(2));
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(said.contains(problem), "{said}");
    }
    let (code, said) = fails(&mut program(
        folder,
        &["secret", "put", "a", "--file", "none"],
    ));
    assert_eq!(code, 1);
    assert!(said.contains("cannot read none: "), "{said}");
    // As every other thing that was asked for and is not there.
    assert!(fails(&mut program(folder, &["secret", "get", "filed"])).0 == 2);
}

#[test]
fn a_key_may_come_from_the_environment_and_a_wrong_one_is_refused() {
    let folder = folder();
    let folder = folder.path();
    put_secret(folder, "a", b"hunter2");
    let key = folder.join("state/secrets.key");
    let text = fs::read_to_string(&key).unwrap();
    fs::remove_file(&key).unwrap();
    let toml = format!(
        "[store.main]\nurl = 'memory:'\n[component.a]\npath = {}\n\
         env = {{ A = {{ secret = 'a' }} }}\n[[trigger.http]]\ncomponent = 'a'\n",
        quoted("hostile")
    );
    fs::write(folder.join("keywell.toml"), toml).unwrap();
    let check = |key: &str| {
        let mut command = program(folder, &["up", "--check"]);
        let ran = command.env("KEYWELL_SECRETS_KEY", key).output().unwrap();
        (ran.status.code(), String::from_utf8(ran.stderr).unwrap())
    };
    let (_, said) = check(&text);
    assert!(!said.contains("the secret"), "{said}");
    let (code, said) = check("");
    assert_eq!(code, Some(2));
    assert!(said.contains("secrets.key is missing"), "{said}");
    let (code, said) = check("hunter2");
    assert_eq!(code, Some(2));
    assert!(
        said.contains("KEYWELL_SECRETS_KEY: it is no key: a line AGE-SECRET-KEY-1"),
        "{said}"
    );
    assert!(!said.contains("hunter2"), "{said}");
    let other = self::folder();
    put_secret(other.path(), "a", b"other");
    let other = fs::read_to_string(other.path().join("state/secrets.key")).unwrap();
    let (code, said) = check(&other);
    assert_eq!(code, Some(2));
    assert!(said.contains("it was encrypted with another key"), "{said}");
    assert!(!said.contains("AGE-SECRET-KEY"), "{said}");

    fs::write(&key, text).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let (code, said) = check("");
    assert_eq!(code, Some(2));
    assert!(said.contains("chmod 600"), "{said}");
    let put = piped(&mut program(folder, &["secret", "put", "b"]), b"x");
    assert_eq!(put.status.code(), Some(1), "{put:?}");
}

#[test]
fn a_terminal_does_not_show_the_secret_that_is_typed() {
    let folder = folder();
    let folder = folder.path();
    let command = program(folder, &["secret", "put", "typed"]);
    // `script` runs it on a terminal, and types what it reads itself.
    let mut script = Command::new("script");
    let line = format!(
        "{} secret put typed",
        command.get_program().to_str().unwrap()
    );
    script
        .args(["--quiet", "--command", &line, "/dev/null"])
        .env("SHELL", "/bin/sh")
        .env("KEYWELL_STATE", folder.join("state"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut process = script.spawn().expect("script, of util-linux, is there");
    let (mut typed, shown) = (
        process.stdin.take().unwrap(),
        process.stdout.take().unwrap(),
    );
    let mut shown = std::io::BufReader::new(shown);
    let mut prompt = String::new();
    std::io::BufRead::read_line(&mut shown, &mut prompt).unwrap();
    assert!(
        prompt.contains("Type the secret typed, which is not shown"),
        "{prompt}"
    );
    typed.write_all(b"hunter2\n").unwrap();
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut shown, &mut rest).unwrap();
    drop(typed);
    assert!(process.wait().unwrap().success());
    assert!(!rest.contains("hunter2"), "{rest}");
    assert_eq!(succeeds(folder, &["secret", "list"]), "typed\n");
}

#[test]
fn sets_files_and_single_values_are_read_in_this_order_and_the_later_wins() {
    let folder = folder();
    let folder = folder.path();
    succeeds(
        folder,
        &["config", "put", "a", "one=a", "two=a", "three=a", "four=a"],
    );
    succeeds(
        folder,
        &["config", "put", "b", "two=b", "three=b", "four=b"],
    );
    fs::write(folder.join("file"), "three=file\nfour=file\n").unwrap();
    let read = values(
        folder,
        &[
            "--config",
            "four=value",
            "--config-file",
            "file",
            "--config-set",
            "a",
            "--config-set",
            "b",
        ],
    );
    let expected =
        "[(\"four\", \"value\"), (\"one\", \"a\"), (\"three\", \"file\"), (\"two\", \"b\")]\n";
    assert_eq!(read, expected);
    let settings = guest("settings");
    let settings = settings.to_str().unwrap();
    for (name, problem) in [
        ("absent", "the configuration set \"absent\" is not there"),
        (
            "../x",
            "the configuration set \"../x\" cannot be: a name has",
        ),
    ] {
        let run = ["run", settings, "--config-set", name];
        let (code, said) = fails(&mut program(folder, &run));
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(problem), "{said}");
    }
    fs::write(folder.join("state/config/a.toml"), "one = 1\n").unwrap();
    let (code, said) = fails(&mut program(
        folder,
        &["run", settings, "--config-set", "a"],
    ));
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("config/a.toml:1: one should be a text in quotes"),
        "{said}"
    );
}

#[test]
fn a_watch_of_a_set_starts_a_trigger() {
    let folder = folder();
    let folder = folder.path();
    succeeds(folder, &["config", "put", "plain", "k=v"]);
    succeeds(folder, &["config", "put", "other", "watch=SET@other"]);
    succeeds(folder, &["config", "put", "watching", "watch=SET@k,DEL@k"]);
    let watcher = guest("http_watcher");
    let watcher = watcher.to_str().unwrap();
    let serve = [
        "serve",
        watcher,
        "--store",
        "disk:data",
        "--addr",
        "127.0.0.1:0",
    ];
    let sets = [
        "--config-set",
        "other",
        "--config-set",
        "watching",
        "--config-set",
        "plain",
    ];
    let mut command = program(folder, &[&serve[..], &sets].concat());
    let application = Application::spawn(&mut command, 1);
    assert!(
        application.lines[0].contains("watches SET@k,DEL@k in bucket default"),
        "{:?}",
        application.lines
    );
    application.stop();

    succeeds(folder, &["config", "put", "wrong", "watch=PUT@k"]);
    let mut wrong = program(folder, &[&serve[..], &["--config-set", "wrong"]].concat());
    let (code, said) = fails(&mut wrong);
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("watch in the configuration set \"wrong\": "),
        "{said}"
    );

    // In a keywell.toml it is left out where the component is no watcher.
    let text = format!(
        "[store.main]\nurl = 'memory:'\n\
         [component.alerts]\npath = {watcher:?}\nstore = 'main'\nconfig-sets = ['watching']\n\
         [component.counter]\npath = {}\nstore = 'main'\nconfig-sets = ['watching']\n\
         [[trigger.http]]\ncomponent = 'counter'\naddr = '127.0.0.1:0'\n",
        quoted("counter")
    );
    fs::write(folder.join("keywell.toml"), &text).unwrap();
    let application = Application::spawn(&mut program(folder, &["up"]), 2);
    let [http, watch] = &application.lines[..] else {
        panic!("{:?}", application.lines);
    };
    let (http, watch) = if http.contains("http://") {
        (http, watch)
    } else {
        (watch, http)
    };
    assert!(http.starts_with("counter listens on "), "{http}");
    assert_eq!(
        watch,
        "alerts watches SET@k,DEL@k in bucket default of main"
    );
    application.stop();

    // If nothing else is left, that is an error.
    let text = text.replace(
        "[[trigger.http]]\ncomponent = 'counter'\naddr = '127.0.0.1:0'\n",
        "",
    );
    let counter = text.replace(&format!("{watcher:?}"), &quoted("counter"));
    fs::write(folder.join("keywell.toml"), counter).unwrap();
    let (code, said) = fails(&mut program(folder, &["up"]));
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("does not export") || said.contains("watcher"),
        "{said}"
    );
    fs::write(
        folder.join("keywell.toml"),
        text.replace("'watching'", "'wrong'"),
    )
    .unwrap();
    let (code, said) = fails(&mut program(folder, &["up"]));
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("keywell.toml:6:"), "{said}");
}
