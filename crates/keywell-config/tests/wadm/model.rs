//! What a manifest is read into.

use std::path::Path;

use keywell_config::wadm::{self, ComponentKind, ComponentSource, Manifest, Providers};

fn valid(name: &str) -> Manifest {
    let file = super::folder().join(name);
    let text = std::fs::read_to_string(&file).unwrap();
    let (manifest, report) = wadm::read(&file, &text);
    manifest.unwrap_or_else(|| panic!("{report}"))
}

#[test]
fn the_counter_is_read_with_all_of_its_parts() {
    let manifest = valid("counter.yaml");
    assert_eq!(manifest.name.value, "counter-app");
    assert_eq!(manifest.version.as_ref().unwrap().value, "v0.0.1");
    assert!(!manifest.is_shared);
    let counter = manifest.component("counter-app").unwrap();
    assert_eq!(counter.kind, ComponentKind::Component);
    assert_eq!(counter.identity("counter-app"), "counter_app-counter_app");
    let image = counter.image().unwrap();
    assert_eq!(
        image.value,
        "ghcr.io/wasmcloud/components/http-keyvalue-counter-rust:0.1.0"
    );
    assert_eq!(image.place.to_string(), "13:16");
    assert_eq!(counter.scaler.as_ref().unwrap().instances.value, 1);
    let link = &counter.links[0];
    assert_eq!((link.name(), &*link.target.value), ("default", "kvredis"));
    assert_eq!(link.interface(&link.interfaces[1]), "wasi:keyvalue/store");
    assert!(link.source_side.is_empty());
    let config = &link.target_side.config[0];
    assert_eq!(config.name.value, "redis-url");
    let url = &config.properties.as_ref().unwrap()[0];
    assert_eq!(url.name.value, "url");
    assert_eq!(url.value.expose(), "redis://127.0.0.1:6379");
    assert_eq!(url.value.place.to_string(), "27:24");
}

#[test]
fn both_spellings_of_a_link_are_read_into_the_same() {
    let strip = |name| {
        let manifest = valid(name);
        let links = manifest
            .components
            .iter()
            .flat_map(|component| &component.links);
        let sides = links.flat_map(|link| [&link.source_side, &link.target_side]);
        let items = sides.flat_map(|side| &side.config);
        let items = items.map(|item| {
            let properties = item.properties.iter().flatten();
            let value = |property: &wadm::Property| property.value.expose().to_owned();
            (
                item.name.value.clone(),
                properties.map(value).collect::<Vec<_>>(),
            )
        });
        items.collect::<Vec<_>>()
    };
    let old = strip("counter.yaml");
    assert_eq!(old.len(), 2);
    assert_eq!(strip("counter-new-spelling.yaml"), old);
    assert_eq!(strip("counter-json.json"), old);
}

#[test]
fn a_component_of_another_application_is_read() {
    let manifest = valid("application-reference.yaml");
    let redis = manifest.component("shared-redis").unwrap();
    let ComponentSource::Application { name, component } = &redis.source else {
        panic!("{redis:?}");
    };
    assert_eq!((&*name.value, &*component.value), ("platform", "kvredis"));
    assert!(valid("shared.yaml").is_shared);
}

#[test]
fn secrets_are_read_by_reference() {
    let manifest = valid("secrets.yaml");
    assert_eq!(
        manifest.policies[0].backend.as_ref().unwrap().value,
        "nats-kv"
    );
    let secret = &manifest.component("api").unwrap().secrets[0];
    assert_eq!(
        (&*secret.name.value, &*secret.key.value),
        ("api-password", "prod-api")
    );
    assert_eq!(secret.field.as_ref().unwrap().value, "password");
    let link = &manifest.component("api").unwrap().links[0];
    assert_eq!(link.target_side.secrets[0].name.value, "url");
}

#[test]
fn nothing_of_a_value_is_shown_in_debug_output() {
    let manifest = valid("named-config.yaml");
    let debug = format!("{manifest:?}");
    assert!(debug.contains("greeting"), "{debug}");
    assert!(!debug.contains("hunter2"), "{debug}");
}

#[test]
fn a_provider_may_be_mapped_by_the_caller() {
    let file = super::folder().join("provider-custom.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let mut providers = Providers::default();
    providers
        .map("file://./build/my-kv.par.gz=keyvalue-redis")
        .unwrap();
    let (manifest, report) = wadm::read_with(&file, &text, &providers);
    assert!(manifest.is_some(), "{report}");
}

#[test]
fn a_json_character_of_two_escapes_is_one_character() {
    let file = Path::new("wadm.json");
    let text = std::fs::read_to_string(super::folder().join("json-escapes.json")).unwrap();
    let (manifest, report) = wadm::read(file, &text);
    let manifest = manifest.unwrap_or_else(|| panic!("{report}"));
    let config = &manifest.components[0].config[0]
        .properties
        .as_ref()
        .unwrap()[0];
    assert_eq!(config.value.expose(), "\u{1f600} a/b \"\u{e9}\"\t");
}

#[test]
fn a_byte_order_mark_is_skipped_and_lines_may_end_as_on_windows() {
    let text = std::fs::read_to_string(super::folder().join("counter.yaml")).unwrap();
    let text = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    let (manifest, report) = wadm::read(Path::new("wadm.yaml"), &text);
    assert!(manifest.is_some(), "{report}");
}
