//! Checking, backing up and compacting a disk store.

use std::fs;

use crate::support::Scratch;

#[test]
fn a_backup_is_checked_and_a_damaged_one_is_salvaged() {
    let scratch = Scratch::new();
    let line = |n| format!("{{\"key\":\"k{n:04}\",\"value\":\"{n}\"}}\n");
    let lines: String = (0..3000).map(line).collect();
    fs::write(scratch.path("lines"), lines).unwrap();
    scratch.prints(&["import", "lines"]);
    assert_eq!(scratch.quiet(&["backup", "copy"]), "");
    assert_eq!(scratch.quiet(&["compact"]), "");
    scratch
        .kv(["backup", "copy"])
        .failed(1, "there is a store in");
    let copy = ["--store", "disk:copy"];
    let report = scratch.quiet(&[&["check"][..], &copy].concat());
    assert!(report.starts_with("3000 keys, 3000 events, "), "{report}");

    // A bit of a value.
    let data = scratch.path("copy/data.redb");
    let mut bytes = fs::read(&data).unwrap();
    let places: Vec<usize> = (0..bytes.len() - 5)
        .filter(|at| &bytes[*at..*at + 5] == b"k1500")
        .collect();
    for at in places {
        bytes[at + 5] ^= 1;
    }
    fs::write(&data, &bytes).unwrap();
    let damaged = scratch.kv([&["check", "--salvage", "whole"][..], &copy].concat());
    assert_eq!(damaged.code, 1, "{damaged:?}");
    assert!(damaged.text().contains("damaged: "), "{damaged:?}");
    assert!(
        damaged.text().contains("keys may be missing "),
        "{damaged:?}"
    );
    assert_eq!(fs::read(&data).unwrap(), bytes, "a check changes nothing");
    let whole = fs::read_to_string(scratch.path("whole")).unwrap();
    assert!(whole.lines().count() > 2500 && whole.lines().count() < 3000);
    scratch.prints(&["import", "whole", "--store", "disk:again"]);
    assert_eq!(
        scratch.quiet(&["get", "k0007", "--store", "disk:again"]),
        "7"
    );
    scratch
        .kv(["check", "--store", "redis://127.0.0.1:1"])
        .failed(2, "only stores on disk");
}
