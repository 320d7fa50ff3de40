//! Images that cannot be pulled, and registries that misbehave.

use std::fs;
use std::time::Instant;

use keywell_image::Digest;
use keywell_servers::{Registry, Stub, StubAnswer};

use crate::hosted::Hosted;
use crate::machine::{Machine, file};
use crate::support::PATIENCE;
use crate::support::application::Application;

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
