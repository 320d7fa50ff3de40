use super::paths::Paths;
use super::section::{Section, duration};
use crate::{CorsPlan, HttpPlan, Located, PathPlan, quoted};

/// `[[trigger.http]]`
pub(super) fn print(http: &HttpPlan, paths: &Paths, body: &mut String) {
    let mut section = Section::new("[[trigger.http]]");
    keys(http, paths, &mut section);
    section.finish_always(body);
}

/// The keys that differ from the usual.
pub(super) fn keys(http: &HttpPlan, paths: &Paths, section: &mut Section) {
    section.text("component", &http.component);
    section.text("addr", &http.addr.to_string());
    match &http.path {
        PathPlan::Prefix(path) if path.value == "/" => {}
        PathPlan::Prefix(path) => section.text("path", path),
        PathPlan::Exact(path) => section.text("exact-path", path),
    }
    keys_behind_the_path(http, paths, section);
}

/// The same, but for the component, the address and the path.
pub(super) fn keys_behind_the_path(http: &HttpPlan, paths: &Paths, section: &mut Section) {
    if let Some(host) = &http.host {
        section.text("host", &host.value);
        if host.header.value != "host" {
            section.text("host-header", &host.header);
        }
    }
    if http.reuse != 1 {
        section.raw("reuse", http.reuse);
    }
    if http.concurrency != 1 {
        section.raw("concurrency", http.concurrency);
    }
    if http.is_read_only {
        section.raw("read-only", true);
    }
    section.duration("timeout", http.timeout);
    if let Some(cache_control) = &http.cache_control {
        section.text("cache-control", cache_control);
    }
    if !http.keeps_alive {
        section.raw("keep-alive", false);
    }
    if let Some(own) = &http.cors {
        section.raw("cors", cors(own));
    }
    if let Some(tls) = &http.tls {
        let (certificate, key) = (paths.text(&tls.certificate), paths.text(&tls.key));
        section.raw(
            "tls",
            format_args!("{{ certificate = {certificate}, key = {key} }}"),
        );
    }
}

/// Every key but those with the usual value.
fn cors(cors: &CorsPlan) -> String {
    let usual = CorsPlan::default();
    let list = |texts: &[Located<String>]| quoted::list(texts.iter().map(|text| &*text.value));
    let mut keys = Vec::new();
    for (key, texts, usual) in [
        ("origins", &cors.origins, &usual.origins),
        ("headers", &cors.headers, &usual.headers),
        ("methods", &cors.methods, &usual.methods),
        (
            "exposed-headers",
            &cors.exposed_headers,
            &usual.exposed_headers,
        ),
    ] {
        if list(texts) != list(usual) {
            keys.push(format!("{key} = {}", list(texts)));
        }
    }
    if cors.max_age != usual.max_age {
        keys.push(format!("max-age = {}", duration(cors.max_age)));
    }
    match &keys[..] {
        [] => "{}".to_owned(),
        keys => format!("{{ {} }}", keys.join(", ")),
    }
}
