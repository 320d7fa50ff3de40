//! Components in images of a registry: `serve`, `run`, `up`, `inspect`, `pull` and `push`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use keywell_servers::Registry;
use support::application::{Application, get};
use support::{PATIENCE, guest, keywell};
use tempfile::TempDir;

/// A machine of its own: its cache, and its configuration of Docker.
struct Machine(TempDir);

impl Machine {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn folder(&self) -> &Path {
        self.0.path()
    }

    fn keywell(&self, arguments: &[&str]) -> Command {
        let mut keywell = keywell();
        keywell
            .env("KEYWELL_CACHE", self.folder().join("cache"))
            .env("DOCKER_CONFIG", self.folder())
            .args(arguments);
        keywell
    }

    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        ended(&mut self.keywell(arguments))
    }

    /// Runs what has to succeed, and answers what it prints.
    fn done(&self, arguments: &[&str]) -> String {
        let (code, said, complained) = self.run(arguments);
        assert_eq!((code, &*complained), (0, ""), "{arguments:?}");
        said
    }

    /// Runs what has to fail for the world's sake, and answers its one line.
    fn fails(&self, arguments: &[&str]) -> String {
        let (code, said, complained) = self.run(arguments);
        assert_eq!((code, &*said), (1, ""), "{complained}");
        assert_eq!(complained.lines().count(), 1, "{complained}");
        complained
    }

    fn serve(&self, image: &str) -> Application {
        let arguments = [
            "serve",
            image,
            "--store",
            "memory:",
            "--addr",
            "127.0.0.1:0",
        ];
        Application::spawn(&mut self.keywell(&arguments), 1)
    }

    fn log_in(&self, config: &str) {
        fs::write(self.folder().join("config.json"), config).unwrap();
    }

    /// A credential helper, and the folder that it is in.
    fn helper(&self, script: &str) -> PathBuf {
        let path = self.folder().join("docker-credential-keywell-test");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        self.folder().to_owned()
    }
}

fn ended(command: &mut Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap();
    (code, text(output.stdout), text(output.stderr))
}

