use bytes::Bytes;
use std::time::Duration;

use keywell_store::{BucketName, Change, Expected, Set, Swap};

use crate::failure::{Verdict, holds, same};
use crate::scratch::{Scratch, fill, keys, set, set_for, value};

pub(crate) async fn two_buckets_share_no_keys(scratch: &Scratch<'_>) -> Verdict {
    let (one, other) = (scratch.bucket().await?, scratch.beside("-other").await?);
    let promise = "two buckets share no keys";
    set(&one, "k", "of the one").await?;
    same(value(&other, "k").await?, None, promise)?;
    set(&other, "k", "of the other").await?;
    same(value(&one, "k").await?, Some("of the one".into()), promise)?;
    same(
        value(&other, "k").await?,
        Some("of the other".into()),
        promise,
    )
}

/// Separators with which stores join names and keys.
const JOINTS: [&str; 12] = [
    ":",
    "/",
    ".",
    "-",
    "_",
    "|",
    "::",
    " ",
    "#",
    "%",
    "\u{1f5dd}",
    "{}",
];

pub(crate) async fn names_and_keys_that_collide_when_joined_stay_apart(
    scratch: &Scratch<'_>,
) -> Verdict {
    for joint in JOINTS {
        // `a` with the key `b:c`, and `a:b` with the key `c`.
        let short = scratch.bucket().await?;
        let long = scratch.beside(&format!("{joint}b")).await?;
        let (in_short, in_long) = (format!("b{joint}c"), "c".to_owned());
        set(&short, &in_short, "of the short name").await?;
        let promise = "a bucket `a` with the key `b:c` is not one `a:b` with the key `c`";
        same(value(&long, &in_long).await?, None, promise)?;
        set(&long, &in_long, "of the long name").await?;
        let read = value(&short, &in_short).await?;
        same(read, Some("of the short name".into()), promise)?;
        short.delete(&in_short).await?;
        let read = value(&long, &in_long).await?;
        same(read, Some("of the long name".into()), promise)?;
        same(value(&short, &in_long).await?, None, promise)?;
    }
    Ok(())
}

pub(crate) async fn a_listing_has_its_own_bucket_only(scratch: &Scratch<'_>) -> Verdict {
    let own = scratch.bucket().await?;
    fill(&own, &["a", "b"]).await?;
    for joint in JOINTS {
        let other = scratch.beside(joint).await?;
        fill(&other, &["c", "d"]).await?;
    }
    for (prefix, expected) in [("", vec!["a", "b"]), ("c", vec![]), (":", vec![])] {
        let mut listed = keys(&own, prefix, 1).await?;
        listed.sort_unstable();
        let expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
        same(
            listed,
            expected,
            "a listing has the keys of its own bucket only",
        )?;
    }
    Ok(())
}

pub(crate) async fn a_deletion_leaves_other_buckets(scratch: &Scratch<'_>) -> Verdict {
    let (one, other) = (scratch.bucket().await?, scratch.beside("-other").await?);
    fill(&one, &["a", "b"]).await?;
    fill(&other, &["a", "b"]).await?;
    one.delete("a").await?;
    one.delete_many(&["b"]).await?;
    for key in ["a", "b"] {
        let kept = value(&other, key).await?;
        same(
            kept,
            Some(key.into()),
            "a deletion in one bucket leaves the other",
        )?;
    }
    Ok(())
}

pub(crate) async fn counters_of_two_buckets_count_apart(scratch: &Scratch<'_>) -> Verdict {
    let (one, other) = (scratch.bucket().await?, scratch.beside("-other").await?);
    for n in 1..=5 {
        let promise = "counters of two buckets count apart";
        same(one.increment("n", 1).await?, n, promise)?;
        same(other.increment("n", -10).await?, -10 * n, promise)?;
    }
    Ok(())
}

