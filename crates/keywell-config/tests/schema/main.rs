//! What is made from the tables of keys: the schema, and the page about the file.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod json;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use keywell_config::section::{self, Section};
use keywell_config::{Plan, schema};

use json::json;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// With `KEYWELL_UPDATE_DOCS=1` in the environment, the file is rewritten instead.
fn is_checked_in(path: &str, expected: &str) {
    let file = root().join(path);
    if std::env::var_os("KEYWELL_UPDATE_DOCS").is_some() {
        std::fs::write(&file, expected).unwrap();
        return;
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == expected,
        "{path} differs from the tables of keys; run this test with KEYWELL_UPDATE_DOCS=1"
    );
}

#[test]
fn the_schema_is_the_one_that_is_checked_in() {
    is_checked_in("docs/keywell.schema.json", &schema());
}

#[test]
fn the_page_about_the_file_has_the_tables_of_its_sections() {
    let path = "docs/keywell-toml.md";
    let page = std::fs::read_to_string(root().join(path)).unwrap();
    let mut expected = page.clone();
    for (name, section) in [
        ("limits", &section::LIMITS),
        ("store", &section::STORE),
        ("component", &section::COMPONENT),
        ("grant", &section::GRANT),
        ("link", &section::LINK),
        ("http", &section::HTTP),
        ("cors", &section::CORS),
        ("tls", &section::TLS),
        ("watch", &section::WATCH),
        ("command", &section::COMMAND),
        ("invoke", &section::INVOKE),
        ("worker", &section::WORKER),
        ("worker-trigger", &section::WORKER_TRIGGER),
        ("policy", &section::POLICY),
    ] {
        let (begin, end) = (format!("<!-- table: {name} -->\n"), "<!-- end of table -->");
        let Some((before, rest)) = expected.split_once(&begin) else {
            panic!("{path} has no line {begin}");
        };
        let (_, after) = rest.split_once(end).expect("the table ends");
        expected = format!("{before}{begin}\n{}\n{end}{after}", table(section));
    }
    is_checked_in(path, &expected);
}

fn table(section: &Section) -> String {
    let mut table = String::from("| Key | Default | |\n|---|---|---|\n");
    for key in section.keys {
        let default = match key.default {
            "" if key.is_required => "required",
            default => default,
        };
        let _ = writeln!(table, "| `{}` | {default} | {} |", key.name, key.help);
    }
    table
}

/// The validator of whole files, or of parts of them.
fn validator(is_whole: bool) -> jsonschema::Validator {
    let mut schema: serde_json::Value = serde_json::from_str(&schema()).unwrap();
    if !is_whole {
        schema.as_object_mut().unwrap().remove("required");
    }
    jsonschema::draft202012::new(&schema).unwrap()
}

fn errors(validator: &jsonschema::Validator, text: &str) -> Vec<String> {
    let errors: Vec<_> = validator
        .iter_errors(&json(text))
        .map(|error| error.to_string())
        .collect();
    errors
}

#[test]
fn every_file_of_the_repository_is_valid() {
    let (whole, part) = (validator(true), validator(false));
    let mut files = 0;
    for folder in std::fs::read_dir(root().join("examples")).unwrap() {
        let file = folder.unwrap().path().join("keywell.toml");
        let Ok(text) = std::fs::read_to_string(&file) else {
            continue;
        };
        assert_eq!(errors(&whole, &text), [""; 0], "{}", file.display());
        Plan::from_toml(&file, &text).unwrap();
        files += 1;
    }
    assert!(files > 0);
    let mut blocks = 0;
    let docs = std::fs::read_dir(root().join("docs")).unwrap();
    let docs = docs.map(|file| file.unwrap().path());
    for file in docs.chain([root().join("README.md")]) {
        if file.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        for block in text.split("```toml\n").skip(1) {
            let (block, _) = block.split_once("```").unwrap();
            assert_eq!(errors(&part, block), [""; 0], "{block}");
            blocks += 1;
        }
    }
    assert!(blocks > 0);
}

