use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use keywell_store::{Expires, Invalid};

use super::strange;
use super::tasks::{beside, together};
use crate::failure::{Failure, Verdict, holds, invalid, same};
use crate::scratch::{Handle, Scratch, fill, longest_batch, set, value};

/// The values of these keys, by one `get_many`.
async fn values(bucket: &Handle, keys: &[&str]) -> Result<Vec<Option<Bytes>>, Failure> {
    let entries = bucket.get_many(keys).await?;
    Ok(entries
        .into_iter()
        .map(|entry| entry.map(|entry| entry.value))
        .collect())
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "it is compared with what was read"
)]
fn text(text: &str) -> Option<Bytes> {
    Some(Bytes::copy_from_slice(text.as_bytes()))
}

pub(crate) async fn get_many_answers_in_the_order_asked(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    fill(&bucket, &["a", "b", "c", "d", "e"]).await?;
    // One value is long, so that a store that answers in order of arrival answers it last.
    let long = "b".repeat(bucket.capabilities().value_bytes.min(200_000));
    set(&bucket, "b", &long).await?;
    for keys in [
        ["a", "b", "c", "d", "e"],
        ["e", "d", "c", "b", "a"],
        ["b", "e", "a", "d", "c"],
    ] {
        let expected = keys.map(|key| text(if key == "b" { &long } else { key }));
        let answered = values(&bucket, &keys).await?;
        same(
            answered,
            expected.to_vec(),
            "entries come in the order asked",
        )?;
    }
    Ok(())
}

pub(crate) async fn get_many_answers_duplicates(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    fill(&bucket, &["a", "b"]).await?;
    let answered = values(&bucket, &["a", "b", "a", "none", "a", "none"]).await?;
    let expected = vec![text("a"), text("b"), text("a"), None, text("a"), None];
    same(
        answered,
        expected,
        "a key is answered as often as it was asked",
    )
}

pub(crate) async fn get_many_separates_absent_keys_from_present_ones(
    scratch: &Scratch<'_>,
) -> Verdict {
    let bucket = scratch.bucket().await?;
    fill(&bucket, &["a", "c"]).await?;
    set(&bucket, "empty", "").await?;
    let answered = values(&bucket, &["none", "a", "b", "c", "empty", "last"]).await?;
    let expected = vec![None, text("a"), None, text("c"), text(""), None];
    same(answered, expected, "an absent key is `None` in its place")?;
    let answered = values(&bucket, &["x", "y"]).await?;
    same(answered, vec![None, None], "absent keys alone are no error")
}

pub(crate) async fn get_many_reads_what_get_reads(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    fill(&bucket, &["a", "b"]).await?;
    set(&bucket, "a", "again").await?;
    let keys = ["b", "none", "a"];
    let together = bucket.get_many(&keys).await?;
    for (key, entry) in keys.iter().zip(together) {
        let alone = bucket.get(key).await?;
        same(
            entry,
            alone,
            "get_many reads the value and the version that get reads",
        )?;
    }
    Ok(())
}

pub(crate) async fn get_with_expiry_reads_what_get_reads(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    fill(&bucket, &["a", "b"]).await?;
    set(&bucket, "a", "again").await?;
    set(&bucket, "empty", "").await?;
    let none = bucket.get_with_expiry(&[], usize::MAX).await?;
    same(none.len(), 0, "no keys have no entries")?;
    let keys = ["b", "none", "a", "empty", "b"];
    let together = bucket.get_with_expiry(&keys, usize::MAX).await?;
    same(together.len(), keys.len(), "each key is answered")?;
    for (key, entry) in keys.iter().zip(together) {
        let expires = entry.as_ref().map(|entry| entry.expires);
        let alone = bucket.get(key).await?;
        same(
            entry.map(|entry| (entry.value, entry.version)),
            alone.map(|entry| (entry.value, entry.version)),
            "a reading with expiry reads the value and the version that get reads",
        )?;
        let expected = (*key != "none").then_some(Expires::Never);
        let promise = "an entry without a time to live never expires";
        same(expires, expected, promise)?;
    }
    Ok(())
}

