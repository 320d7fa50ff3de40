//! The file itself.

use std::path::{Path, PathBuf};

use keywell_config::Plan;

use crate::mistakes::RIGHT;

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = Plan::read(Path::new("/nowhere/keywell.toml")).unwrap_err();
    let told = error.to_string();
    assert!(
        told.starts_with("cannot read /nowhere/keywell.toml: "),
        "{told}"
    );
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let file = folder.join("latin1.toml");
    std::fs::write(&file, b"# caf\xe9\n").unwrap();
    let told = Plan::read(&file).unwrap_err().to_string();
    assert!(told.ends_with("it is not UTF-8"), "{told}");
    let file = folder.join("right.toml");
    std::fs::write(&file, RIGHT).unwrap();
    let plan = Plan::read(&file).unwrap();
    assert_eq!(plan.components["c"].path, folder.join("c.wasm"));
}