#[test]
fn what_is_written_as_it_should_not_be_is_not_valid() {
    const RIGHT: &str = "[store.a]\nurl='memory:'\nx=1\n[component.c]\npath='c.wasm'\nstore='a'\n\
                         env={A='x',B=2,C=true,D={env='CARGO_PKG_NAME'}}\nbuckets={x='y',z={read-only='true',max-key=9,max-value='1KiB'}}\n\
                         [[trigger.http]]\ncomponent='c'\nreuse='2'\ncors=true\ntls={certificate='c.pem',key='k.pem'}\n\
                         [[trigger.http]]\ncomponent='c'\naddr='a:1'\npath='/x'\ncors={origins='http://a',max-age='1m'}\n\
                         [[trigger.invoke]]\ncomponent='c'\naddr='a:2'\nfunctions='a:b/c'\nmax-body='1KiB'\n\
                         [worker.'w-*']\ncomponent='c'\n[[trigger.worker]]\nworker='w-*'\naddr='a:3'\n";
    let validator = validator(true);
    assert_eq!(errors(&validator, RIGHT), [""; 0]);
    Plan::from_toml(Path::new("x"), RIGHT).unwrap();
    for wrong in [
        "[stores.b]",
        "[component.d]\npth='d'",
        "[component.d]\npath='d'\nread_only=true",
        "[component.d]\npath=1",
        "[component.d]\npath='d'\nenv=1",
        "[component.d]\npath='d'\nenv={A=[]}",
        "[component.d]\npath='d'\noutgoing=[1]",
        "[component.d]\npath='d'\nbuckets={x=true}",
        "[component.d]\npath='d'\nbuckets={x={read-only=1}}",
        "[component.d]\npath='d'\nbuckets={x={readonly=true}}",
        "[component.d]\nstore='a'",
        "[component.d]\npath='d'\nimage='ghcr.io/a/b'",
        "[component.d]\nimage=1",
        "[store.b]\nhistory=0",
        "[store.b]\nurl='memory:'\nx=[1]",
        "[store.b]\nurl={}",
        "[store.b]\nurl={env='CARGO_PKG_NAME',file='x'}",
        "[component.d]\npath='d'\nbuckets={x={max-key=0}}",
        "[limits]\nmemory=[1]",
        "[limits]\nmemory='1MB'",
        "[limits]\ntimeout=30",
        "[limits]\ninstances=0",
        "[limits]\ninstances='many'",
        "[trigger.watch]\non='SET@k'",
        "[[trigger.http]]",
        "[[trigger.http]]\ncomponent='c'\naddr='x'",
        "[[trigger.http]]\ncomponent='c'\naddr='b:1'\ncors='yes'",
        "[[trigger.http]]\ncomponent='c'\naddr='b:1'\ncors={orgins='x'}",
        "[[trigger.http]]\ncomponent='c'\naddr='b:1'\ntls={key='x'}",
        "[[trigger.http]]\ncomponent='c'\naddr='b:1'\nread-only=1",
        "[[trigger.invoke]]",
        "[[trigger.invoke]]\ncomponent='c'\naddr='b:1'\nread-only=true",
        "[[trigger.invoke]]\ncomponent='c'\naddr='b:1'\nmax-body=0",
        "[[trigger.invoke]]\ncomponent='c'\naddr='b:1'\nfunctions=1",
        "[worker.v]\ncomponent=1",
        "[[trigger.worker]]\naddr='b:1'",
        "[[trigger.worker]]\nworker='w-*'\naddr='b:1'\nreuse=2",
        "[[trigger.watch]]\ncomponent='c'",
        "[[trigger.watch]]\ncomponent='c'\non='SET@k'\ndead-letters={}",
    ] {
        let text = format!("{RIGHT}{wrong}\n");
        assert!(!errors(&validator, &text).is_empty(), "{wrong}");
        assert!(Plan::from_toml(Path::new("x"), &text).is_err(), "{wrong}");
    }
    assert!(!errors(&validator, "").is_empty());
}
