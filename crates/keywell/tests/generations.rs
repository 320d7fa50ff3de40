//! The same script, on every generation of `wasi:keyvalue` and every store.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{guest, keywell};

const DRAFT: &str = "probe-draft";
const DRAFT2: &str = "probe-draft2";
const PAIRS: &str = "probe-draft2-pairs";
const V0_1_0: &str = "probe-0-1-0";
const UNVERSIONED: &str = "probe-unversioned";
/// Those whose values and errors are resources.
const VALUED: [&str; 2] = [V0_1_0, UNVERSIONED];

/// What each step printed, without the step itself.
fn run(probe: &str, store: &str, script: &[&str]) -> Vec<String> {
    let output = keywell()
        .arg("run")
        .arg(guest(probe))
        .args(["--store", store, "--"])
        .args(script)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{probe} on {store}: {error}");
    let text = String::from_utf8(output.stdout).unwrap();
    let answers = text.lines().map(|line| {
        let (_, answer) = line.split_once(" ->").unwrap_or_else(|| panic!("{line:?}"));
        answer.trim_start().to_owned()
    });
    let answers: Vec<String> = answers.collect();
    assert_eq!(answers.len(), script.len(), "{text}");
    answers
}

/// Runs a script on each store, each new, and expects the same answers of all.
fn expect(probes: &[&str], steps: &[(&str, &str)]) {
    let (script, expected): (Vec<&str>, Vec<&str>) = steps.iter().copied().unzip();
    for probe in probes {
        let folder = tempfile::tempdir().unwrap();
        for store in ["memory:", &format!("disk:{}", folder.path().display())] {
            let answers = run(probe, store, &script);
            for ((step, expected), answer) in script.iter().zip(&expected).zip(&answers) {
                assert_eq!(answer, expected, "{step} of {probe} on {store}");
            }
        }
    }
}

#[test]
fn a_store_is_read_and_written() {
    expect(
        &[DRAFT, DRAFT2, PAIRS],
        &[
            ("open:", "ok"),
            ("get:k", "none"),
            ("exists:k", "false"),
            ("set:k=v", "ok"),
            ("get:k", "some \"v\""),
            ("exists:k", "true"),
            ("open:default", "ok"),
            ("get:k", "some \"v\""),
            ("open:other", "ok"),
            ("get:k", "none"),
            ("set:empty=", "ok"),
            ("get:empty", "some \"\""),
            ("delete:empty", "ok"),
            ("delete:empty", "ok"),
            ("get:empty", "none"),
            ("get:", "error other: a key must not be empty"),
            ("drop", "ok"),
        ],
    );
}

#[test]
fn keys_of_every_kind_are_kept_apart() {
    expect(
        &[DRAFT, DRAFT2],
        &[
            ("open:a:b", "ok"),
            ("set:c=1", "ok"),
            ("open:a", "ok"),
            ("get:b:c", "none"),
            ("set:*=star", "ok"),
            ("set:?[x]=glob", "ok"),
            ("set:café & b=ü", "ok"),
            ("get:*", "some \"star\""),
            ("get:café & b", "some \"ü\""),
            ("list", "*,?[x],café & b"),
        ],
    );
}

#[test]
fn counters_are_decimal_text() {
    expect(
        &[DRAFT, DRAFT2, PAIRS],
        &[
            ("open:", "ok"),
            ("increment:n=41", "41"),
            ("increment:n=1", "42"),
            ("get:n", "some \"42\""),
            ("set:n=007", "ok"),
            ("increment:n=1", "error other: the value is not a number"),
            ("get:n", "some \"007\""),
            ("set:n=9223372036854775806", "ok"),
            ("increment:n=1", "9223372036854775807"),
            (
                "increment:n=1",
                "error other: the counter would leave its range",
            ),
            ("get:n", "some \"9223372036854775807\""),
        ],
    );
}

#[test]
fn a_signed_counter_goes_below_zero_and_an_unsigned_one_does_not() {
    expect(
        &[DRAFT2],
        &[
            ("open:", "ok"),
            ("increment:n=-7", "-7"),
            ("set:n=-9223372036854775808", "ok"),
            (
                "increment:n=-1",
                "error other: the counter would leave its range",
            ),
        ],
    );
    expect(
        &[DRAFT],
        &[
            ("open:", "ok"),
            ("set:n=-7", "ok"),
            (
                "increment:n=3",
                "error other: the counter would leave its range",
            ),
            ("get:n", "some \"-7\""),
            ("increment:n=9", "2"),
            (
                "increment:n=18446744073709551615",
                "error other: the counter would leave its range",
            ),
            ("get:n", "some \"2\""),
        ],
    );
}

