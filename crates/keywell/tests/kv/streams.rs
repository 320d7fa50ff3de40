//! Standard input and output that end, fail, or are held by another process.

use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use crate::support::{Ran, Scratch};

/// More than fits into a pipe, so that the writer notices that nothing reads.
fn plenty(scratch: &Scratch) {
    let line = |n| format!("{{\"key\":\"{n:01000}\",\"value\":\"v\"}}\n");
    let lines: String = (0..1000).map(line).collect();
    fs::write(scratch.path("lines"), lines).unwrap();
    assert_eq!(scratch.kv(["import", "lines"]).code, 0);
}

#[test]
fn a_reader_that_has_enough_ends_it_quietly() {
    let scratch = Scratch::new();
    plenty(&scratch);
    for arguments in [["list"], ["export"]] {
        let mut running = scratch.start(&arguments, Stdio::null());
        let mut line = String::new();
        let mut lines = BufReader::new(running.0.stdout.take().unwrap());
        lines.read_line(&mut line).unwrap();
        assert!(line.contains("0000"), "{line}");
        drop(lines);
        let ran = running.end();
        assert_eq!((ran.code, &*ran.err), (0, ""), "{arguments:?}");
    }
}

#[test]
fn an_output_that_takes_no_more_is_a_failure() {
    let scratch = Scratch::new();
    scratch.quiet(&["set", "k", "v"]);
    for arguments in [["list", "--json"], ["get", "k"], ["export", "-o/dev/full"]] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = scratch.command(arguments).stdout(full).output().unwrap();
        let ran = Ran::from(output);
        assert_eq!(ran.code, 1, "{arguments:?} {ran:?}");
        assert!(ran.err.starts_with("keywell: cannot write "), "{ran:?}");
    }
}

#[test]
fn an_import_that_is_interrupted_says_how_far_it_came() {
    let scratch = Scratch::new();
    let mut running = scratch.start(&["import"], Stdio::piped());
    let mut input = running.0.stdin.take().unwrap();
    // The second batch makes the first one leave; that it is read shows that signals are heard.
    let line = |n| format!("{{\"key\":\"k{n}\",\"value\":\"{}\"}}\n", "v".repeat(1000));
    let lines: String = (0..1500).map(line).collect();
    input.write_all(lines.as_bytes()).unwrap();
    running.signal("TERM");
    let mut error = String::new();
    BufReader::new(running.0.stderr.take().unwrap())
        .read_line(&mut error)
        .unwrap();
    drop(input);
    assert_eq!(running.end().code, 1);
    let said = [
        "keywell: interrupted; 0 keys imported\n",
        "keywell: interrupted; 1000 keys imported\n",
    ];
    assert!(said.contains(&&*error), "{error}");
}
