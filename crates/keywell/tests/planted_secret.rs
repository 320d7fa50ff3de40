//! A secret that is planted wherever one may stand is found nowhere: not in logs, output, errors,
//! the arguments of the process, the files of the state folder, or what `Debug` shows.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use keywell_config::{Draft, Lookup, Secret};
use keywell_servers::Redis;
use keywell_state::{ConfigSet, State};
use support::{application, guest, keywell};

const CANARY: &str = "kanarienvogel";

/// Ways to write a secret in a keywell.toml, each the same value.
const WAYS: [&str; 3] = [
    "{ env = 'PLANTED' }",
    "{ file = 'planted' }",
    "{ secret = 'planted' }",
];

/// A folder with the secret in a file and in a state folder, and the program that has it as a
/// variable.
struct Planted(tempfile::TempDir);

// === impl Planted ===

impl Planted {
    /// Plants a secret.
    fn new(secret: &str) -> Self {
        let planted = Self(tempfile::tempdir().unwrap());
        fs::write(planted.folder().join("planted"), secret).unwrap();
        let mut put = planted.program("", &["secret", "put", "planted", "--log", "trace"]);
        let put = put
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut put = put.spawn().unwrap();
        put.stdin
            .take()
            .unwrap()
            .write_all(secret.as_bytes())
            .unwrap();
        let put = put.wait_with_output().unwrap();
        assert!(put.status.success(), "{put:?}");
        assert_unseen("secret put", &[put.stdout, put.stderr].concat());
        planted
    }

    fn folder(&self) -> &Path {
        self.0.path()
    }

    /// The program, with the secret in its environment.
    fn program(&self, secret: &str, arguments: &[&str]) -> Command {
        let mut command = keywell();
        command
            .args(arguments)
            .current_dir(self.folder())
            .env("KEYWELL_STATE", self.folder().join("state"))
            .env("PLANTED", secret)
            .stdin(Stdio::null());
        command
    }

    fn write(&self, toml: &str) {
        fs::write(self.folder().join("keywell.toml"), toml).unwrap();
    }
}

#[track_caller]
fn assert_unseen(what: &str, bytes: &[u8]) {
    let is_canary = |part: &[u8]| part == CANARY.as_bytes();
    let is_seen = bytes.windows(CANARY.len()).any(is_canary);
    assert!(!is_seen, "{what}: {}", String::from_utf8_lossy(bytes));
}

/// Runs a command to its end, and answers what it printed, in which the secret is not.
#[track_caller]
fn unseen(command: &mut Command) -> String {
    let ran = command.output().unwrap();
    let printed = [ran.stdout, ran.stderr].concat();
    assert_unseen(&format!("{command:?}"), &printed);
    String::from_utf8(printed).unwrap()
}

/// The arguments of a process that runs, as every user of the machine can read them.
fn arguments(process: &Child) -> Vec<u8> {
    fs::read(format!("/proc/{}/cmdline", process.id())).unwrap()
}

/// Runs an application that answers HTTP until it has answered and shown its status, and answers
/// its log.
#[track_caller]
fn serves_unseen(planted: &Planted, command: &mut Command) -> String {
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut stderr = process.stderr.take().unwrap();
    let log = std::thread::spawn(move || {
        let mut log = Vec::new();
        stderr.read_to_end(&mut log).unwrap();
        log
    });
    let mut stdout = BufReader::new(process.stdout.take().unwrap());
    let mut printed = String::new();
    stdout.read_line(&mut printed).unwrap();
    let address = printed
        .split("http://")
        .nth(1)
        .unwrap_or_else(|| panic!("{printed}"));
    let address = address.split_whitespace().next().unwrap();
    let response = application::get(address, "/tea");
    assert_eq!(response.status, 200, "{response:?}");
    assert_unseen("arguments", &arguments(&process));
    for status in [
        &["status"][..],
        &["status", "--json"],
        &["status", "--log", "trace"],
    ] {
        let said = unseen(&mut planted.program("x", status));
        assert!(said.contains("counter"), "{said}");
    }
    let pid = process.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    stdout.read_to_string(&mut printed).unwrap();
    assert!(process.wait().unwrap().success());
    let log = log.join().unwrap();
    assert_unseen("output", printed.as_bytes());
    assert_unseen("log", &log);
    String::from_utf8(log).unwrap()
}

fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// The path of a guest, as a text of TOML.
fn quoted(name: &str) -> String {
    let path = guest(name);
    format!("'{}'", path.display())
}

/// An application of the counter with a store, and the secret as a variable and a value.
fn counter(store: &str, secret: &str) -> String {
    format!(
        "[store.main]\n{store}\n[component.counter]\npath = {}\nstore = 'main'\n\
         env = {{ TOKEN = {secret} }}\nconfig = {{ token = {secret} }}\n\
         [[trigger.http]]\ncomponent = 'counter'\naddr = '127.0.0.1:0'\n",
        quoted("counter")
    )
}

/// A state folder with a set that has a password in a URL.
struct InState<'s>(&'s State);
impl Lookup for InState<'_> {
    fn config_set(&self, _name: &str) -> Result<Option<Vec<(String, String)>>, String> {
        Ok(Some(vec![(
            "url".to_owned(),
            format!("redis://u:{CANARY}@h"),
        )]))
    }

    fn secret(&self, name: &str) -> Result<Option<Secret>, String> {
        let secret = self.0.secrets(None).get(&name.parse().unwrap());
        secret.map_err(|error| error.to_string())
    }
}

const LOGS: [&[&str]; 3] = [
    &["--log", "trace"],
    &["--log", "trace", "--log-json"],
    &["--log", "error"],
];

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_runs_shows_no_secret() {
    let redis = Redis::builder().user("u", CANARY).start().await.unwrap();
    let address = redis.addr();
    let planted = Planted::new(CANARY);
    for way in WAYS {
        let store = format!("url = 'redis://{address}'\nuser = 'u'\npassword = {way}");
        planted.write(&counter(&store, way));
        for log in LOGS {
            serves_unseen(
                &planted,
                &mut planted.program(CANARY, &[&["up"], log].concat()),
            );
        }
        for check in [
            &["up", "--check"][..],
            &["up", "--check", "--online", "--log", "trace"],
        ] {
            let said = unseen(&mut planted.program(CANARY, check));
            assert!(said.contains("is valid"), "{said}");
        }
        let printed = unseen(&mut planted.program(CANARY, &["up", "--print", "--log", "trace"]));
        assert!(printed.contains("password = { env = "), "{printed}");
    }

    // The whole URL, in each of the ways and as plain text.
    let url = format!("redis://u:{CANARY}@{address}");
    let planted = Planted::new(&url);
    for way in WAYS.into_iter().chain([&*format!("'{url}'")]) {
        planted.write(&counter(&format!("url = {way}"), "'x'"));
        for log in LOGS {
            let log = serves_unseen(
                &planted,
                &mut planted.program(&url, &[&["up"], log].concat()),
            );
            let is_plain = way.starts_with('\'');
            let is_warned = log.contains("has a password as plain text");
            assert_eq!(is_warned, is_plain, "{way}: {log}");
        }
        unseen(&mut planted.program(&url, &["up", "--check", "--online"]));
        let printed = unseen(&mut planted.program(&url, &["up", "--print"]));
        assert!(printed.contains("url = { env = "), "{printed}");
    }

    // A store that is named by a variable instead of an argument.
    let counter = guest("counter");
    let serve = [
        "serve",
        counter.to_str().unwrap(),
        "--addr",
        "127.0.0.1:0",
        "--log",
        "trace",
    ];
    let mut serve = planted.program(&url, &serve);
    serves_unseen(&planted, serve.env("KEYWELL_STORE", &url));
}

/// The counter of wasmCloud, with a secret of its own and the secret URL of its Redis.
const MANIFEST: &str = "
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata:
  name: counter
  annotations: {}
spec:
  components:
    - name: counter
      type: component
      properties:
        image: ghcr.io/acme/counter:1
        secrets:
          - name: token
            properties: { policy: planted, key: planted }
      traits:
        - type: spreadscaler
          properties: { instances: 1 }
        - type: link
          properties:
            target:
              name: kvredis
              secrets:
                - name: url
                  properties: { policy: planted, key: planted }
            namespace: wasi
            package: keyvalue
            interfaces: [store, atomics]
    - name: kvredis
      type: capability
      properties: { image: ghcr.io/wasmcloud/keyvalue-redis:0.28.1 }
    - name: httpserver
      type: capability
      properties: { image: ghcr.io/wasmcloud/http-server:0.23.1 }
      traits:
        - type: link
          properties:
            target: counter
            namespace: wasi
            package: http
            interfaces: [incoming-handler]
            source_config:
              - name: http
                properties: { address: '127.0.0.1:0' }
  policies:
    - name: planted
      type: policy.secret.wasmcloud.dev/v1alpha1
      properties: { backend: nats-kv }
