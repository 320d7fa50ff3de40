//! `docs/conformance.md`: runs each behaviour of the suite for hosts in a process of its own, since a host that traps ends it.

mod host;
mod measure;
mod page;

use std::path::PathBuf;
use std::process::Command;

use crate::process::{Done, cargo, root, run, target};
use crate::test::ALL;
use crate::{setup, stores, watch_demo};
use host::Host;

/// Measures, and writes the tables into the page.
pub(crate) fn conformance_table() -> Done {
    setup::target()?;
    setup::guests()?;
    run(cargo()
        .args(["build", "--locked", "--bin", "keywell"])
        .args(ALL))?;

    let disk = target().join("conformance-table");
    remove(&disk)?;
    let (redis, _redis) = watch_demo::redis()?;
    let redis = redis.split('?').next().unwrap_or(&redis);
    let mut hosts = vec![
        keywell("memory:", "memory:"),
        keywell("disk:", &format!("disk:{}", disk.display())),
        keywell("redis:", redis),
        keywell("redis:", &format!("{redis}?layout=journal&prefix=journal:")),
    ];
    match wasmtime() {
        Some(host) => hosts.push(host),
        None => eprintln!("wasmtime 48 is not on the PATH, so its column is omitted"),
    }
    let rows = measure::rows(&hosts);
    remove(&disk)?;

    let path = root().join("docs/conformance.md");
    let cannot = |error| format!("{}: {error}", path.display());
    let page = std::fs::read_to_string(&path).map_err(cannot)?;
    let page = page::with_tables(&page, &hosts, &rows?)?;
    std::fs::write(&path, page).map_err(cannot)?;
    store_table()?;
    eprintln!("\nwrote docs/conformance.md");
    Ok(())
}

/// The table of stores, which a test makes, as tests know how to start the server of each store.
fn store_table() -> Done {
    stores::all().servers()?;
    let test = ["test", "--locked", "--test", "every_store"];
    let name = "conformance::the_page_about_conformance_is_written";
    let only = ["--", "--ignored", "--exact", "--nocapture", name];
    run(cargo().args(test).args(ALL).args(only))
}

fn keywell(kind: &str, store: &str) -> Host {
    let layout = if store.contains("layout=journal") {
        ", journal"
    } else {
        ""
    };
    Host {
        heading: format!("Keywell `{kind}`{layout}"),
        generations: &[0, 1, 2, 3, 4, 5],
        program: target().join("debug/keywell"),
        before: &["run"],
        after: ["--store", store, "--"].map(String::from).into(),
    }
}

/// Its host has the draft alone, and one bucket, whose name is empty.
fn wasmtime() -> Option<Host> {
    let version = Command::new("wasmtime").arg("--version").output().ok()?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let version = version.split(' ').nth(1)?.trim();
    version.starts_with("48.").then(|| Host {
        heading: format!("Wasmtime {version}"),
        generations: &[0],
        program: "wasmtime".into(),
        before: &["run", "-Scli,keyvalue"],
        after: Vec::new(),
    })
}

fn remove(folder: &PathBuf) -> Done {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("{}: {error}", folder.display()))
        }
        _ => Ok(()),
    }
}
