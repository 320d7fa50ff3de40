//! What the program and the documentation say about the kinds of stores.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use keywell::PROVIDERS;
use keywell::store::{Provider, Setting};

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let ran = Command::new(env!("CARGO_BIN_EXE_keywell"))
        .args(arguments)
        .env_remove("KEYWELL_STORE")
        .output()
        .expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (ran.status.code(), text(&ran.stdout), text(&ran.stderr))
}

/// The tables of a kind of store on the page.
fn tables(provider: &dyn Provider) -> String {
    let mut text = String::from("| URL | |\n|---|---|\n");
    for form in provider.forms() {
        let _ = writeln!(text, "| `{}` | {} |", form.form, form.help);
    }
    text.push_str("\n| Setting | Default | Value | |\n|---|---|---|---|\n");
    for setting in provider.settings() {
        let default = default(setting);
        let (name, kind, help) = (name(setting), &setting.kind, setting.help);
        let _ = writeln!(text, "| {name} | {default} | {kind} | {help} |");
    }
    text
}

fn name(setting: &Setting) -> String {
    let aliases = setting.aliases.iter().map(|alias| format!("`{alias}`"));
    let aliases: Vec<String> = aliases.collect();
    match &aliases[..] {
        [] => format!("`{}`", setting.name),
        aliases => format!("`{}` ({})", setting.name, aliases.join(", ")),
    }
}

/// As it would be written, in code; as prose otherwise.
fn default(setting: &Setting) -> String {
    let is_value = !setting.default.contains([' ', '`', '\'']) && setting.default != "none";
    if is_value {
        format!("`{}`", setting.default)
    } else {
        setting.default.to_owned()
    }
}

/// With `KEYWELL_UPDATE_DOCS=1` in the environment, the page is rewritten instead.
#[test]
fn the_page_about_stores_has_the_tables_of_their_providers() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/stores.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let mut expected = page.clone();
    for provider in PROVIDERS {
        let (begin, end) = (
            format!("<!-- tables: {} -->\n", provider.name()),
            "<!-- end of tables -->",
        );
        let Some((before, rest)) = expected.split_once(&begin) else {
            panic!("docs/stores.md has no line {begin}");
        };
        let (_, after) = rest.split_once(end).expect("the tables end");
        expected = format!("{before}{begin}\n{}\n{end}{after}", tables(*provider));
    }
    if std::env::var_os("KEYWELL_UPDATE_DOCS").is_some() {
        std::fs::write(&path, expected).unwrap();
    } else {
        assert!(
            page == expected,
            "docs/stores.md differs from the providers' tables; run this test with \
             KEYWELL_UPDATE_DOCS=1"
        );
    }
}

#[test]
fn stores_lists_every_kind_with_its_urls_and_settings() {
    let (code, text, error) = run(&["stores"]);
    assert_eq!((code, &*error), (Some(0), ""));
    for provider in PROVIDERS {
        assert!(text.contains(provider.forms()[0].form), "{text}");
        let (code, text, _) = run(&["stores", provider.name()]);
        assert_eq!(code, Some(0));
        for setting in provider.settings() {
            assert!(text.contains(setting.help), "{text}");
        }
    }
    let (_, json, _) = run(&["stores", "rediss", "--json"]);
    let kinds: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(kinds[0]["name"], "redis");
    let settings = kinds[0]["settings"].as_array().unwrap();
    let password = settings
        .iter()
        .find(|setting| setting["name"] == "password");
    assert_eq!(password.unwrap()["secret"], true);
    let (code, _, error) = run(&["stores", "floppy"]);
    assert_eq!(code, Some(2), "{error}");
    assert!(error.contains("known: memory, disk, sqlite"), "{error}");
}

#[test]
fn completion_scripts_offer_the_urls_of_stores() {
    for shell in ["bash", "zsh", "fish"] {
        let (code, script, error) = run(&["completions", shell]);
        assert_eq!((code, &*error), (Some(0), ""));
        // As zsh writes a colon.
        let script = script.replace("\\:", ":");
        assert!(script.contains("memory:"), "{shell}: {script}");
        assert!(script.contains("redis+cluster://"), "{shell}");
    }
    let (code, help, _) = run(&["kv", "get", "--help"]);
    assert_eq!(code, Some(0));
    assert!(!help.contains("possible values"), "{help}");
}

/// Whether a file in this folder has the conformance suite of a store.
#[cfg(feature = "all-stores")]
fn runs_the_suite(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).any(|path| {
        let text = std::fs::read_to_string(&path);
        text.is_ok_and(|text| text.contains("keywell_conformance::suite!")) || runs_the_suite(&path)
    })
}

/// How many providers this folder of sources has.
#[cfg(feature = "all-stores")]
fn providers(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let is_provider = |path: &Path| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        path.ends_with("provider.rs") && text.contains("impl Provider for")
    };
    paths
        .map(|path| usize::from(is_provider(&path)) + providers(&path))
        .sum()
}

/// What nothing else notices when a store is added.
#[cfg(feature = "all-stores")]
#[test]
fn every_crate_of_a_store_is_in_the_program_and_the_readme_and_runs_the_suite() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = std::fs::read_to_string(crates.join("../README.md")).unwrap();
    let mut stores = 0;
    for entry in std::fs::read_dir(&crates).unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let name = name.strip_prefix("keywell-").unwrap_or_default();
        // The contract has the trait.
        let files = if name == "store" {
            0
        } else {
            providers(&folder.join("src"))
        };
        if files == 0 {
            continue;
        }
        stores += files;
        let is_of_crate = |provider: &&&dyn Provider| {
            let rest = provider.name().strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        let known: Vec<_> = PROVIDERS.iter().filter(is_of_crate).collect();
        assert_eq!(
            known.len(),
            files,
            "the program is built without a provider of {name}"
        );
        for provider in known {
            let scheme = provider.schemes()[0];
            assert!(
                readme.contains(&format!("`{scheme}:")),
                "README.md has no {scheme}:"
            );
        }
        let tests = folder.join("tests");
        assert!(runs_the_suite(&tests), "{} has no suite", tests.display());
    }
    assert_eq!(stores, PROVIDERS.len());
}
