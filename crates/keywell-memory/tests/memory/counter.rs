use keywell_store::Invalid;

use crate::support::{bucket, get, invalid, now, set, value};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn increments_of_32_tasks_are_all_counted() {
    let bucket = bucket();
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let bucket = bucket.clone();
            tokio::spawn(async move {
                let mut sums = Vec::new();
                for _ in 0..1000 {
                    sums.push(bucket.increment("n", 1).await.expect("it counts"));
                }
                sums
            })
        })
        .collect();
    let mut sums = Vec::new();
    for task in tasks {
        sums.extend(task.await.expect("it does not panic"));
    }
    sums.sort_unstable();
    assert!(sums.into_iter().eq(1..=32_000), "each sum is answered once");
    assert_eq!(value(&*bucket, "n").as_deref(), Some("32000"));
}

#[test]
fn a_counter_starts_at_zero_and_reads_as_its_decimal_text() {
    let bucket = bucket();
    assert_eq!(now(bucket.increment("n", -7)), -7);
    assert_eq!(value(&*bucket, "n").as_deref(), Some("-7"));
    set(&*bucket, "n", "40");
    assert_eq!(now(bucket.increment("n", 2)), 42);
    assert_eq!(now(bucket.increment("n", 0)), 42);
}

#[test]
fn past_either_end_of_the_range_nothing_is_changed() {
    let bucket = bucket();
    for (end, delta) in [(i64::MAX, 1), (i64::MIN, -1)] {
        set(&*bucket, "n", end.to_string());
        let before = get(&*bucket, "n");
        assert_eq!(invalid(bucket.increment("n", delta)), Invalid::Overflow);
        assert_eq!(get(&*bucket, "n"), before);
        assert_eq!(now(bucket.increment("n", -delta)), end - delta);
    }
}

#[test]
fn what_is_not_a_number_is_refused_and_left_alone() {
    let bucket = bucket();
    for text in ["", "seven", "1.0", "+1", "007", " 1", "9223372036854775808"] {
        set(&*bucket, "n", text);
        let before = get(&*bucket, "n");
        assert_eq!(invalid(bucket.increment("n", 1)), Invalid::NotANumber);
        assert_eq!(get(&*bucket, "n"), before, "{text:?}");
    }
    // The bucket still works.
    assert_eq!(now(bucket.increment("other", 1)), 1);
}
