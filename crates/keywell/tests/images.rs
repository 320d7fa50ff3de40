//! Components in images of a registry: `serve`, `run`, `up`, `inspect`, `pull` and `push`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use keywell_image::Digest;
use keywell_servers::{Registry, Stub, StubAnswer, StubRequest};
use serde_json::json;
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

/// What a registry of one image answers: the counter, whose manifest says what its layer is.
struct Hosted {
    manifest: String,
    layer: Vec<u8>,
}

// === impl Hosted ===

impl Hosted {
    fn counter() -> Self {
        let layer = fs::read(guest("counter")).unwrap();
        let descriptor = |media_type: &str, bytes: &[u8]| {
            let digest = Digest::of(bytes).to_string();
            json!({ "mediaType": media_type, "size": bytes.len(), "digest": digest })
        };
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": descriptor("application/json", b"{}"),
            "layers": [descriptor("application/wasm", &layer)],
        });
        Self {
            manifest: manifest.to_string(),
            layer,
        }
    }

    fn answer(&self, path: &str) -> StubAnswer {
        match path {
            "/v2/" => StubAnswer::ok(""),
            path if path.contains("/manifests/") => StubAnswer::ok(self.manifest.clone()),
            _ => StubAnswer::ok(self.layer.clone()),
        }
    }
}

/// The login of Docker's configuration for a registry.
fn auths(registry: &str, login: &str) -> String {
    let auth = BASE64_STANDARD.encode(login);
    json!({ "auths": { registry: { "auth": auth } } }).to_string()
}

#[test]
fn a_registry_that_lies_hangs_or_does_not_end_is_one_error_and_starts_nothing() {
    let hosted = || Hosted::counter();
    let with_token = |answer: fn() -> StubAnswer| {
        let tokens = Stub::start(move |_| answer()).addr();
        Stub::start(move |_| {
            let challenge = format!("www-authenticate: Bearer realm=\"http://{tokens}/\"");
            StubAnswer::status("401 No", &[challenge])
        })
    };
    let lie = Digest::of(b"another").to_string();
    let (lying, cut, other) = (hosted(), hosted(), hosted());
    for (stub, name, problem) in [
        (
            Stub::start(move |request| match &*request.path {
                path if path.contains("/blobs/") => {
                    let mut layer = lying.layer.clone();
                    *layer.last_mut().unwrap() ^= 1;
                    StubAnswer::ok(layer)
                }
                path => lying.answer(path),
            }),
            "x:1".to_owned(),
            "its layer is not what its digest says",
        ),
        (
            Stub::start(move |request| other.answer(&request.path)),
            format!("x@{lie}"),
            "its manifest is not what its digest says",
        ),
        (
            Stub::start(move |request| match &*request.path {
                path if path.contains("/blobs/") => StubAnswer::endless("\0asm"),
                path => cut.answer(path),
            }),
            "x:1".to_owned(),
            "its layer is not what its digest says: it is longer than",
        ),
        (
            Stub::start(|request| match &*request.path {
                "/v2/" => StubAnswer::ok(""),
                _ => StubAnswer::endless("{"),
            }),
            "x:1".to_owned(),
            "its manifest has more than 4194304 bytes",
        ),
        (
            with_token(|| StubAnswer::endless("{")),
            "x:1".to_owned(),
            "its token server sent more than 65536 bytes",
        ),
        (
            Stub::start(|_| StubAnswer::Silence),
            "x:1".to_owned(),
            "sent nothing for 300ms",
        ),
        (
            with_token(|| StubAnswer::Silence),
            "x:1".to_owned(),
            "sent nothing for 300ms",
        ),
    ] {
        let machine = Machine::new();
        let image = format!("{}/{name}", stub.addr());
        let text = format!(
            "[store.main]\nurl = \"disk:data\"\n[component.good]\npath = {:?}\nstore = \"main\"\n\
             [component.bad]\nimage = {image:?}\nstore = \"main\"\n\
             [[trigger.http]]\ncomponent = \"good\"\naddr = \"127.0.0.1:0\"\n\
             [[trigger.http]]\ncomponent = \"bad\"\naddr = \"127.0.0.1:0\"\n",
            file("counter")
        );
        let path = machine.folder().join("keywell.toml");
        fs::write(&path, text).unwrap();
        let patience = ["--registry-timeout", "300ms"];
        let up = [&["up", path.to_str().unwrap()], &patience[..]].concat();
        let (code, said, complained) = machine.run(&up);
        assert_eq!((code, &*said), (1, ""), "{complained}");
        assert!(complained.contains(problem), "{problem}: {complained}");
        assert!(complained.contains("keywell.toml:7:9"), "{complained}");
        assert_eq!(complained.matches("error:").count(), 1, "{complained}");
        assert!(!machine.folder().join("data").exists());
        let error = machine.fails(&[&["pull", &image], &patience[..]].concat());
        assert!(error.contains(problem) && error.contains(&image), "{error}");
        // Nothing of it is kept, and so nothing is used the next time.
        let (_, _, complained) = machine.run(&["up", "--check", path.to_str().unwrap()]);
        assert!(
            complained.contains("was not downloaded yet"),
            "{complained}"
        );
    }
}

