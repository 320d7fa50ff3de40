//! Histories written by hand, and whether the checker must accept them.

use keywell_conformance::history::{History, Operation, Request, Response, Violation};
use keywell_store::{Cas, Reads};

/// Client, time of the request, time of the response, request and response.
pub(crate) type Row = (usize, u64, u64, Request, Response);

fn check(cas: Cas, rows: &[Row]) -> Result<(), Box<Violation>> {
    history(cas, Reads::Latest, rows).check()
}

pub(crate) fn history(cas: Cas, reads: Reads, rows: &[Row]) -> History {
    let operation = |(client, invoked, returned, request, response): &Row| Operation {
        client: *client,
        key: "k".to_owned(),
        request: request.clone(),
        invoked: *invoked,
        response: Some((response.clone(), *returned)),
    };
    let operations = rows.iter().map(operation).collect();
    History {
        operations,
        cas,
        reads,
    }
}

fn explained(rows: &[Row]) -> bool {
    check(Cas::ByVersion, rows).is_ok()
}

pub(crate) fn set(value: &str) -> Request {
    Request::Set(value.to_owned())
}

pub(crate) fn done(version: &str) -> Response {
    Response::Set(version.to_owned())
}

pub(crate) fn held(value: &str, version: &str) -> Response {
    Response::Entry(Some((value.to_owned(), version.to_owned())))
}

pub(crate) fn swap(expected: Option<&str>, change: Option<&str>) -> Request {
    Request::Swap {
        expected: expected.map(str::to_owned),
        change: change.map(str::to_owned),
    }
}

pub(crate) fn swapped(version: &str) -> Response {
    Response::Swapped(Some(version.to_owned()))
}

fn ambiguous() -> Response {
    Response::Ambiguous("no answer".to_owned())
}

#[test]
fn one_client_after_another_is_explained() {
    assert!(explained(&[
        (0, 1, 2, Request::Get, Response::Entry(None)),
        (0, 3, 4, Request::Increment(5), Response::Sum(5)),
        (1, 5, 6, Request::Get, held("5", "10")),
        (1, 7, 8, swap(Some("10"), Some("x")), swapped("11")),
        (0, 9, 10, Request::Increment(1), Response::NotANumber),
        (0, 11, 12, swap(Some("10"), None), Response::Stale),
        (0, 13, 14, swap(Some("11"), None), Response::Swapped(None)),
        (0, 15, 16, Request::Exists, Response::Exists(false)),
        (1, 17, 18, swap(None, Some("y")), swapped("12")),
        (1, 19, 20, Request::Delete, Response::Deleted),
        (1, 21, 22, set(&i64::MAX.to_string()), done("14")),
        (1, 23, 24, Request::Increment(1), Response::Overflow),
    ]));
}

#[test]
fn an_ambiguous_write_takes_effect_once_at_any_time_or_never() {
    let mut rows = vec![
        (0, 1, 2, set("old"), done("1")),
        (1, 3, 4, set("new"), ambiguous()),
        (0, 5, 6, Request::Get, held("old", "1")),
    ];
    assert!(explained(&rows), "never");
    rows.push((0, 7, 8, Request::Get, held("new", "2")));
    assert!(explained(&rows), "later");
    rows.push((0, 9, 10, Request::Get, held("old", "1")));
    assert!(!explained(&rows), "but once");
}

#[test]
fn an_ambiguous_increment_counts_once_at_most() {
    let mut rows = vec![
        (0, 1, 2, Request::Increment(1), Response::Sum(1)),
        (1, 3, 4, Request::Increment(1), ambiguous()),
        (0, 5, 6, Request::Increment(1), Response::Sum(3)),
    ];
    assert!(explained(&rows));
    rows.push((0, 7, 8, Request::Increment(1), Response::Sum(5)));
    assert!(!explained(&rows));
}

#[test]
fn an_ambiguous_swap_happens_only_while_its_expectation_holds() {
    let mut rows = vec![
        (0, 1, 2, set("a"), done("1")),
        (1, 5, 6, swap(Some("1"), Some("b")), ambiguous()),
        (0, 7, 8, Request::Get, held("b", "2")),
    ];
    assert!(explained(&rows));
    rows.insert(1, (0, 3, 4, set("c"), done("3")));
    assert!(!explained(&rows));
}

#[test]
fn a_refused_write_must_not_have_happened() {
    let refused = Response::Refused("unavailable".to_owned());
    assert!(!explained(&[
        (0, 1, 2, set("a"), refused),
        (0, 3, 4, Request::Get, held("a", "1")),
    ]));
}

#[test]
fn a_version_belongs_to_one_write() {
    let reused = [
        (0, 1, 2, set("a"), done("1")),
        (0, 3, 4, Request::Delete, Response::Deleted),
        (0, 5, 6, set("a"), done("1")),
    ];
    assert!(!explained(&reused));
    assert!(
        check(Cas::ByValue, &reused).is_ok(),
        "a value may come again"
    );
    // No response shows the version of a sum, but it differs from that of the earlier value.
    assert!(!explained(&[
        (0, 1, 2, set("0"), done("1")),
        (0, 3, 4, Request::Increment(0), Response::Sum(0)),
        (0, 5, 6, swap(Some("1"), Some("2")), swapped("3")),
    ]));
}

#[test]
fn a_store_that_compares_values_may_take_a_value_for_the_same() {
    let value = |text: &str| -> String {
        let digits = text.bytes().map(|byte| format!("{byte:02x}"));
        format!("x{}", digits.collect::<String>())
    };
    let (a, b) = (value("a"), value("b"));
    let rows = [
        (0, 1, 2, set("a"), done(&a)),
        (0, 3, 4, set("b"), done(&b)),
        (0, 5, 6, set("a"), done(&a)),
        (1, 7, 8, swap(Some(&b), Some("c")), Response::Stale),
        (1, 9, 10, swap(Some(&a), Some("b")), swapped(&b)),
    ];
    assert!(check(Cas::ByValue, &rows).is_ok());
}

#[test]
fn operations_that_overlap_come_in_either_order() {
    let mut rows = vec![
        (0, 1, 10, set("a"), done("1")),
        (1, 2, 9, set("b"), done("2")),
        (2, 11, 12, Request::Get, held("a", "1")),
    ];
    assert!(explained(&rows));
    rows.push((2, 13, 14, Request::Get, held("b", "2")));
    assert!(!explained(&rows));
}

#[test]
fn a_violation_shows_as_few_operations_as_possible() {
    let mut rows = Vec::new();
    for number in 0..20 {
        let at = 10 * number;
        let version = number.to_string();
        rows.push((0, at, at + 1, set("x"), done(&version)));
        rows.push((1, at + 2, at + 4, Request::Get, held("x", &version)));
        rows.push((2, at + 3, at + 5, Request::Exists, Response::Exists(true)));
    }
    rows.push((1, 300, 305, Request::Increment(1), ambiguous()));
    rows.push((0, 301, 302, set("y"), done("30")));
    rows.push((1, 303, 304, Request::Get, held("x", "19")));
    rows.push((1, 306, 307, Request::Get, held("y", "30")));
    let violation = check(Cas::ByVersion, &rows).unwrap_err();
    let story = violation.to_string();
    assert!(story.contains("\"y\" #30"), "{story}");
    assert!(story.contains("\"x\" #19"), "{story}");
    // The increment and the stale read; the value before them is the initial state.
    assert_eq!(violation.operations().len(), 2, "{story}");
}
