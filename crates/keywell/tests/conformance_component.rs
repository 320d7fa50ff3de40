//! The conformance suite as a component, on every store that needs no server but Redis.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;

use keywell::wasi::Generation;
use keywell_servers::Redis;
use support::{guest, keywell};

const DRAFT: &str = "conformance-draft";
const DRAFT2: &str = "conformance-draft2";
const DRAFT2_PAIRS: &str = "conformance-draft2-pairs";
const V0_1_0: &str = "conformance-0-1-0";
const UNVERSIONED: &str = "conformance-unversioned";
const DRAFTS: [&str; 3] = [DRAFT, DRAFT2, DRAFT2_PAIRS];
/// Those whose values and errors are resources.
const OLDER: [&str; 2] = [V0_1_0, UNVERSIONED];
const OWN: &str = "conformance-keywell";

/// What a run printed, as a TAP consumer reads it.
struct Run {
    succeeded: bool,
    plan: usize,
    /// Each point in order: whether it is `ok`, and its description with the directive.
    points: Vec<(bool, String)>,
    text: String,
}

fn run(component: &str, store: &str, arguments: &[&str]) -> Run {
    let output = keywell()
        .arg("run")
        .arg(guest(component))
        .args(["--store", store, "--"])
        .args(arguments)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("TAP version 14"), "{text}");
    let plan = lines.next().and_then(|line| line.strip_prefix("1.."));
    let plan = plan.unwrap_or_else(|| panic!("no plan in {text}")).parse();
    let mut points = Vec::new();
    for line in lines {
        let (ok, point) = match (line.strip_prefix("ok "), line.strip_prefix("not ok ")) {
            (Some(point), _) => (true, point),
            (_, Some(point)) => (false, point),
            _ => continue,
        };
        let (number, description) = point.split_once(" - ").unwrap();
        assert_eq!(number.parse(), Ok(points.len() + 1), "{text}");
        points.push((ok, description.to_owned()));
    }
    Run {
        succeeded: output.status.code() == Some(0),
        plan: plan.unwrap(),
        points,
        text,
    }
}

// === impl Run ===

impl Run {
    fn broken(&self) -> Vec<&str> {
        let broken = self.points.iter().filter(|(ok, _)| !ok);
        broken.map(|(_, description)| &**description).collect()
    }
}

/// Runs the whole suite on each store, where the key of another program has to stay as it is.
fn passes(component: &str, at_least: usize, not_offered: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let disk = disk(folder.path());
    for (store, bucket) in [("memory:", ""), ("memory:", "cups")] {
        passes_in(component, store, bucket, at_least, not_offered);
    }
    passes_beside_others(component, &disk, at_least, not_offered);
}

/// Runs the whole suite in the bucket `cups`, where the key of another program has to stay as it
/// is.
fn passes_beside_others(component: &str, store: &str, at_least: usize, not_offered: &[&str]) {
    kv(store, &["set", "theirs", "untouched"]);
    passes_in(component, store, "cups", at_least, not_offered);
    assert_eq!(kv(store, &["list"]), "theirs\n");
    assert_eq!(kv(store, &["get", "theirs"]), "untouched");
}

fn passes_in(component: &str, store: &str, bucket: &str, at_least: usize, not_offered: &[&str]) {
    let run = run(component, store, &[bucket]);
    assert_eq!(run.broken(), not_offered, "{store}: {}", run.text);
    assert!(run.succeeded, "{store}: {}", run.text);
    assert_eq!(run.points.len(), run.plan, "{store}: {}", run.text);
    assert!(run.plan >= at_least, "only {} behaviours", run.plan);
}

fn disk(folder: &Path) -> String {
    format!("disk:{}", folder.display())
}

