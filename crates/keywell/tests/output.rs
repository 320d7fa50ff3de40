//! What the program and its components print, and readers that do not read it.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use support::application::get;
use support::{PATIENCE, guest, keywell};

/// What a pipe holds that nothing reads.
const PIPE: u64 = 64 << 10;
/// What waits in the program for a reader.
const QUEUE: u64 = 1 << 20;

/// A program that ends with the test.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command.spawn().unwrap())
    }

    fn outputs(&mut self) -> (BufReader<ChildStdout>, BufReader<ChildStderr>) {
        let stdout = self.0.stdout.take().unwrap();
        (
            BufReader::new(stdout),
            BufReader::new(self.0.stderr.take().unwrap()),
        )
    }

    fn signal(&self, signal: &str) {
        let pid = self.0.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits until it has written so many bytes.
    fn wrote(&self, bytes: u64) {
        let began = Instant::now();
        let count = || {
            let counters = std::fs::read_to_string(format!("/proc/{}/io", self.0.id())).unwrap();
            let written = counters
                .lines()
                .find_map(|line| line.strip_prefix("wchar: "));
            written.unwrap().parse::<u64>().unwrap()
        };
        while count() < bytes {
            assert!(began.elapsed() < PATIENCE, "it wrote {} bytes", count());
            thread::yield_now();
        }
    }

    fn ends(&mut self) -> ExitStatus {
        let (sender, ended) = mpsc::channel();
        thread::scope(|scope| {
            let pid = self.0.id().to_string();
            scope.spawn(move || {
                if ended.recv_timeout(PATIENCE).is_err() {
                    drop(Command::new("kill").args(["-KILL", &pid]).status());
                }
            });
            let status = self.0.wait().unwrap();
            sender.send(()).unwrap();
            status
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A `keywell serve` of the component that prints what it is asked to, and where it listens.
fn serve(
    arguments: &[&str],
) -> (
    Running,
    String,
    BufReader<ChildStdout>,
    BufReader<ChildStderr>,
) {
    let mut command = keywell();
    command.arg("serve").arg(guest("mischief")).args(arguments);
    command.args(["--addr", "127.0.0.1:0", "--store", "memory:"]);
    let mut running = Running::start(&mut command);
    let (mut stdout, stderr) = running.outputs();
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let address = line.split("http://").nth(1).unwrap();
    let address = address.split(' ').next().unwrap().to_owned();
    (running, address, stdout, stderr)
}

/// Has the component print, and fail so that the log grows, until there is more than pipes hold.
fn fill(address: &str, bytes: u64) {
    let text = "x".repeat(8000);
    for _ in 0..=bytes / 8000 {
        assert_eq!(get(address, &format!("/stdout?text={text}")).status, 200);
        assert_eq!(get(address, "/trap").status, 500);
    }
}

#[test]
fn pipes_that_are_not_read_stop_neither_requests_nor_signals() {
    let (mut running, address, _stdout, _stderr) = serve(&[]);
    fill(&address, 4 * PIPE);
    running.signal("-TERM");
    assert_eq!(running.ends().code(), Some(0));
}

#[test]
fn what_is_dropped_while_a_pipe_is_not_read_is_reported_when_it_is() {
    let (running, address, stdout, _stderr) = serve(&[]);
    fill(&address, QUEUE + 4 * PIPE);
    let mut lines = stdout.lines().map(Result::unwrap);
    let report = lines.find(|line| line.starts_with("keywell: ")).unwrap();
    assert!(
        report.ends_with(" dropped here, as standard output was not read in time"),
        "{report}"
    );
    assert_eq!(get(&address, "/stdout?text=after").status, 200);
    assert!(lines.any(|line| line == "mischief.wasm | after"));
    drop(running);
}

#[test]
fn lines_of_components_carry_their_name_and_control_characters_are_escaped() {
    let (_running, address, stdout, stderr) = serve(&[]);
    assert_eq!(get(&address, "/stdout?text=%1b[31mred%0Aend").status, 200);
    let expected = ["mischief.wasm | \\u{1b}[31mred", "mischief.wasm | end"];
    for mut lines in [
        Box::new(stdout.lines()) as Box<dyn Iterator<Item = _>>,
        Box::new(stderr.lines()),
    ] {
        for expected in expected {
            assert_eq!(lines.next().unwrap().unwrap(), expected);
        }
    }
}

#[test]
fn lines_of_components_are_json_where_the_log_is() {
    let (_running, address, stdout, stderr) = serve(&["--log-json"]);
    assert_eq!(get(&address, "/stdout?text=%1b[31mred").status, 200);
    let (mut out, mut err) = (String::new(), String::new());
    BufReader::new(stdout).read_line(&mut out).unwrap();
    BufReader::new(stderr).read_line(&mut err).unwrap();
    for (line, stream) in [(out, "stdout"), (err, "stderr")] {
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["component"], "mischief.wasm");
        assert_eq!(line["stream"], stream);
        assert_eq!(line["message"], "\u{1b}[31mred");
    }
}

/// A command that prints a line of a thousand bytes, so many times.
fn printing(times: usize) -> Command {
    let value = "x".repeat(1000);
    let mut command = keywell();
    command.arg("run").arg(guest("probe-draft2"));
    command.args(["--store", "memory:", "--", "open:"]);
    command.arg(format!("set:k={value}"));
    command.args(vec!["get:k"; times]);
    command
}

#[test]
fn a_command_that_waits_for_its_reader_ends_when_interrupted() {
    let mut running = Running::start(&mut printing(2000));
    let (_stdout, mut stderr) = running.outputs();
    running.wrote(PIPE / 2);
    running.signal("-INT");
    assert_eq!(running.ends().code(), Some(1));
    let mut error = String::new();
    stderr.read_to_string(&mut error).unwrap();
    assert_eq!(error, "keywell: interrupted\n");
}

#[test]
fn a_command_that_waits_for_its_reader_loses_nothing_and_is_passed_on_as_it_is() {
    let mut running = Running::start(&mut printing(2000));
    let (stdout, _stderr) = running.outputs();
    running.wrote(PIPE / 2);
    let lines: Vec<_> = stdout.lines().map(Result::unwrap).collect();
    assert_eq!(lines.len(), 2002);
    let last = format!("get k -> some \"{}\"", "x".repeat(1000));
    assert_eq!(lines.last(), Some(&last));
    assert!(running.ends().success());
}

#[test]
fn a_command_whose_output_cannot_be_written_fails() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut command = printing(1);
    let output = command.stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(!output.stderr.is_empty());
}

#[test]
fn a_command_that_is_stuck_in_a_pipe_ends_at_the_first_signal() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("disk:{}", folder.path().join("data").display());
    let kv = |arguments: &[&str]| {
        let mut command = keywell();
        command.args(["kv", "--store", &store]).args(arguments);
        command
    };
    let watched = kv(&["watch", "--count", "0"]).output().unwrap();
    let printed = String::from_utf8(watched.stderr).unwrap();
    let token = printed.trim().rsplit(' ').next().unwrap();
    let value = "x".repeat(4000);
    for n in 0..40 {
        let set = kv(&["set", &format!("k{n}"), &value]).status();
        assert!(set.unwrap().success());
    }
    let mut running = Running::start(&mut kv(&["watch", "--since", token]));
    running.wrote(PIPE / 2);
    running.signal("-TERM");
    // It is stuck as a rule, or just before that.
    let code = running.ends().code();
    assert!([Some(130), Some(0)].contains(&code), "{code:?}");
}