pub(crate) async fn set_many_writes_every_entry(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set(&bucket, "b", "old").await?;
    let entries = [("a", "1"), ("b", "2"), ("c", "")];
    bucket
        .set_many(entries.map(|(key, value)| (key, value.into())).into())
        .await?;
    for (key, written) in entries {
        let read = value(&bucket, key).await?;
        same(read, text(written), "a batch writes every entry")?;
    }
    Ok(())
}

pub(crate) async fn of_a_key_set_twice_the_last_value_stands(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let entries = ["1", "2", "3", "4", "5"].map(|value| ("k", Bytes::from(value)));
    bucket.set_many(entries.into()).await?;
    let promise = "of a key given twice, the last value stands";
    same(value(&bucket, "k").await?, text("5"), promise)?;
    let entries = vec![("a", "1".into()), ("b", "2".into()), ("a", "".into())];
    bucket.set_many(entries).await?;
    same(
        values(&bucket, &["a", "b"]).await?,
        vec![text(""), text("2")],
        promise,
    )
}

pub(crate) async fn delete_many_removes_its_keys_and_no_other(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    fill(&bucket, &["a", "b", "c", "a/", "a*"]).await?;
    bucket.delete_many(&["a", "c", "b*"]).await?;
    let answered = values(&bucket, &["a", "b", "c", "a/", "a*"]).await?;
    let expected = vec![None, text("b"), None, text("a/"), text("a*")];
    same(answered, expected, "a batch deletes its keys and no other")
}

pub(crate) async fn delete_many_minds_no_absent_keys(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    fill(&bucket, &["a", "b"]).await?;
    bucket.delete_many(&["none", "a", "none", "a"]).await?;
    bucket.delete_many(&["none"]).await?;
    let answered = values(&bucket, &["a", "b", "none"]).await?;
    let expected = vec![None, text("b"), None];
    same(
        answered,
        expected,
        "absent keys and duplicates change nothing of the rest",
    )
}

pub(crate) async fn a_batch_of_nothing_succeeds(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    fill(&bucket, &["a"]).await?;
    same(
        bucket.get_many(&[]).await?,
        Vec::new(),
        "a batch of no keys has no answers",
    )?;
    bucket.set_many(Vec::new()).await?;
    bucket.delete_many(&[]).await?;
    same(
        value(&bucket, "a").await?,
        text("a"),
        "a batch of nothing does nothing",
    )
}