fn file(name: &str) -> String {
    guest(name).to_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_is_pushed_is_served_inspected_and_pulled() {
    let registry = Registry::start().await.unwrap();
    let machine = Machine::new();
    let image = format!("{}/acme/counter:1", registry.addr());
    let digest = machine.done(&["push", &file("counter"), &image]);
    let digest = digest.trim_end();
    assert!(
        digest.starts_with("sha256:") && digest.len() == 71,
        "{digest}"
    );

    let served = machine.serve(&format!("oci://{image}"));
    assert!(
        served.lines[0].starts_with("counter listens on"),
        "{:?}",
        served.lines
    );
    assert_eq!(served.get("/tea").text(), "Counter /tea: 1\n");
    served.stop();

    let inspected = machine.done(&["inspect", &image]);
    assert_eq!(inspected, machine.done(&["inspect", &file("counter")]));
    let copy = machine.folder().join("copy.wasm");
    let pinned = format!("{}/acme/counter@{digest}", registry.addr());
    for image in [&image, &pinned] {
        let pulled = machine.done(&["pull", image, "-o", copy.to_str().unwrap()]);
        assert_eq!(pulled.trim_end(), digest);
        assert!(fs::read(&copy).unwrap() == fs::read(guest("counter")).unwrap());
    }
}

#[tokio::test]
async fn a_command_is_run_from_an_image_under_its_name() {
    let registry = Registry::start().await.unwrap();
    let machine = Machine::new();
    let image = format!("{}/tools/settings:1", registry.addr());
    machine.done(&["push", &file("settings"), &image]);
    let arguments = [
        "--store",
        "memory:",
        "--config",
        "colour=blue",
        "--",
        "get:colour",
    ];
    let said = machine.done(&[&["run", &image], &arguments[..]].concat());
    assert!(said.contains("blue"), "{said}");
}

#[tokio::test]
async fn an_application_has_images_and_a_moved_tag_is_seen_at_the_next_start() {
    let registry = Registry::start().await.unwrap();
    let machine = Machine::new();
    let image = format!("{}/x:1", registry.addr());
    let text = format!(
        "[store.main]\nurl = \"memory:\"\n[component.c]\nimage = {image:?}\nstore = \"main\"\n\
         \n[[trigger.http]]\ncomponent = \"c\"\naddr = \"127.0.0.1:0\"\n"
    );
    let file_of_it = machine.folder().join("keywell.toml");
    fs::write(&file_of_it, text).unwrap();
    let up = ["up", file_of_it.to_str().unwrap()];
    let error = machine.run(&up);
    assert_eq!(error.0, 1, "{}", error.2);
    assert!(error.2.contains("no such image or tag") && error.2.contains("keywell.toml:4:9"));

    for (guest, path, answer) in [
        ("counter", "/tea", "Counter /tea: 1\n"),
        ("mischief", "/set?key=k&value=v", "ok"),
    ] {
        machine.done(&["push", &file(guest), &image]);
        let application = Application::spawn(&mut machine.keywell(&up), 1);
        assert_eq!(get(&application.address(), path).text(), answer);
        application.stop();
    }
    // The registry is gone, and what the tag was last is used.
    registry.kill().await.unwrap();
    let application = Application::spawn(&mut machine.keywell(&up), 1);
    let warning = application.logs("using sha256:");
    assert!(
        warning.contains("WARN") && warning.contains(&image),
        "{warning}"
    );
    assert!(warning.contains("cannot be reached"), "{warning}");
    assert_eq!(application.get("/set?key=k&value=v").text(), "ok");
    application.stop();
}

#[tokio::test]
async fn a_check_downloads_nothing_unless_it_is_online() {
    let registry = Registry::start().await.unwrap();
    let machine = Machine::new();
    let image = format!("{}/x:1", registry.addr());
    machine.done(&["push", &file("settings"), &image]);
    let text = format!(
        "[component.c]\nimage = {image:?}\n[component.d]\nimage = \"X/y\"\n\
         [[trigger.http]]\ncomponent = \"c\"\n"
    );
    let file = machine.folder().join("keywell.toml");
    fs::write(&file, &text).unwrap();
    let check = ["up", "--check", file.to_str().unwrap()];
    let (code, _, complained) = machine.run(&check);
    assert_eq!(code, 2);
    assert!(
        complained.contains("was not downloaded yet"),
        "{complained}"
    );
    assert!(
        complained.contains("\"X/y\" is no reference of an image"),
        "{complained}"
    );
    assert!(
        complained.contains("has 1 error and 1 warning"),
        "{complained}"
    );

    fs::write(&file, text.replace("[component.d]\nimage = \"X/y\"\n", "")).unwrap();
    let (code, said, _) = machine.run(&check);
    assert_eq!(code, 0);
    assert!(said.contains("is valid, with 1 warning"), "{said}");
    // What is wrong with the component is seen once it is here.
    for check in [&[&check[..], &["--online"]].concat()[..], &check] {
        let (code, _, complained) = machine.run(check);
        assert_eq!(code, 2);
        assert!(
            complained.contains("wasi:http/incoming-handler"),
            "{complained}"
        );
    }
}

#[tokio::test]
async fn a_private_registry_takes_the_login_of_docker() {
    let registry = Registry::with_login().await.unwrap();
    let (machine, addr) = (Machine::new(), registry.addr());
    let image = format!("{addr}/private/x:1");
    let push = ["push", &file("counter"), &image];
    let error = machine.fails(&push);
    assert!(
        error.contains(&format!("cannot push the image {image}")),
        "{error}"
    );
    assert!(error.contains("wants a login"), "{error}");

    // In base64: keywell:wrong, and keywell:open sesame.
    let auths = |auth: &str| format!("{{\"auths\":{{\"{addr}\":{{\"auth\":\"{auth}\"}}}}}}");
    machine.log_in(&auths("a2V5d2VsbDp3cm9uZw=="));
    let error = machine.fails(&push);
    let config = machine.folder().join("config.json");
    let refusal = format!("refuses the login of {}", config.display());
    assert!(
        error.contains(&refusal) && !error.contains("wrong"),
        "{error}"
    );
    machine.log_in(&auths("a2V5d2VsbDpvcGVuIHNlc2FtZQ=="));
    machine.done(&push);
    assert!(machine.done(&["pull", &image]).starts_with("sha256:"));

    let (user, password) = (Registry::USER, Registry::PASSWORD);
    let other = Machine::new();
    other.log_in("{\"credsStore\":\"keywell-test\"}");
    let pull = |script: &str| {
        let folder = other.helper(script);
        let mut command = other.keywell(&["pull", &image, "--registry-timeout", "5s"]);
        let path = std::env::var("PATH").unwrap();
        ended(command.env("PATH", format!("{}:{path}", folder.display())))
    };
    let answer = format!("{{\"Username\":\"{user}\",\"Secret\":\"{password}\"}}");
    for (script, problem) in [
        (
            "echo 'credentials not found in native keychain'; exit 1",
            "wants a login",
        ),
        (
            "echo 'no key'; exit 1",
            "docker-credential-keywell-test failed: no key",
        ),
        ("echo hello", "did not answer with a user"),
        ("exec sleep 600", "did not answer within 5s"),
    ] {
        let (code, _, complained) = pull(script);
        assert_eq!(code, 1, "{complained}");
        assert!(complained.contains(problem), "{complained}");
        assert!(complained.contains(&image), "{complained}");
    }
    let script = format!("[ \"$1 $(cat)\" = 'get {addr}' ] && echo '{answer}'");
    let (code, said, complained) = pull(&script);
    assert_eq!((code, &*complained), (0, ""));
    assert!(said.starts_with("sha256:"), "{said}");
}

#[tokio::test]
async fn what_cannot_be_pulled_is_one_error_that_names_the_image() {
    let registry = Registry::start().await.unwrap();
    let machine = Machine::new();
    let addr = registry.addr();
    let image = format!("{addr}/x:1");
    let serve = |image: &str| {
        let (code, said, complained) = machine.run(&["serve", image, "--store", "memory:"]);
        assert_eq!(said, "");
        (code, complained)
    };
    let (code, error) = serve(&image);
    assert_eq!(code, 1);
    let expected = format!("cannot pull the image {image}: the registry {addr} has no such image");
    assert!(error.contains(&expected), "{error}");
    let (code, error) = serve(&format!("{addr}/X:1"));
    assert_eq!(code, 2);
    assert!(error.contains("no reference of an image"), "{error}");
    let (code, error) = serve("counter");
    assert_eq!(code, 1);
    assert!(
        error.contains("no file counter") && error.contains("REGISTRY/NAME:TAG"),
        "{error}"
    );
    let error = machine.fails(&[
        "push",
        &file("counter").replace("counter", "absent"),
        &image,
    ]);
    assert!(error.contains("cannot read the component"), "{error}");

    registry.freeze().unwrap();
    let began = Instant::now();
    let error = machine.fails(&["pull", &image, "--registry-timeout", "200ms"]);
    assert!(error.contains("sent nothing for 200ms"), "{error}");
    assert!(began.elapsed() < PATIENCE / 2);
    // Ctrl-C ends a wait of the usual 30 s.
    let waiting = Application::spawn(&mut machine.keywell(&["pull", &image, "--log", "debug"]), 0);
    waiting.logs("connect");
    waiting.signal("-INT");
    let mut waiting = waiting;
    let (status, _) = waiting.ends();
    assert_eq!(status.code(), Some(1));
    assert!(began.elapsed() < PATIENCE / 2);
    registry.kill().await.unwrap();
    let error = machine.fails(&["pull", &image]);
    assert!(error.contains("cannot be reached"), "{error}");
}
