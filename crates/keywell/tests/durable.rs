//! Durable workers: `keywell invoke --worker` and `keywell worker`, with a process for each call, so
//! that each is a replay of all before.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use keywell_servers::Redis;
use support::{guest, keywell};

/// A store, and the workers in it.
struct Workers(String);

impl Workers {
    fn on_disk(folder: &Path) -> Self {
        Self(format!("disk:{}", folder.display()))
    }

    fn command(&self, component: &str, worker: &str, call: &str) -> Command {
        let mut command = keywell();
        command.args(["invoke", "--store", &self.0, "--worker", worker]);
        command.arg(guest(component)).arg(call);
        command
    }

    fn invoke(&self, call: &str) -> Output {
        self.command("worker", "w", call).output().unwrap()
    }

    /// What a call of the worker `w` returns.
    fn call(&self, call: &str) -> String {
        stdout(&self.invoke(call))
    }

    /// Decides for an increment that was interrupted, as an operator does who compares the count with
    /// the journal.
    fn decide(&self) {
        let log = stdout(&self.worker(&["log", "w"]));
        let settled = log.lines().filter(|line| line.contains("  settled "));
        let counted = keywell()
            .args(["kv", "get", "count", "--bucket", "counts"])
            .args(["--store", &self.0])
            .output();
        let counted: usize = stdout(&counted.unwrap()).parse().unwrap();
        let decision = if counted > settled.count() {
            "applied"
        } else {
            "retry"
        };
        let began = std::time::Instant::now();
        loop {
            let resolved = self.worker(&["resolve", "w", decision]);
            // The lease of the process that stopped it ends first.
            if !String::from_utf8_lossy(&resolved.stderr).contains("is run by") {
                stdout(&resolved);
                return;
            }
            assert!(began.elapsed() < support::PATIENCE, "{resolved:?}");
        }
    }

    fn worker(&self, arguments: &[&str]) -> Output {
        let mut command = keywell();
        command.arg("worker").args(arguments);
        command.args(["--store", &self.0]).output().unwrap()
    }
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.trim_end().to_owned()
}

/// The error of a command that failed, and printed nothing else.
fn refused(output: &Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn lines_of(output: &Output, what: &str) -> usize {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    text.lines().filter(|line| line.contains(what)).count()
}

#[test]
fn variables_stay_and_a_replay_has_no_effects_and_prints_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let workers = Workers::on_disk(folder.path());
    assert_eq!(workers.call("count()"), "\"1 1\"");
    let second = workers.invoke("count()");
    assert_eq!(stdout(&second), "\"2 2\"");
    assert_eq!(lines_of(&second, "counted to 2"), 1, "{second:?}");
    assert_eq!(lines_of(&second, "counted to 1"), 0, "{second:?}");
    // Another worker has its own variables, and the same bucket.
    let other = workers.command("worker", "other", "count()").output();
    assert_eq!(stdout(&other.unwrap()), "\"1 3\"");
    assert_eq!(workers.call("counts()"), "\"2 3\"");
    let drawn = workers.call("draw()");
    let again = workers.call("draw()");
    assert_ne!(drawn, again);
    assert_eq!(workers.call("drawn()"), format!("[{drawn}, {again}]"));
    // The clock of a worker goes on when something is recorded.
    let slept: u64 = workers.call("nap(20)").parse().unwrap();
    assert!((20..60_000).contains(&slept), "{slept}");
    let log = stdout(&workers.worker(&["log", "w"]));
    for line in [
        "created",
        "invoked    count()",
        "returned   \"1 1\"",
        "woke",
    ] {
        assert!(log.contains(line), "{line}: {log}");
    }
}

#[test]
fn a_failed_invocation_leaves_the_variables_as_they_were_and_its_effects() {
    let folder = tempfile::tempdir().unwrap();
    let workers = Workers::on_disk(folder.path());
    workers.call("count()");
    for (call, reason) in [("fail()", "unreachable"), ("leave()", "the exit code 1")] {
        let text = refused(&workers.invoke(call));
        assert!(text.contains(reason), "{text}");
    }
    assert_eq!(workers.call("counts()"), "\"1 1\"");
    let failed = keywell()
        .args([
            "kv", "get", "failed", "--bucket", "counts", "--store", &workers.0,
        ])
        .output();
    assert_eq!(stdout(&failed.unwrap()), "1");
    // In one process, too, where the instance has to be made again.
    let mut lines = workers.command("worker", "w", "-");
    let lines = lines.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = lines.stderr(Stdio::piped()).spawn().unwrap();
    let input = b"count()\nfail()\ncounts()\n";
    std::io::Write::write_all(&mut process.stdin.take().unwrap(), input).unwrap();
    let output = process.wait_with_output().unwrap();
    assert_eq!(output.stdout, b"\"2 2\"\n\"2 2\"\n", "{output:?}");
}