pub(crate) async fn a_batch_may_have_thousands_of_keys(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    // More than services take in one call, such as 25, 100 and 1024, and no multiple of it.
    let longest = bucket.capabilities().batch_keys.min(2603);
    let keys: Vec<String> = (0..longest).map(|n| format!("k{n}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let entries = keys
        .iter()
        .map(|key| (*key, Bytes::copy_from_slice(key.as_bytes())));
    bucket.set_many(entries.collect()).await?;
    let answered = values(&bucket, &keys).await?;
    same(answered.len(), keys.len(), "each key asked is answered")?;
    let wrong = keys
        .iter()
        .zip(&answered)
        .find(|(key, value)| **value != text(key));
    same(
        wrong,
        None,
        "a long batch is written and read whole, in order",
    )?;
    let (gone, left) = keys.split_at(longest - longest / 20);
    bucket.delete_many(gone).await?;
    let answered = values(&bucket, &keys).await?;
    let there = answered.iter().flatten().count();
    same(
        there,
        left.len(),
        "a long batch deletes all its keys and no other",
    )
}

pub(crate) async fn a_batch_may_have_keys_of_every_kind(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    for keys in strange::all(&bucket).chunks(longest_batch(&bucket)) {
        are_a_batch(&bucket, keys).await?;
    }
    Ok(())
}

/// Writes, reads and deletes keys by batches.
async fn are_a_batch(bucket: &Handle, keys: &[&str]) -> Verdict {
    let entries = keys
        .iter()
        .map(|key| (*key, Bytes::copy_from_slice(key.as_bytes())));
    bucket.set_many(entries.collect()).await?;
    let answered = values(bucket, keys).await?;
    let wrong = keys
        .iter()
        .zip(&answered)
        .find(|(key, value)| **value != text(key));
    same(wrong, None, "a batch writes and reads keys of every kind")?;
    let gone: Vec<&str> = keys.iter().copied().step_by(2).collect();
    bucket.delete_many(&gone).await?;
    let answered = values(bucket, keys).await?;
    let wrong = answered
        .iter()
        .enumerate()
        .position(|(n, value)| value.is_some() != (n % 2 == 1));
    same(
        wrong.map(|n| keys[n]),
        None,
        "a batch deletes its keys and no other",
    )
}

pub(crate) async fn a_batch_with_a_bad_key_writes_nothing(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    fill(&bucket, &["there"]).await?;
    let long = "k".repeat(bucket.capabilities().key_bytes + 1);
    for bad in ["", &long] {
        let promise = "a batch with a bad key is refused for it";
        let blames_key =
            |blamed: &Invalid| matches!(blamed, Invalid::EmptyKey | Invalid::KeyTooLong { .. });
        let entries = vec![("a", "1".into()), (bad, "2".into()), ("there", "3".into())];
        invalid(bucket.set_many(entries).await, blames_key, promise)?;
        invalid(
            bucket.delete_many(&["there", bad]).await,
            blames_key,
            promise,
        )?;
        invalid(bucket.get_many(&["there", bad]).await, blames_key, promise)?;
        let answered = values(&bucket, &["a", "there"]).await?;
        same(
            answered,
            vec![None, text("there")],
            "a refused batch writes nothing",
        )?;
    }
    Ok(())
}

/// Keys that hashing spreads.
const KEYS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

/// How often they are written beside readers.
const ROUNDS: usize = 60;

pub(crate) async fn readers_see_an_atomic_batch_whole(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let writing = bucket.clone();
    let write = move |_, round: usize| {
        let bucket = writing.clone();
        async move {
            let value = Bytes::from(round.to_string());
            let entries = KEYS.map(|key| (key, value.clone()));
            Ok(bucket.set_many(entries.into()).await?)
        }
        .boxed()
    };
    beside(1, ROUNDS, write, whole(bucket)).await
}

pub(crate) async fn readers_see_an_atomic_deletion_whole(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let writing = bucket.clone();
    let write = move |_, round: usize| {
        let bucket = writing.clone();
        async move {
            if round % 2 == 1 {
                return Ok(bucket.delete_many(&KEYS).await?);
            }
            let entries = KEYS.map(|key| (key, "v".into()));
            Ok(bucket.set_many(entries.into()).await?)
        }
        .boxed()
    };
    beside(1, ROUNDS, write, whole(bucket)).await
}

/// Reads all keys at once, and judges that all have the same value.
fn whole(bucket: Handle) -> impl Fn() -> BoxFuture<'static, Verdict> {
    move || {
        let bucket = bucket.clone();
        async move {
            let seen = values(&bucket, &KEYS).await?;
            let is_whole = seen.iter().all(|value| *value == seen[0]);
            holds(
                is_whole,
                &seen,
                "readers see an atomic batch whole or not at all",
            )
        }
        .boxed()
    }
}

pub(crate) async fn atomic_batches_of_the_same_keys_do_not_mix(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    for round in 0..20 {
        let writing = bucket.clone();
        together(4, move |writer| {
            let bucket = writing.clone();
            async move {
                let mut keys = KEYS;
                // Each in an order of its own, so that no batch waits for another by chance.
                keys.rotate_left(writer * 2);
                let value = Bytes::from(format!("{round} by {writer}"));
                bucket
                    .set_many(keys.map(|key| (key, value.clone())).into())
                    .await?;
                Ok(())
            }
        })
        .await?;
        let left = values(&bucket, &KEYS).await?;
        let is_one = left.iter().all(|value| *value == left[0]);
        holds(
            is_one,
            &left,
            "of concurrent atomic batches of the same keys, one stays whole",
        )?;
    }
    Ok(())
}
