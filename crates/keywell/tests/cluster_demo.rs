//! `cargo xtask demo --cluster` ends with equal counts, of the program that is tested.

use std::process::Command;

#[test]
fn killed_and_cut_off_processes_count_alike_in_the_end() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let output = Command::new(cargo)
        .current_dir(root)
        .args(["run", "--quiet", "--locked", "-p", "xtask", "--"])
        .args(["demo", "--cluster", "--once"])
        .args(["--program", env!("CARGO_BIN_EXE_keywell")])
        .output()
        .expect("cargo is there");
    let shown = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shown}\n{errors}");
    // Before the kill, after it, after the cut, and at the end.
    let equal = shown.lines().filter(|line| line.starts_with("equal after"));
    assert_eq!(equal.count(), 4, "{shown}");
}