#[test]
fn a_swap_writes_only_what_it_read() {
    expect(
        &[DRAFT2, PAIRS],
        &[
            ("open:", "ok"),
            ("cas-new:k", "ok"),
            ("cas-current", "none"),
            ("swap:first", "ok"),
            ("get:k", "some \"first\""),
            // Another client creates the key between the read and the swap.
            ("cas-new:created", "ok"),
            ("set:created=theirs", "ok"),
            ("swap:mine", "cas-failed"),
            ("get:created", "some \"theirs\""),
            // The handle that came with the failure is fresh.
            ("cas-current", "some \"theirs\""),
            ("swap:mine", "ok"),
            ("get:created", "some \"mine\""),
            // Changed and changed back is changed.
            ("set:k=A", "ok"),
            ("cas-new:k", "ok"),
            ("set:k=B", "ok"),
            ("set:k=A", "ok"),
            ("swap:stale", "cas-failed"),
            ("get:k", "some \"A\""),
            // Deleted, and created again with the same value, too.
            ("cas-new:k", "ok"),
            ("delete:k", "ok"),
            ("set:k=A", "ok"),
            ("swap:stale", "cas-failed"),
            ("delete:k", "ok"),
            ("swap:stale", "cas-failed"),
            ("get:k", "none"),
        ],
    );
}

#[test]
fn batches_answer_in_the_order_asked() {
    let steps = |first: &'static str, second: &'static str| {
        [
            ("open:", "ok"),
            ("set-many:b=2,a=1,b=3", "ok"),
            ("get-many:b,none,a,b", first),
            ("delete-many:a,none", "ok"),
            ("get-many:a,b", second),
        ]
    };
    expect(
        &[DRAFT, DRAFT2],
        &steps("b=\"3\",none,a=\"1\",b=\"3\"", "none,b=\"3\""),
    );
    expect(
        &[PAIRS],
        &steps("b=\"3\",none=none,a=\"1\",b=\"3\"", "a=none,b=\"3\""),
    );
}

#[test]
fn a_listing_goes_over_pages_and_refuses_foreign_cursors() {
    let keys: Vec<String> = (0..2500).map(|n| format!("key-{n:05}")).collect();
    let entries: Vec<String> = keys.iter().map(|key| format!("{key}=v")).collect();
    let set_many = format!("set-many:{}", entries.join(","));
    let script = ["open:pages", &set_many, "list-page", "list", "open:others"];
    for probe in [DRAFT, DRAFT2] {
        let folder = tempfile::tempdir().unwrap();
        for store in ["memory:", &format!("disk:{}", folder.path().display())] {
            let answers = run(probe, store, &script);
            assert_eq!(answers[3], keys.join(","), "{probe} on {store}");
            let (page, cursor) = answers[2].split_once(" cursor ").unwrap();
            assert_eq!(page, keys[..1000].join(","));
            assert!(!cursor.contains("00999"), "a cursor is opaque: {cursor}");
        }
        let forged = if probe == DRAFT {
            "list-cursor:1"
        } else {
            "list-cursor:forged"
        };
        let answers = run(probe, "memory:", &["open:pages", forged]);
        assert!(
            answers[1].starts_with("error other: the cursor was not handed out"),
            "{answers:?}"
        );
    }
}

#[test]
fn a_cursor_survives_a_restart_where_the_store_does() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("disk:{}", folder.path().display());
    let entries: Vec<String> = (0..1500).map(|n| format!("key-{n:05}=v")).collect();
    let set_many = format!("set-many:{}", entries.join(","));
    let answers = run(DRAFT2, &store, &["open:", &set_many, "list-page"]);
    let (_, cursor) = answers[2].split_once(" cursor ").unwrap();
    let go_on = format!("list-cursor:{}", cursor.trim_matches('"'));
    let answers = run(DRAFT2, &store, &["open:", &go_on, "open:other", &go_on]);
    assert!(
        answers[1].starts_with("key-01000,key-01001,"),
        "{}",
        answers[1]
    );
    assert!(answers[1].ends_with("key-01499 end"), "{}", answers[1]);
    assert!(
        answers[3].starts_with("error other: the cursor"),
        "{}",
        answers[3]
    );
}

#[test]
fn a_value_is_what_was_written_to_it_when_it_was_set() {
    expect(
        &VALUED,
        &[
            ("open:", "ok"),
            ("set:k=green", "ok"),
            ("get:k", "some \"green\""),
            ("get-stream:k", "some \"green\""),
            ("size:k", "5"),
            ("set:k=green+ +tea", "ok"),
            ("get:k", "some \"green tea\""),
            ("set-stream:k=oolong+ +tea", "ok"),
            ("get:k", "some \"oolong tea\""),
            ("get-stream:k", "some \"oolong tea\""),
            ("set-early:k=black+ tea", "ok"),
            ("get:k", "some \"black\""),
            ("set-again:k=white+ tea", "ok"),
            ("get:k", "some \"white tea\""),
            ("set:empty=", "ok"),
            ("get:empty", "some \"\""),
            ("get-stream:empty", "some \"\""),
            ("size:empty", "0"),
            ("exists:k", "true"),
            ("delete:k", "ok"),
            ("delete:k", "ok"),
            ("exists:k", "false"),
            ("set:=v", "error a key must not be empty"),
        ],
    );
}

#[test]
fn a_value_is_consumed_once() {
    expect(
        &VALUED,
        &[
            ("open:", "ok"),
            ("set:k=v", "ok"),
            ("get-twice:k", "\"v\" \"\""),
        ],
    );
}