#[test]
fn a_redirection_to_another_place_gets_no_login() {
    let hosted = Hosted::counter();
    let elsewhere = Stub::start(move |request| hosted.answer(&request.path));
    let place = elsewhere.addr();
    let registry = Stub::start(move |request| {
        let challenge = "www-authenticate: Basic realm=\"x\"".to_owned();
        match (&*request.path, request.header("authorization")) {
            (_, None) => StubAnswer::status("401 No", &[challenge]),
            (path, Some(_)) => {
                let location = format!("location: http://{place}{path}");
                StubAnswer::status("307 Elsewhere", &[location])
            }
        }
    });
    let machine = Machine::new();
    let addr = registry.addr().to_string();
    machine.log_in(&auths(&addr, "keywell:open sesame"));
    assert!(
        machine
            .done(&["pull", &format!("{addr}/x:1")])
            .starts_with("sha256:")
    );
    let led = elsewhere.requests();
    let paths: Vec<&str> = led.iter().map(|request| &*request.path).collect();
    assert_eq!(paths[0], "/v2/x/manifests/1");
    assert!(paths[1].starts_with("/v2/x/blobs/sha256:"), "{paths:?}");
    assert!(
        led.iter()
            .all(|request| request.header("authorization").is_none())
    );

    // Nor does one that asks for the login itself.
    let tokens = Stub::start(|_| StubAnswer::ok("{\"token\":\"t\"}"));
    let realm = tokens.addr();
    let greedy = Stub::start(move |_| {
        let challenge = format!("www-authenticate: Bearer realm=\"http://{realm}/\"");
        StubAnswer::status("401 No", &[challenge])
    });
    let place = greedy.addr();
    let registry = Stub::start(move |request| {
        let location = format!("location: http://{place}{}", request.path);
        StubAnswer::status("307 Elsewhere", &[location])
    });
    let addr = registry.addr().to_string();
    machine.log_in(&auths(&addr, "keywell:open sesame"));
    let error = machine.fails(&["pull", &format!("{addr}/x:1")]);
    assert!(error.contains("docker login"), "{error}");
    assert!(tokens.requests().is_empty());
    let asked = greedy.requests();
    assert!(
        asked
            .iter()
            .all(|request| request.header("authorization").is_none())
    );
}

#[test]
fn a_token_server_gets_the_login_and_the_registry_its_token() {
    let basic = format!("Basic {}", BASE64_STANDARD.encode("keywell:open sesame"));
    for name in ["token", "access_token"] {
        let wanted = basic.clone();
        let tokens = Stub::start(move |request: &StubRequest| {
            if request.header("authorization") == Some(&wanted) {
                StubAnswer::ok(json!({ name: "ticket", "expires_in": 60 }).to_string())
            } else {
                StubAnswer::status("401 No", &[])
            }
        });
        let (realm, hosted) = (tokens.addr(), Hosted::counter());
        let registry = Stub::start(move |request| {
            if request.header("authorization") == Some("Bearer ticket") {
                return hosted.answer(&request.path);
            }
            let challenge = format!(
                "www-authenticate: Bearer realm=\"http://{realm}/token?a=b\",service=\"a registry\""
            );
            StubAnswer::status("401 No", &[challenge])
        });
        let (machine, addr) = (Machine::new(), registry.addr().to_string());
        let image = format!("{addr}/acme/x:1");
        let error = machine.fails(&["pull", &image]);
        assert!(error.contains("wants a login"), "{error}");
        machine.log_in(&auths(&addr, "keywell:wrong"));
        let error = machine.fails(&["pull", &image]);
        assert!(error.contains("refuses the login of"), "{error}");
        machine.log_in(&auths(&addr, "keywell:open sesame"));
        assert!(machine.done(&["pull", &image]).starts_with("sha256:"));
        let path = &tokens.requests()[0].path;
        let expected = "/token?a=b&scope=repository%3Aacme%2Fx%3Apull&service=a+registry";
        assert_eq!(path, expected);
        // The password itself goes to the token server alone.
        let asked = registry.requests();
        let mut headers = asked
            .iter()
            .filter_map(|request| request.header("authorization"));
        assert!(headers.all(|value| value == "Bearer ticket"));
    }
}