";

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_runs_shows_no_secret() {
    let redis = Redis::builder().user("u", CANARY).start().await.unwrap();
    let url = format!("redis://u:{CANARY}@{}", redis.addr());
    let planted = Planted::new(&url);
    fs::write(planted.folder().join("wadm.yaml"), MANIFEST).unwrap();
    let image = format!(
        "ghcr.io/acme/counter:1={}",
        guest("counter_draft").display()
    );
    let up = ["up", "wadm.yaml", "keywell.toml", "--image", &image];
    for policy in ["env = 'KW_'", "folder = '.'", "secrets = true"] {
        planted.write(&format!("[policy.planted]\n{policy}\n"));
        let program = |more: &[&str]| {
            let mut program = planted.program("x", &[&up, more].concat());
            program.env("KW_PLANTED", &url);
            program
        };
        for log in LOGS {
            serves_unseen(&planted, &mut program(log));
        }
        for more in [&["--check", "--online", "--log", "trace"][..], &["--print"]] {
            let said = unseen(&mut program(more));
            let is_well = said.contains("is valid") || said.contains("are valid");
            assert!(is_well || said.contains("url = { env = "), "{said}");
        }
    }
}

#[test]
fn what_builds_a_project_sees_no_secret_of_it() {
    let planted = Planted::new(CANARY);
    let project = planted.folder().join("project");
    fs::create_dir(&project).unwrap();
    let key = fs::read_to_string(planted.folder().join("state/secrets.key")).unwrap();
    let mut lines = key.lines();
    let key = lines.find(|line| line.starts_with("AGE-SECRET-KEY"));
    let key = key.unwrap();
    let guest = guest("counter");
    // A hidden file is no source.
    let build = format!(
        "env > .seen; cat /proc/self/cmdline /proc/$PPID/cmdline >> .seen; cp {} built.wasm",
        guest.display()
    );
    for way in ["{ file = '../planted' }", "{ secret = 'planted' }"] {
        let toml = counter("url = 'memory:'", way).replace(&quoted("counter"), "'built.wasm'");
        let toml = format!("build = {build:?}\n{toml}");
        fs::write(project.join("keywell.toml"), toml).unwrap();
        for log in LOGS {
            let mut dev = planted.program("x", &[&["dev", "project"], log].concat());
            dev.env("KEYWELL_SECRETS_KEY", key)
                .env("KEYWELL_STORE", CANARY);
            serves_unseen(&planted, &mut dev);
            let seen = fs::read(project.join(".seen")).unwrap();
            assert_unseen("a build", &seen);
            let seen = String::from_utf8_lossy(&seen);
            assert!(seen.contains("PLANTED=x") && !seen.contains(key), "{seen}");
        }
    }
}

#[test]
fn a_password_among_the_arguments_is_warned_of_and_not_printed() {
    let planted = Planted::new("x");
    let url = format!("redis://u:{CANARY}@127.0.0.1:1");
    let counter = guest("counter");
    let counter = counter.to_str().unwrap();
    let warning = "every user of this machine can read the password in the arguments";
    for words in [
        &["serve", counter, "--store", &url][..],
        &["run", counter, "--store", &url],
        &["kv", "get", "k", &format!("--store={url}")],
        &["config", "put", "redis", &format!("url={url}")],
    ] {
        let said = unseen(&mut planted.program("x", words));
        assert_eq!(said.matches(warning).count(), 1, "{said}");
    }
    let mut quiet = planted.program("x", &["kv", "get", "k"]);
    let said = unseen(quiet.env("KEYWELL_STORE", &url));
    assert!(!said.contains(warning), "{said}");
    // The set is a plain file, which is what the warning of `up` is about.
    planted.write(
        &self::counter("url = 'memory:'", "'x'").replace("env =", "config-sets = 'redis'\nenv ="),
    );
    let said = unseen(&mut planted.program("x", &["up", "--check", "--log", "trace"]));
    assert!(
        said.contains("has a URL with a password as plain text"),
        "{said}"
    );
}