#[test]
fn a_missing_key_is_none_or_an_error_with_the_trace_that_guests_compare_with() {
    let missing = |outcome| {
        vec![
            ("open:", "ok"),
            ("get:missing", outcome),
            (
                "hold-missing:10000",
                if outcome == "none" {
                    "0"
                } else {
                    "10000 Key not found"
                },
            ),
            ("set:k=v", "ok"),
        ]
    };
    expect(&[V0_1_0], &missing("none"));
    expect(&[UNVERSIONED], &missing("error Key not found"));
    expect(
        &[V0_1_0],
        &[
            ("open:", "ok"),
            ("set:a=1", "ok"),
            ("get-many:a,b,a", "\"1\",none,\"1\""),
        ],
    );
    expect(
        &[UNVERSIONED],
        &[
            ("open:", "ok"),
            ("set:a=1", "ok"),
            ("get-many:a,a", "\"1\",\"1\""),
            ("get-many:a,b,a", "error Key not found"),
        ],
    );
}

#[test]
fn values_that_are_resources_come_and_go_in_batches() {
    expect(
        &VALUED,
        &[
            ("open:", "ok"),
            ("set-many:a=1,b=2,a=3", "ok"),
            ("get-many:b,a", "\"2\",\"3\""),
            ("get-many:", ""),
            ("list", "a,b"),
            ("delete-many:a,missing", "ok"),
            ("list", "b"),
            ("batch:2500", "ok"),
            (
                "batch:10001",
                "error the batch has 10001 keys, more than the 10000 allowed",
            ),
            (
                "batch:1000000",
                "error the batch has 1000000 keys, more than the 10000 allowed",
            ),
            ("get:2499", "some \"v\""),
            ("exists:2500", "false"),
        ],
    );
}

#[test]
fn a_listing_is_whole_however_many_pages_the_store_has() {
    for probe in VALUED {
        let folder = tempfile::tempdir().unwrap();
        for store in ["memory:", &format!("disk:{}", folder.path().display())] {
            let answers = run(probe, store, &["open:", "batch:2500", "list"]);
            let mut keys: Vec<u32> = answers[2]
                .split(',')
                .map(|key| key.parse().unwrap())
                .collect();
            keys.sort_unstable();
            assert!(keys.into_iter().eq(0..2500), "{probe} on {store}");
        }
    }
}

#[test]
fn a_counter_without_a_sign_is_decimal_text_and_swapped_as_a_number() {
    let most = i64::MAX.to_string();
    let (to_most, past_most) = (
        format!("increment:most={most}"),
        format!("cas:n=2+{}", 1_u64 << 63),
    );
    expect(
        &VALUED,
        &[
            ("open:", "ok"),
            ("increment:n=2", "2"),
            ("increment:n=40", "42"),
            ("get:n", "some \"42\""),
            ("cas:n=41+7", "false"),
            ("get:n", "some \"42\""),
            ("cas:n=42+2", "true"),
            ("get:n", "some \"2\""),
            ("cas:n=2+2", "true"),
            (&past_most, "error the counter would leave its range"),
            ("cas:n=18446744073709551615+1", "false"),
            ("get:n", "some \"2\""),
            ("cas:missing=0+1", "false"),
            ("exists:missing", "false"),
            ("set:text=tea", "ok"),
            ("cas:text=0+1", "error the value is not a number"),
            ("increment:text=1", "error the value is not a number"),
            ("set:below=-7", "ok"),
            ("cas:below=7+1", "false"),
            (&to_most, &most),
            (
                "increment:most=1",
                "error the counter would leave its range",
            ),
            (
                "increment:most=18446744073709551615",
                "error the counter would leave its range",
            ),
            ("get:most", &format!("some \"{most}\"")),
        ],
    );
}

#[test]
fn what_a_guest_writes_past_its_limits_is_an_error_and_the_next_call_works() {
    const MIB: usize = 1 << 20;
    let too_large = |bytes: usize| {
        format!(
            "the value is {bytes} bytes long, more than the {} allowed",
            16 * MIB
        )
    };
    let by_stream = too_large(16 * MIB + 1);
    let held = "4 the value is 16777216 bytes long, more than the 0 allowed; the host holds at most \
                268435456 bytes for an instance, which follows from its memory limit";
    expect(
        &VALUED,
        &[
            ("open:", "ok"),
            ("large:k=16777216", "ok"),
            ("size:k", "16777216"),
            (
                "large:k=16777217",
                &format!("error {}", too_large(16 * MIB + 1)),
            ),
            ("large-stream:k=16777216", "ok"),
            (
                "large-stream:k=16777217",
                &format!("stream closed; set Err({by_stream:?})"),
            ),
            ("size:k", "16777216"),
            (
                "hold-values:5000",
                "905 at most 4096 handles may be open at once",
            ),
            ("get:k", "error at most 4096 handles may be open at once"),
            ("let-go", "ok"),
            ("hold-read:k=20", held),
            ("let-go", "ok"),
            ("hold-streams:k=20", held),
            ("let-go", "ok"),
            ("set:small=v", "ok"),
            ("get:small", "some \"v\""),
        ][..],
    );
}