#[test]
fn an_identity_token_is_exchanged_and_goes_nowhere_else() {
    let elsewhere = Stub::start(|_| StubAnswer::ok("{\"token\":\"ticket\"}"));
    let place = elsewhere.addr();
    let tokens = Stub::start(move |request: &StubRequest| {
        let form = "scope=repository%3Aacme%2Fx%3Apull&service=s&grant_type=refresh_token\
                    &client_id=keywell&refresh_token=kanarien+vogel";
        match (&*request.method, &*request.path, &*request.body) {
            ("POST", "/token?a=b", body) if body == form => {
                StubAnswer::ok("{\"access_token\":\"ticket\"}")
            }
            ("POST", "/led", _) => {
                let location = format!("location: http://{place}/");
                StubAnswer::status("307 Elsewhere", &[location])
            }
            _ => StubAnswer::status("401 No", &[]),
        }
    });
    let registry = |challenge: &str| {
        let (hosted, challenge) = (Hosted::counter(), format!("www-authenticate: {challenge}"));
        Stub::start(move |request| {
            if request.header("authorization") == Some("Bearer ticket") {
                return hosted.answer(&request.path);
            }
            StubAnswer::status("401 No", std::slice::from_ref(&challenge))
        })
    };
    let bearer = |path: &str| {
        format!(
            "Bearer realm=\"http://{}{path}\",service=\"s\"",
            tokens.addr()
        )
    };
    let machine = Machine::new();
    let pull = |registry: &Stub, identity: &str| {
        let addr = registry.addr().to_string();
        let entry = json!({ "identitytoken": identity });
        machine.log_in(&json!({ "auths": { &addr: entry } }).to_string());
        let (code, said, complained) = machine.run(&["pull", &format!("{addr}/acme/x:1")]);
        assert!(!complained.contains("kanarien"), "{complained}");
        (code, said + &complained)
    };
    let good = registry(&bearer("/token?a=b"));
    let (code, said) = pull(&good, "kanarien vogel");
    assert_eq!(code, 0, "{said}");
    let mut asked = good.requests().into_iter();
    assert!(asked.all(|request| !format!("{request:?}").contains("kanarien")));
    let (code, said) = pull(&good, "another");
    assert!(code == 1 && said.contains("refuses the login of"), "{said}");
    let (code, said) = pull(&registry(&bearer("/led")), "kanarien vogel");
    assert!(code == 1 && said.contains("its status is 307"), "{said}");
    assert!(elsewhere.requests().is_empty());
    let (code, said) = pull(&registry("Basic realm=\"x\""), "kanarien vogel");
    assert!(
        code == 1 && said.contains("the login is an identity token"),
        "{said}"
    );
}

#[tokio::test]
async fn a_project_that_is_developed_has_images_too() {
    let registry = Registry::start().await.unwrap();
    let machine = Machine::new();
    let image = format!("{}/x:1", registry.addr());
    let text = format!(
        "[store.main]\nurl = \"memory:\"\n[component.c]\nimage = {image:?}\nstore = \"main\"\n\
         \n[[trigger.http]]\ncomponent = \"c\"\naddr = \"127.0.0.1:0\"\n"
    );
    let file_of_it = machine.folder().join("keywell.toml");
    fs::write(&file_of_it, &text).unwrap();
    let dev = ["dev", machine.folder().to_str().unwrap()];
    let application = Application::spawn(&mut machine.keywell(&dev), 0);
    application.logs("no such image or tag");
    application.logs("waiting for a change");
    machine.done(&["push", &file("counter"), &image]);
    fs::write(&file_of_it, format!("# It is there now.\n{text}")).unwrap();
    let line = application.printed();
    let address = line.split("http://").nth(1).unwrap();
    application.printed();
    assert_eq!(get(address, "/tea").text(), "Counter /tea: 1\n");
    // It is resolved once: what is kept serves a project whose registry is gone.
    registry.kill().await.unwrap();
    fs::write(
        &file_of_it,
        text.replace("[component.c]", "[component.c]\nenv.A = \"b\""),
    )
    .unwrap();
    let line = application.printed();
    assert!(line.contains("component c changed"), "{line}");
    assert_eq!(get(address, "/tea").text(), "Counter /tea: 2\n");
    application.stop();
}