pub(crate) async fn a_write_makes_no_swap_of_another_bucket_stale(
    scratch: &Scratch<'_>,
) -> Verdict {
    let (one, other) = (scratch.bucket().await?, scratch.beside("-other").await?);
    let promise = "a write in one bucket makes no swap of another stale";
    let put = || Change::Set("swapped".into(), Set::default());
    let version = set(&one, "k", "v").await?;
    set(&other, "k", "v").await?;
    set(&other, "absent", "v").await?;
    for (key, expected) in [("k", Expected::At(version)), ("absent", Expected::Absent)] {
        let done = one.swap(key, expected, put()).await?;
        holds(matches!(done, Swap::Done(Some(_))), &done, promise)?;
        let kept = value(&other, key).await?;
        same(kept, Some("v".into()), "a swap keeps to its bucket")?;
    }
    Ok(())
}

pub(crate) async fn batches_keep_to_their_bucket(scratch: &Scratch<'_>) -> Verdict {
    let (one, other) = (scratch.bucket().await?, scratch.beside("-other").await?);
    let promise = "a batch keeps to its bucket";
    fill(&one, &["a", "b"]).await?;
    let there = |entries: Vec<Option<_>>| entries.iter().map(Option::is_some).collect::<Vec<_>>();
    same(
        there(other.get_many(&["a", "b"]).await?),
        vec![false, false],
        promise,
    )?;
    other
        .set_many(vec![("b", "1".into()), ("c", "2".into())])
        .await?;
    same(
        there(one.get_many(&["a", "b", "c"]).await?),
        vec![true, true, false],
        promise,
    )?;
    same(value(&one, "b").await?, Some("b".into()), promise)?;
    other.delete_many(&["a", "b", "c"]).await?;
    same(
        there(one.get_many(&["a", "b"]).await?),
        vec![true, true],
        promise,
    )
}

pub(crate) async fn names_of_buckets_are_compared_byte_by_byte(scratch: &Scratch<'_>) -> Verdict {
    let suffixes = ["a", "A", "a ", "aa", "e\u{301}", "é", "1", "01"];
    for suffix in suffixes {
        let bucket = scratch.beside(suffix).await?;
        let promise = "names of buckets that differ in a byte are different";
        same(value(&bucket, "k").await?, None, promise)?;
        set(&bucket, "k", suffix).await?;
    }
    for suffix in suffixes {
        let bucket = scratch.beside(suffix).await?;
        let read = value(&bucket, "k").await?;
        same(
            read,
            Some(Bytes::from(suffix)),
            "a bucket is found again by its name",
        )?;
    }
    Ok(())
}

pub(crate) async fn a_bucket_may_have_any_name(scratch: &Scratch<'_>) -> Verdict {
    let room = BucketName::MAX_BYTES - scratch.name("")?.as_str().len();
    let longest = "n".repeat(room);
    let long = "n".repeat(room - 1);
    let names = [
        "/../../x", "..", "/", "\\", "*", "?", "[a]", "'; --", "\"", "$(x)", "%00", " ", ".lock",
        "🗝", "ключ", "a=b&c", "#x", ":6379/0", "{slot}", &long, &longest,
    ];
    for suffix in names {
        let bucket = scratch.beside(suffix).await?;
        set(&bucket, "k", suffix).await?;
    }
    for suffix in names {
        let bucket = scratch.beside(suffix).await?;
        let read = value(&bucket, "k").await?;
        let promise = "a bucket may have any name of up to 255 bytes";
        same(
            read,
            Some(Bytes::copy_from_slice(suffix.as_bytes())),
            promise,
        )?;
    }
    Ok(())
}

pub(crate) async fn a_time_to_live_keeps_to_its_bucket(scratch: &Scratch<'_>) -> Verdict {
    let (one, other) = (scratch.bucket().await?, scratch.beside("-other").await?);
    set(&one, "k", "v").await?;
    set_for(&other, "k", "v", Duration::from_millis(60)).await?;
    let ends = || async { Ok(!other.exists("k").await?) };
    scratch.until("the time of the key ends", ends).await?;
    let kept = value(&one, "k").await?;
    same(
        kept,
        Some("v".into()),
        "what expires in one bucket stays in another",
    )
}
