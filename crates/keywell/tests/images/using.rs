//! Images that are pushed, pulled and run.

use std::fs;

use keywell_servers::Registry;

use crate::machine::{Machine, file};
use crate::support::application::{Application, get};
use crate::support::guest;

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