#[test]
fn a_snapshot_takes_the_place_of_what_was_recorded_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let workers = Workers::on_disk(folder.path());
    let mut lines = workers.command("saver", "w", "-");
    let lines = lines.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = lines.spawn().unwrap();
    let input = "count()\n".repeat(101);
    std::io::Write::write_all(&mut process.stdin.take().unwrap(), input.as_bytes()).unwrap();
    let output = stdout(&process.wait_with_output().unwrap());
    assert_eq!(output.lines().last(), Some("\"101 101\""));
    let log = stdout(&workers.worker(&["log", "w"]));
    let first = log.lines().next().unwrap();
    assert!(first.contains("  snapshot   "), "{log}");
    // The invocation behind it, with its increment.
    assert_eq!(log.lines().count(), 1 + 4, "{log}");
    let next = workers.command("saver", "w", "count()").output();
    assert_eq!(stdout(&next.unwrap()), "\"102 102\"");
}

#[test]
fn a_key_is_answered_once_more_and_not_run_again() {
    let folder = tempfile::tempdir().unwrap();
    let workers = Workers::on_disk(folder.path());
    let keyed = |call: &str, key: &str| {
        let mut command = workers.command("worker", "w", call);
        command.args(["--key", key]).output().unwrap()
    };
    for _ in 0..2 {
        assert_eq!(stdout(&keyed("count-often(2)", "a")), "\"2 2\"");
    }
    assert_eq!(stdout(&keyed("count-often(2)", "b")), "\"4 4\"");
    let text = refused(&keyed("count-often(3)", "a"));
    assert!(text.contains("with other arguments"), "{text}");
    // What failed failed for good.
    for _ in 0..2 {
        let text = refused(&keyed("fail()", "c"));
        assert!(text.contains("unreachable"), "{text}");
    }
    assert_eq!(workers.call("counts()"), "\"4 4\"");
}

/// Kills the process at random moments of an invocation, so often at most, until it comes to its end.
fn kill_at_random(workers: &Workers, rounds: u32, most: u32, seed: u64) {
    let mut random = seed;
    let (mut counted, mut ended) = (0, 0);
    for round in 0..rounds {
        let key = format!("round-{round}");
        counted += 200;
        loop {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let mut command = workers.command("worker", "w", "count-often(200)");
            command.args(["--key", &key]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut process = command.spawn().unwrap();
            let patience = if ended < most * (round + 1) {
                std::time::Duration::from_millis(50 + (random >> 33) % 400)
            } else {
                support::PATIENCE
            };
            let (sender, receiver) = std::sync::mpsc::channel::<()>();
            let pid = process.id().to_string();
            let killing = std::thread::spawn(move || {
                if receiver.recv_timeout(patience).is_err() {
                    drop(Command::new("kill").args(["-KILL", &pid]).status());
                }
            });
            let mut text = String::new();
            std::io::Read::read_to_string(&mut process.stdout.take().unwrap(), &mut text).unwrap();
            let mut errors = String::new();
            let mut stderr = process.stderr.take().unwrap();
            std::io::Read::read_to_string(&mut stderr, &mut errors).unwrap();
            // It may have ended, too.
            let _ = sender.send(());
            killing.join().unwrap();
            ended += u32::from(process.wait().unwrap().code().is_none());
            if errors.contains("may have happened") {
                workers.decide();
                continue;
            }
            // Before the lease of the process that was killed ends.
            assert!(
                errors.is_empty() || errors.contains("is run by"),
                "{errors}"
            );
            if !text.is_empty() {
                assert_eq!(text.trim_end(), format!("\"{counted} {counted}\""));
                break;
            }
        }
    }
    println!("killed {ended} times");
}

fn seed() -> u64 {
    let seed = std::env::var("KEYWELL_SEED").ok();
    let seed = seed.map_or(u64::from(std::process::id()), |seed| seed.parse().unwrap());
    println!("KEYWELL_SEED={seed}");
    seed
}

#[test]
fn a_count_is_exact_after_kills_at_random_moments_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    kill_at_random(&Workers::on_disk(folder.path()), 6, 15, seed());
}

