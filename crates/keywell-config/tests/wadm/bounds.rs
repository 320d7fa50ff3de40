//! Files that would take long, or much memory, are one error.

use std::fmt::Write as _;
use std::path::Path;

use keywell_config::wadm;

/// The one finding of a text.
fn only(text: &str) -> String {
    let (manifest, report) = wadm::read(Path::new("wadm.yaml"), text);
    assert!(manifest.is_none());
    assert_eq!(report.problems().len(), 1, "{report}");
    super::line(&report.problems()[0])
}

#[test]
fn a_file_that_is_too_large_is_one_error() {
    let words = only(&"# nothing\n".repeat(1_000_000));
    assert_eq!(words, "1:1 error the file is larger than 4194304 bytes");
}

#[test]
fn aliases_that_multiply_are_one_error() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(text, "a{level}: &a{level} [{before}]").unwrap();
    }
    let words = only(&text);
    let (place, words) = words.split_once(' ').unwrap();
    assert!(place.starts_with("5:"), "{place}");
    assert!(words.contains("more than 200000 values"), "{words}");
}

#[test]
fn a_long_text_that_is_repeated_by_aliases_is_one_error() {
    let text = format!(
        "a: &a {}\nb: [{}]\n",
        "x".repeat(1 << 20),
        ["*a"; 100].join(", ")
    );
    assert!(only(&text).contains("16777216 bytes"));
}

#[test]
fn what_is_nested_too_deep_is_one_error() {
    let deep = 100_000;
    let blocks: String = (0..200).map(|depth| " ".repeat(depth) + "a:\n").collect();
    let by_alias = format!(
        "a: &a {}1{}\nb: {}*a{}\n",
        "[".repeat(60),
        "]".repeat(60),
        "[".repeat(60),
        "]".repeat(60)
    );
    for text in [
        "[".repeat(deep),
        "{a: ".repeat(deep),
        "- ".repeat(deep),
        blocks,
        by_alias,
    ] {
        let words = only(&text);
        assert!(words.contains("nested more than 64 deep"), "{words}");
    }
}

#[test]
fn an_alias_within_what_it_stands_for_is_one_error() {
    assert_eq!(
        only("a: &a [*a]\n"),
        "1:8 error this alias is within what it stands for"
    );
}

#[test]
fn json_that_is_nested_too_deep_is_one_error() {
    for deep in [100, 100_000] {
        let text = format!("{{\"a\": {}{}}}", "[".repeat(deep), "]".repeat(deep));
        assert!(only(&text).contains("nested more than 64 deep"));
    }
}

#[test]
fn many_wrong_parts_are_read_in_bounded_time() {
    let mut text = "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {name: a, annotations: {}}\nspec:\n  components:\n".to_owned();
    for number in 0..3000 {
        writeln!(text, "    - {{name: c{number}, type: capability, properties: {{image: x}}, traits: [{{type: link, properties: {{target: d{number}, namespace: wasi, package: http, interfaces: [incoming-handler]}}}}]}}").unwrap();
    }
    let (manifest, report) = wadm::read(Path::new("wadm.yaml"), &text);
    assert!(manifest.is_none());
    let problems = report.problems();
    assert!(problems.len() <= 200, "{}", problems.len());
    assert!(
        problems
            .iter()
            .any(|problem| problem.message.contains("component 1001"))
    );
}
