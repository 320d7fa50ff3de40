//! Checks that `ARCHITECTURE.md` is still a map: short, and with a paragraph for each crate.

use crate::process::root;

const LINES: usize = 130;

#[test]
fn the_map_is_short_and_has_a_paragraph_for_each_crate() {
    let map = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("the map is there");
    let lines = map.lines().count();
    assert!(lines <= LINES, "it has {lines} lines, more than {LINES}");
    for folder in std::fs::read_dir(root().join("crates")).expect("the crates are there") {
        let name = folder.expect("it is a folder").file_name();
        let name = name.to_string_lossy();
        let has = format!("**{name}**");
        assert!(map.contains(&has), "it has no paragraph for {name}");
    }
}
