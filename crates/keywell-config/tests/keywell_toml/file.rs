//! The file itself.

use std::path::{Path, PathBuf};

use keywell_config::Plan;

use crate::mistakes::RIGHT;

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = Plan::read(Path::new("/nowhere/keywell.toml")).unwrap_err();
    let message = error.to_string();
    assert!(
        message.starts_with("cannot read /nowhere/keywell.toml: "),
        "{message}"
    );
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let file = folder.join("latin1.toml");
    std::fs::write(&file, b"# caf\xe9\n").unwrap();
    let message = Plan::read(&file).unwrap_err().to_string();
    assert!(message.ends_with("it is not UTF-8"), "{message}");
    let file = folder.join("right.toml");
    std::fs::write(&file, RIGHT).unwrap();
    let plan = Plan::read(&file).unwrap();
    assert_eq!(
        plan.components["c"].code.file(),
        Some(&*folder.join("c.wasm"))
    );
}
