//! The page about languages shows code of the examples as it is.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::process::root;

#[test]
fn the_code_on_the_page_is_that_of_the_examples() {
    let page = std::fs::read_to_string(root().join("docs/languages.md")).unwrap();
    // Blocks alternate with prose; a block of code follows a link to the file that has it.
    let parts: Vec<&str> = page.split("```").collect();
    let mut shown = 0;
    for pair in parts.chunks_exact(2) {
        let (language, code) = pair[1].split_once('\n').unwrap();
        if language == "console" {
            continue;
        }
        let links = pair[0].rmatch_indices("](../examples/");
        let link = links.map(|(at, _)| &pair[0][at + 5..]).next().unwrap();
        let file = root().join(link.split(')').next().unwrap());
        let source = std::fs::read_to_string(&file).unwrap();
        assert!(
            source.contains(code),
            "{} does not have:\n{code}",
            file.display()
        );
        shown += 1;
    }
    assert_eq!(shown, 7);
}
