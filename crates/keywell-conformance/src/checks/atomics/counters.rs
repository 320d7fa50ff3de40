use bytes::Bytes;
use keywell_store::Invalid;

use crate::failure::{Verdict, holds, invalid, same};
use crate::scratch::{Scratch, set, value};

pub(crate) async fn an_increment_of_an_absent_key_starts_at_the_delta(
    scratch: &Scratch<'_>,
) -> Verdict {
    let bucket = scratch.bucket().await?;
    for (key, delta) in [
        ("up", 5),
        ("down", -5),
        ("top", i64::MAX),
        ("bottom", i64::MIN),
    ] {
        let promise = "a counter that is not there starts at the delta";
        same(bucket.increment(key, delta).await?, delta, promise)?;
        let read = value(&bucket, key).await?;
        same(read, Some(Bytes::from(delta.to_string())), promise)?;
    }
    set(&bucket, "again", "40").await?;
    bucket.delete("again").await?;
    let answered = bucket.increment("again", 2).await?;
    same(answered, 2, "a counter that was deleted starts over")
}

pub(crate) async fn an_increment_answers_the_new_value(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let mut sum = 0;
    for delta in [1, 1, 40, -2, 1_000_000_007, -1] {
        sum += delta;
        let answered = bucket.increment("n", delta).await?;
        same(answered, sum, "an increment answers the new value")?;
    }
    let read = value(&bucket, "n").await?;
    same(
        read,
        Some(Bytes::from(sum.to_string())),
        "what an increment answered is read",
    )
}

pub(crate) async fn an_increment_by_zero_answers_the_value(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    same(
        bucket.increment("none", 0).await?,
        0,
        "a counter that is not there counts from zero",
    )?;
    set(&bucket, "n", "42").await?;
    same(
        bucket.increment("n", 0).await?,
        42,
        "an increment by zero answers the value",
    )?;
    same(
        value(&bucket, "n").await?,
        Some("42".into()),
        "an increment by zero leaves the value",
    )
}

pub(crate) async fn a_counter_is_its_decimal_text(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let steps = [
        (42, "42"),
        (-49, "-7"),
        (7, "0"),
        (1000, "1000"),
        (-2001, "-1001"),
    ];
    for (delta, text) in steps {
        bucket.increment("n", delta).await?;
        let read = value(&bucket, "n").await?;
        same(read, Some(text.into()), "a counter is its decimal text")?;
    }
    Ok(())
}

pub(crate) async fn a_counter_can_be_set_as_text(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    for (text, next) in [("41", 42), ("0", 1), ("-1", 0), ("-8", -7), ("99", 100)] {
        set(&bucket, "n", text).await?;
        let answered = bucket.increment("n", 1).await?;
        same(
            answered,
            next,
            "a counter goes on from the text that was set",
        )?;
    }
    bucket.set_many(vec![("n", "6".into())]).await?;
    same(
        bucket.increment("n", 1).await?,
        7,
        "a counter goes on from what a batch set",
    )
}

pub(crate) async fn a_counter_counts_down_past_zero(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    for expected in [1, 0, -1, -2] {
        let delta = if expected == 1 { 1 } else { -1 };
        let answered = bucket.increment("n", delta).await?;
        same(answered, expected, "a counter counts down past zero")?;
    }
    Ok(())
}

pub(crate) async fn a_counter_reaches_both_ends_of_its_range(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    for (start, delta, end) in [
        (i64::MAX - 1, 1, i64::MAX),
        (i64::MIN + 1, -1, i64::MIN),
        (-1, i64::MAX, i64::MAX - 1),
        (-1, i64::MIN + 1, i64::MIN),
        (i64::MAX, i64::MIN, -1),
        (i64::MIN, i64::MAX, -1),
    ] {
        set(&bucket, "n", start.to_string()).await?;
        let answered = bucket.increment("n", delta).await?;
        same(
            answered,
            end,
            "a counter has the range of 64 bits, with its sign",
        )?;
        let read = value(&bucket, "n").await?;
        same(
            read,
            Some(Bytes::from(end.to_string())),
            "a counter is exact at its ends",
        )?;
    }
    Ok(())
}