#[test]
fn what_fails_shows_no_secret() {
    for (secret, store) in [
        (
            CANARY.to_owned(),
            "url = 'redis://u@127.0.0.1:1'\npassword = WAY",
        ),
        // As a URL it makes no sense at all.
        (CANARY.to_owned(), "url = WAY"),
        (format!("redis:u:{CANARY}@h"), "url = WAY"),
        (format!("redis://u:{CANARY}@127.0.0.1:1"), "url = WAY"),
        (format!("redis://127.0.0.1:1?layout={CANARY}"), "url = WAY"),
        (format!("disk:x?{CANARY}"), "url = WAY"),
        (
            CANARY.to_owned(),
            "url = 'redis://127.0.0.1:1'\nlayout = WAY",
        ),
        (CANARY.to_owned(), "url = 'memory:'\nnonsense = WAY"),
        (format!("{CANARY}\0"), "url = 'memory:'"),
    ] {
        let planted = Planted::new(&secret);
        // A variable has no zero byte.
        let variable = secret.trim_end_matches('\0');
        for way in WAYS {
            planted.write(&counter(&store.replace("WAY", way), way));
            for words in [
                &["up"][..],
                &["up", "--log", "trace"],
                &["up", "--log", "trace", "--log-json"],
                &["up", "--check", "--online"],
            ] {
                if way.contains("env") && secret != variable {
                    continue;
                }
                let said = unseen(&mut planted.program(variable, words));
                assert!(!said.is_empty() && !said.contains("panicked"), "{said}");
            }
        }
    }
}

#[test]
fn neither_the_state_folder_nor_a_command_about_it_shows_a_secret() {
    let planted = Planted::new(CANARY);
    let state = planted.folder().join("state");
    for words in [
        &["secret", "list"][..],
        &["config", "list"],
        &["schema"],
        &["stores"],
        &["secret", "--help"],
        &["up", "--help"],
        &["secret", "put", "planted", CANARY],
        &["secret", "put", "--file", "none", "planted"],
    ] {
        let said = unseen(planted.program(CANARY, words).args(["--log", "trace"]));
        assert!(!said.is_empty() || words == ["config", "list"], "{words:?}");
    }
    let mut found = Vec::new();
    files(&state, &mut found);
    assert_eq!(found.len(), 2, "{found:?}");
    // Nor is it found once a file is damaged.
    for file in &found {
        let whole = fs::read(file).unwrap();
        assert_unseen(file.to_str().unwrap(), &whole);
        fs::write(file, &whole[..whole.len() / 2]).unwrap();
        planted.write(&counter("url = 'memory:'", "{ secret = 'planted' }"));
        let said = unseen(&mut planted.program("x", &["up", "--log", "trace"]));
        assert!(
            said.contains("the secret \"planted\" cannot be read"),
            "{said}"
        );
        fs::write(file, &whole).unwrap();
    }
}

#[test]
fn debug_shows_no_secret() {
    let planted = Planted::new(CANARY);
    let state = State::new(planted.folder().join("state"));
    let key = fs::read_to_string(state.folder().join("secrets.key")).unwrap();
    let key = keywell_state::Key::parse(&key).unwrap();
    let set: ConfigSet = [("k", CANARY)].into_iter().collect();
    let name = "planted".parse().unwrap();
    let shown = format!(
        "{state:?} {:?} {:?} {key:?} {set:?}",
        state.secrets(Some(key.clone())),
        state.secrets(None).get(&name)
    );
    assert_unseen("the state folder", shown.as_bytes());
    assert!(!shown.contains("AGE-SECRET-KEY"), "{shown}");

    let plain = format!("'redis://u:{CANARY}@h'");
    for way in [&*plain, "{ file = 'planted' }", "{ secret = 'planted' }"] {
        let store = format!("url = {way}\npassword = {way}");
        let toml = counter(&store, way).replace("env =", "config-sets = ['set']\nenv =");
        let file = planted.folder().join("keywell.toml");
        let draft = Draft::from_toml_with(&file, &toml, &InState(&state));
        let shown = format!("{draft:?} {:#?} {}", draft.plan, draft.report.render(true));
        assert_unseen(way, shown.as_bytes());
        assert!(draft.plan.components.contains_key("counter"), "{shown}");
    }
}
