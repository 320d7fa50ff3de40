use bytes::Bytes;

use crate::failure::{Verdict, same};
use crate::scratch::{Scratch, set, value};

pub(crate) async fn a_value_is_read_as_it_was_set(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set(&bucket, "k", "a value").await?;
    let read = value(&bucket, "k").await?;
    same(
        read,
        Some("a value".into()),
        "a value is read as it was set",
    )
}

pub(crate) async fn an_empty_value_is_not_an_absent_one(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set(&bucket, "k", "").await?;
    let promise = "an empty value is a value";
    same(value(&bucket, "k").await?, Some(Bytes::new()), promise)?;
    same(bucket.exists("k").await?, true, promise)?;
    set(&bucket, "k", "full").await?;
    set(&bucket, "k", "").await?;
    same(value(&bucket, "k").await?, Some(Bytes::new()), promise)
}

pub(crate) async fn a_value_may_hold_every_byte(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    for byte in 0..=u8::MAX {
        let alone = [byte];
        set(&bucket, "k", alone).await?;
        let read = value(&bucket, "k").await?;
        same(
            read,
            Some(Bytes::copy_from_slice(&alone)),
            "a byte is a value",
        )?;
    }
    // Every pair of neighbours too: what is escaped or decoded goes wrong at pairs.
    let pairs: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_be_bytes).collect();
    for pairs in pairs.chunks(bucket.capabilities().value_bytes.min(pairs.len())) {
        set(&bucket, "k", pairs).await?;
        let read = value(&bucket, "k").await?;
        let is_same = read.as_ref().map(|read| *read == pairs);
        let promise = "all pairs of bytes, of 128 KiB, are read as they were set";
        same(is_same, Some(true), promise)?;
    }
    Ok(())
}

pub(crate) async fn a_key_that_was_never_set_is_absent(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set(&bucket, "there", "v").await?;
    for key in ["none", "ther", "there ", "there/", "THERE"] {
        same(
            bucket.get(key).await?,
            None,
            "a key that was never set has no value",
        )?;
        same(
            bucket.exists(key).await?,
            false,
            "a key that was never set does not exist",
        )?;
    }
    Ok(())
}

pub(crate) async fn exists_agrees_with_get(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    for step in ["never set", "set", "deleted", "set again"] {
        match step {
            "set" | "set again" => drop(set(&bucket, "k", "v").await?),
            "deleted" => bucket.delete("k").await?,
            _ => {}
        }
        let got = bucket.get("k").await?.is_some();
        let exists = bucket.exists("k").await?;
        same(exists, got, "exists says of a key what get does")?;
        same(
            got,
            step.starts_with("set"),
            "a key exists exactly while it is set",
        )?;
    }
    Ok(())
}

pub(crate) async fn a_set_replaces_what_was_there(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    for written in ["first", "", "a much longer value than before", "x"] {
        set(&bucket, "k", written).await?;
        let read = value(&bucket, "k").await?;
        same(read, Some(written.into()), "a set replaces the whole value")?;
    }
    Ok(())
}

pub(crate) async fn a_deleted_key_is_gone(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set(&bucket, "k", "v").await?;
    bucket.delete("k").await?;
    same(bucket.get("k").await?, None, "a deleted key is gone")?;
    same(
        bucket.exists("k").await?,
        false,
        "a deleted key does not exist",
    )
}

pub(crate) async fn deleting_an_absent_key_succeeds(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    bucket.delete("none").await?;
    set(&bucket, "k", "v").await?;
    bucket.delete("k").await?;
    bucket.delete("k").await?;
    same(
        bucket.exists("k").await?,
        false,
        "deleting what is not there creates nothing",
    )
}

pub(crate) async fn a_deleted_key_can_be_set_again(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    for written in ["one", "two", "three"] {
        set(&bucket, "k", written).await?;
        let read = value(&bucket, "k").await?;
        same(
            read,
            Some(written.into()),
            "a key can be set after it was deleted",
        )?;
        bucket.delete("k").await?;
        same(bucket.get("k").await?, None, "a key can be deleted again")?;
    }
    Ok(())
}

pub(crate) async fn a_delete_takes_no_other_key_with_it(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let alphabet = bucket.capabilities().alphabet;
    let mut others = vec!["k", "k/", "k/1", "k:1", "k1", "kk", "K", "k ", "k\0"];
    others.retain(|key| alphabet.has(key));
    for key in others.iter().copied() {
        set(&bucket, key, key).await?;
    }
    let deleted = ["k*", "k?", "k%", "k/*", "k"];
    for deleted in deleted.into_iter().filter(|key| alphabet.has(key)) {
        bucket.delete(deleted).await?;
    }
    for key in &others[1..] {
        let left = value(&bucket, key).await?;
        same(
            left,
            Some((*key).into()),
            "a delete takes no other key with it",
        )?;
    }
    Ok(())
}