pub(crate) async fn an_increment_past_the_top_is_refused(scratch: &Scratch<'_>) -> Verdict {
    let past = [
        (i64::MAX, 1),
        (i64::MAX - 1, 2),
        (1, i64::MAX),
        (i64::MAX, i64::MAX),
    ];
    are_overflows(scratch, &past).await
}

pub(crate) async fn an_increment_past_the_bottom_is_refused(scratch: &Scratch<'_>) -> Verdict {
    let past = [
        (i64::MIN, -1),
        (i64::MIN + 1, -2),
        (-1, i64::MIN),
        (i64::MIN, i64::MIN),
    ];
    are_overflows(scratch, &past).await
}

async fn are_overflows(scratch: &Scratch<'_>, past: &[(i64, i64)]) -> Verdict {
    let bucket = scratch.bucket().await?;
    for (start, delta) in past {
        set(&bucket, "n", start.to_string()).await?;
        let answered = bucket.increment("n", *delta).await;
        let promise = "an increment past the range is refused as that";
        invalid(answered, |blamed| *blamed == Invalid::Overflow, promise)?;
        let kept = value(&bucket, "n").await?;
        let start = Bytes::from(start.to_string());
        same(kept, Some(start), "a refused increment changes nothing")?;
    }
    Ok(())
}

pub(crate) async fn what_is_no_number_is_not_counted_on(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let texts = [
        "042",
        "00",
        " 1",
        "1 ",
        "+1",
        "",
        "-",
        "-0",
        "-01",
        "1.0",
        "1e3",
        "0x1",
        "1_000",
        "1,000",
        "1\n",
        "1\0",
        "\0\0\0\0\0\0\0\u{1}",
        "one",
        "٣",
        "１",
        "9223372036854775808",
        "-9223372036854775809",
        "99999999999999999999",
        "NaN",
    ];
    let others: [&[u8]; 3] = [&[0; 8], &[1, 0, 0, 0, 0, 0, 0, 0], &[0xff, 0xfe]];
    for written in texts.iter().map(|text| text.as_bytes()).chain(others) {
        set(&bucket, "n", written).await?;
        let answered = bucket.increment("n", 1).await;
        let promise = "what is not the decimal text of a number is refused as that";
        invalid(answered, |blamed| *blamed == Invalid::NotANumber, promise)?;
        let kept = value(&bucket, "n").await?;
        let written = Bytes::copy_from_slice(written);
        same(
            kept,
            Some(written),
            "a refused increment leaves the value as it is",
        )?;
    }
    Ok(())
}

pub(crate) async fn an_increment_changes_the_version(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let mut seen = vec![set(&bucket, "n", "1").await?];
    for delta in [1, 1, -2, 0] {
        bucket.increment("n", delta).await?;
        let version = bucket.get("n").await?.map(|entry| entry.version);
        let is_new = version
            .as_ref()
            .is_some_and(|version| !seen.contains(version));
        if delta != 0 {
            holds(is_new, &version, "an increment changes the version")?;
        }
        seen.extend(version);
    }
    Ok(())
}

pub(crate) async fn a_refused_increment_changes_no_version(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    for (key, written) in [("word", "one"), ("top", "9223372036854775807")] {
        let version = set(&bucket, key, written).await?;
        let answered = bucket.increment(key, 1).await;
        holds(
            answered.is_err(),
            answered,
            "an invalid increment is refused",
        )?;
        let read = bucket.get(key).await?.map(|entry| entry.version);
        same(
            read,
            Some(version),
            "a refused increment changes no version",
        )?;
    }
    same(
        bucket.increment("none", 1).await?,
        1,
        "other counters still count",
    )
}