fn kv(store: &str, arguments: &[&str]) -> String {
    let mut keywell = keywell();
    keywell.arg("kv").args(arguments);
    let output = keywell
        .args(["--store", store, "--bucket", "cups"])
        .output();
    let output = output.unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// Stores count with a sign, so the upper half of an unsigned counter is an error, which the
/// interface allows.
#[test]
fn draft_passes_on_every_store() {
    let upper_half = "atomics.increment: a counter reaches the top of its type # TODO may";
    passes(DRAFT, 80, &[upper_half]);
}

#[test]
fn draft2_passes_on_every_store() {
    passes(DRAFT2, 110, &[]);
}

#[test]
fn draft2_with_pairs_passes_on_every_store() {
    passes(DRAFT2_PAIRS, 113, &[]);
}

#[test]
fn v0_1_0_passes_on_every_store() {
    passes(V0_1_0, 75, &[]);
}

#[test]
fn the_one_without_a_version_passes_on_every_store() {
    passes(UNVERSIONED, 75, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_older_generations_pass_on_redis() {
    for component in OLDER {
        for layout in ["plain", "journal"] {
            let redis = Redis::start().await.unwrap();
            let store = format!("{}?layout={layout}", redis.url());
            passes_beside_others(component, &store, 75, &[]);
        }
    }
}

#[test]
fn a_bucket_that_is_not_granted_ends_the_run_with_the_trace_of_an_error() {
    for component in OLDER {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "[store.main]\nurl = \"memory:\"\n\
             [component.suite]\npath = {:?}\nbuckets = {{ default = \"cups\" }}\n\
             \n[[trigger.command]]\ncomponent = \"suite\"\narguments = [\"cups\"]\n",
            guest(component).to_str().unwrap(),
        );
        std::fs::write(folder.path().join("keywell.toml"), text).unwrap();
        let mut up = keywell();
        let output = up.arg("up").current_dir(folder.path()).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        let refused = "Bail out! types.bucket.open-bucket of \"cups\" answered an error with the \
                       trace \"access denied: this bucket is not granted\"";
        assert!(printed.contains(refused), "{output:?}");
    }
}

#[test]
fn keywells_own_interface_passes_on_every_store() {
    passes(OWN, 70, &[]);
}

/// Its plain layouts make versions of values, and hear of changes by keyspace events.
#[tokio::test]
async fn keywells_own_interface_passes_on_redis() {
    let redis = Redis::builder().config("notify-keyspace-events AKE");
    let redis = redis.start().await.unwrap();
    // Whether those of plain are listed in order is up to the server.
    let is_order = |broken: &&str| broken.contains("keys come in the order of their bytes");
    for (layout, not_offered) in [
        ("journal", &[][..]),
        (
            "plain",
            &[
                "store.bucket.set: an equal value has another version # TODO may",
                "store.bucket.set: a key created again has another version # TODO may",
                "watch.subscribe: it resumes after an event # TODO may",
                "watch.subscription.reached: it resumes from where it has come # TODO may",
            ],
        ),
    ] {
        // A slow machine is no fault.
        let url = format!("{}?layout={layout}&answer-timeout=20s", redis.url());
        let run = run(OWN, &url, &["cups"]);
        let mut broken = run.broken();
        broken.retain(|broken| layout == "journal" || !is_order(broken));
        assert_eq!(broken, not_offered, "{layout}: {}", run.text);
        assert!(run.succeeded, "{layout}: {}", run.text);
        assert_eq!(run.points.len(), run.plan, "{layout}: {}", run.text);
    }
}

#[test]
fn each_behaviour_passes_by_itself() {
    for component in DRAFTS.into_iter().chain(OLDER).chain([OWN]) {
        let run = run(component, "memory:", &["", "--only", "3", "--only", "27"]);
        assert!(run.succeeded && run.broken().is_empty(), "{}", run.text);
        assert_eq!((run.plan, run.points.len()), (2, 2), "{}", run.text);
    }
}

#[test]
fn a_bucket_that_does_not_open_ends_the_run() {
    for component in DRAFTS.into_iter().chain(OLDER).chain([OWN]) {
        let run = run(component, "memory:", &["a\nb"]);
        assert!(!run.succeeded, "{}", run.text);
        assert!(run.points.is_empty(), "{}", run.text);
        let last = run.text.lines().last().unwrap();
        let open = if OLDER.contains(&component) {
            "types.bucket.open-bucket"
        } else {
            "store.open"
        };
        let expected = format!("Bail out! {open} of ");
        assert!(last.starts_with(&expected), "{last}");
    }
}

#[test]
fn a_broken_promise_is_reported_and_fails_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let disk = disk(folder.path());
    // Where behaviour 3 expects no key; a run that was cut off leaves such keys.
    kv(&disk, &["set", "conformance/3/missing", "here"]);
    for component in DRAFTS {
        let run = run(component, &disk, &["cups"]);
        assert!(!run.succeeded, "{}", run.text);
        assert_eq!(run.points.len(), run.plan, "{}", run.text);
        let promise = "store.bucket.get: a missing key is none # must";
        assert_eq!(run.broken()[0], promise, "{}", run.text);
        let story =
            "  ---\n  promised: \"get answers none\"\n  answered: \"\\\"here\\\"\"\n  ...\n";
        assert!(run.text.contains(story), "{}", run.text);
    }
}

#[test]
fn what_a_run_left_is_removed_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let disk = disk(folder.path());
    kv(&disk, &["set", "conformance/3/missing", "here"]);
    kv(&disk, &["set", "conformance.txt", "untouched"]);
    let output = keywell()
        .arg("run")
        .arg(guest(DRAFT2))
        .args(["--store", &disk, "--", "cups", "--clean"])
        .output()
        .unwrap();
    assert_eq!(output.stdout, b"keys removed: 1\n");
    assert_eq!(kv(&disk, &["list"]), "conformance.txt\n");
}

#[test]
fn every_generation_is_in_the_readme_and_has_a_component_of_the_suite() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    for generation in Generation::ALL {
        let component = match generation {
            Generation::Draft => DRAFT,
            Generation::Draft2 => DRAFT2,
            Generation::Draft2Pairs => DRAFT2_PAIRS,
            Generation::V0_1_0 => V0_1_0,
            Generation::Unversioned => UNVERSIONED,
            Generation::Own => OWN,
            _ => panic!("{generation} has no component of the suite"),
        };
        let output = keywell().arg("inspect").arg(guest(component)).output();
        let text = String::from_utf8(output.unwrap().stdout).unwrap();
        let (name, package) = (generation.to_string(), generation.package());
        let name = name.rsplit('@').next().unwrap();
        let is_named = |line: &str| line.starts_with(package) && line.ends_with(name);
        assert!(text.lines().any(is_named), "{name}: {text}");
        let is_unversioned = generation == Generation::Unversioned;
        let shown = match name.split(' ').next().unwrap() {
            _ if is_unversioned => format!("`{package}` without a version"),
            version => format!("`{package}@{version}`"),
        };
        assert!(readme.contains(&shown), "README.md has no {shown}");
    }
}