#[tokio::test]
async fn a_count_is_exact_after_kills_at_random_moments_on_redis() {
    let redis = Redis::start().await.unwrap();
    let workers = Workers(format!("{}?layout=journal", redis.url()));
    let killing = move || kill_at_random(&workers, 2, 1, seed());
    tokio::task::spawn_blocking(killing).await.unwrap();
}

#[test]
fn a_sleep_ends_at_its_time_also_in_another_process() {
    let folder = tempfile::tempdir().unwrap();
    let workers = Workers::on_disk(folder.path());
    let nap = || {
        let mut command = workers.command("worker", "w", "nap(3000)");
        command.args(["--key", "nap", "--timeout", "1s"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let mut process = nap().spawn().unwrap();
    let began = std::time::Instant::now();
    // By way of the process that sleeps, once it has made the worker.
    loop {
        let shown = workers.worker(&["show", "w"]);
        if String::from_utf8_lossy(&shown.stdout).contains("wakes") {
            break;
        }
        assert!(process.try_wait().unwrap().is_none(), "it ended");
        assert!(began.elapsed() < support::PATIENCE);
    }
    process.kill().unwrap();
    process.wait().unwrap();
    // Its sleep does not count as its time.
    let slept: u64 = stdout(&nap().output().unwrap()).parse().unwrap();
    assert!((3000..60_000).contains(&slept), "{slept}");
    assert_eq!(workers.call("counts()"), "\"1 \"");
}

#[test]
fn what_cannot_be_recorded_is_refused_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let workers = Workers::on_disk(folder.path());
    let refusal = |component: &str, arguments: &[&str]| {
        let mut command = workers.command(component, "w", "anything()");
        refused(&command.args(arguments).output().unwrap())
    };
    let text = refusal("counter_0_3", &[]);
    assert!(text.contains("it is asynchronous (WASI 0.3)"), "{text}");
    let memory = keywell()
        .args(["invoke", "--store", "memory:", "--worker", "w"])
        .arg(guest("worker"))
        .arg("count()")
        .output();
    assert!(refused(&memory.unwrap()).contains("lives inside one process"));
    let mut dirs = workers.command("worker", "w", "count()");
    let dirs = dirs
        .args(["--dir", folder.path().to_str().unwrap()])
        .output();
    assert!(refused(&dirs.unwrap()).contains("a worker has no folders"));
}

#[test]
fn an_operator_pauses_resumes_and_deletes_a_worker() {
    let folder = tempfile::tempdir().unwrap();
    let workers = Workers::on_disk(folder.path());
    assert_eq!(workers.call("count()"), "\"1 1\"");
    assert!(stdout(&workers.worker(&["list"])).starts_with("w  idle, "));
    stdout(&workers.worker(&["pause", "w"]));
    let text = refused(&workers.invoke("count()"));
    assert!(text.contains("it is paused"), "{text}");
    assert!(stdout(&workers.worker(&["show", "w"])).contains("paused"));
    stdout(&workers.worker(&["resume", "w"]));
    assert_eq!(workers.call("count()"), "\"2 2\"");
    let text = refused(&workers.worker(&["resolve", "w", "applied"]));
    assert!(text.contains("has no interrupted effect"), "{text}");
    let other = workers.command("cart", "w", "get-cart()").output();
    let text = refused(&other.unwrap());
    assert!(
        text.contains("worker w runs the component sha256:"),
        "{text}"
    );
    stdout(&workers.worker(&["delete", "w"]));
    assert_eq!(stdout(&workers.worker(&["list"])), "");
    assert_eq!(workers.call("count()"), "\"1 3\"");
}

/// `cargo xtask demo --worker`, of the program that is tested.
#[test]
fn the_demonstration_shows_the_cart_of_a_process_that_was_killed() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let output = Command::new(cargo)
        .current_dir(root)
        .args(["run", "--quiet", "--locked", "-p", "xtask", "--"])
        .args(["demo", "--worker", "--once"])
        .args(["--program", env!("CARGO_BIN_EXE_keywell")])
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shown}\n{errors}");
    let cart = "[{product: \"coffee\", quantity: 1}, {product: \"tea\", quantity: 3}]";
    let (_, after) = shown.split_once("kill -9").unwrap();
    assert!(after.contains(cart), "{shown}");
}
