//! What single parts of manifests become.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use keywell_config::wadm::Providers;
use keywell_config::{Code, Draft, HttpPlan, PathPlan, ReadOptions, TriggerPlan};

use super::{read, tests};

fn application(name: &str, files: &[&str]) -> Draft {
    let folder = tests().join("applications").join(name);
    read(
        &files
            .iter()
            .map(|file| folder.join(file))
            .collect::<Vec<_>>(),
    )
}

fn https(draft: &Draft) -> Vec<&HttpPlan> {
    let triggers = draft.plan.triggers.iter();
    let https = triggers.filter_map(|trigger| match trigger {
        TriggerPlan::Http(http) => Some(http),
        TriggerPlan::Watch(_) | TriggerPlan::Command(_) | TriggerPlan::Invoke(_) => None,
    });
    https.collect()
}

#[test]
fn an_http_server_by_address_has_the_settings_of_each_link() {
    let draft = application("http-address", &["wadm.yaml"]);
    let [first, second, third] = https(&draft)[..] else {
        panic!("{}", draft.report);
    };
    assert_eq!(first.addr.to_string(), "127.0.0.1:8081");
    assert!(!first.keeps_alive && first.is_read_only);
    assert_eq!(first.timeout, Some(Duration::from_millis(1500)));
    assert_eq!(first.cache_control.as_ref().unwrap().value, "no-store");
    let cors = first.cors.as_ref().unwrap();
    assert_eq!(cors.origins[0].value, "https://example.com");
    assert_eq!(cors.max_age, Duration::from_mins(1));
    assert_eq!(cors.methods.len(), 6);
    let tls = first.tls.as_ref().unwrap();
    assert_eq!(tls.key, PathBuf::from("/etc/key.pem"));
    assert_eq!(second.addr.to_string(), "127.0.0.1:8082");
    assert!(second.is_read_only, "by config_json");
    assert_eq!(second.cors.as_ref().unwrap().origins.len(), 1);
    assert_eq!(third.addr.to_string(), "127.0.0.1:8084");
    assert_eq!(
        third.timeout,
        Some(Duration::from_millis(100)),
        "by config_b64"
    );
    let cors = third.cors.as_ref().unwrap();
    assert_eq!((cors.methods.len(), cors.headers.len()), (1, 4));
}

#[test]
fn an_http_server_by_path_has_one_address_and_exact_paths() {
    let draft = application("http-path", &["wadm.yaml"]);
    let [first, second] = https(&draft)[..] else {
        panic!("{}", draft.report);
    };
    for (http, path) in [(first, "/one"), (second, "/two")] {
        assert_eq!(http.addr.to_string(), "127.0.0.1:8083");
        assert!(http.keeps_alive);
        assert!(matches!(&http.path, PathPlan::Exact(exact) if exact.value == path));
        assert_eq!(http.cache_control.as_ref().unwrap().value, "max-age=9");
    }
}

#[test]
fn an_http_server_by_host_has_one_address_and_a_header() {
    let draft = application("http-host", &["wadm.yaml"]);
    let [http] = https(&draft)[..] else {
        panic!("{}", draft.report);
    };
    let host = http.host.as_ref().unwrap();
    assert_eq!(
        (&*host.header.value, &*host.value.value),
        ("x-host", "a.example")
    );
    assert_eq!(http.addr.to_string(), "0.0.0.0:9000");
}

#[test]
fn a_file_takes_the_place_of_an_image() {
    let image = "ghcr.io/wasmcloud/components/http-keyvalue-counter-rust:0.1.0";
    let file = PathBuf::from("/a/counter.wasm");
    let mut images: BTreeMap<String, PathBuf> = BTreeMap::new();
    images.insert(format!("oci://{image}"), file.clone());
    images.insert("ghcr.io/other:1".to_owned(), file.clone());
    let options = ReadOptions {
        images,
        ..ReadOptions::default()
    };
    let manifest = tests().join("wadm/counter.yaml");
    let draft = Draft::read_all(&[manifest], &options).unwrap();
    let counter = &draft.plan.components["counter-app"];
    assert_eq!(counter.code, Code::File(file));
    let report = draft.report.to_string();
    assert!(
        report.contains("no component has the image ghcr.io/other:1"),
        "{report}"
    );
}

#[test]
fn a_provider_of_another_name_may_be_mapped() {
    let mut providers = Providers::default();
    providers
        .map("file://./build/my-kv.par.gz=keyvalue-redis")
        .unwrap();
    let options = ReadOptions {
        providers,
        ..ReadOptions::default()
    };
    let manifest = tests().join("wadm/provider-custom.yaml");
    let draft = Draft::read_all(&[manifest], &options).unwrap();
    assert!(!draft.plan.stores.is_empty(), "{}", draft.report);
}

#[test]
fn places_of_several_files_are_found_again() {
    let draft = application("together", &["keywell.toml", "wadm.yaml", "platform.yaml"]);
    assert!(!draft.report.has_errors(), "{}", draft.report);
    let place = draft.plan.components["api"].place;
    let error = draft.plan.error_at(place, "odd").report().render(false);
    assert!(error.contains("wadm.yaml:11:16"), "{error}");
    assert!(error.contains("image: ghcr.io/me/api:0.1.0"), "{error}");
    let place = draft.plan.components["own"].place;
    let error = draft.plan.error_at(place, "odd").to_string();
    assert!(error.contains("keywell.toml:"), "{error}");
}
