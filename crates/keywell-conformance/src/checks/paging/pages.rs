use keywell_store::{MAX_PAGE_BYTES, MAX_PAGE_KEYS};

use super::{numbered, page, sorted};
use crate::checks::strange;
use crate::failure::{Failure, Verdict, holds, same};
use crate::scratch::{Scratch, fill, keys, set};

pub(crate) async fn an_empty_bucket_lists_nothing(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    same(
        keys(&bucket, "", 10).await?,
        Vec::new(),
        "a bucket that was never used lists nothing",
    )?;
    set(&bucket, "k", "v").await?;
    bucket.delete("k").await?;
    same(
        keys(&bucket, "", 10).await?,
        Vec::new(),
        "a bucket that was emptied lists nothing",
    )
}

pub(crate) async fn a_listing_has_each_key_once(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let written = numbered("k", 205);
    fill(&bucket, &written).await?;
    // Sizes that end a page on the last key, before it, and in the middle.
    for limit in [1, 2, 5, 41, 100, 204, 205, 206, 1000] {
        let listed = sorted(keys(&bucket, "", limit).await?);
        compare(&listed, &written, limit)?;
    }
    Ok(())
}

/// Reports the first difference instead of two long lists.
fn compare(listed: &[String], written: &[String], limit: usize) -> Verdict {
    if listed == written {
        return Ok(());
    }
    let twice = listed.windows(2).find(|pair| pair[0] == pair[1]);
    let missing = written
        .iter()
        .find(|key| listed.binary_search(key).is_err());
    let wrong = match (twice, missing) {
        (Some(pair), _) => format!("{:?} twice", pair[0]),
        (None, Some(key)) => format!("{key:?} is missing"),
        (None, None) => "a key that was never written".to_owned(),
    };
    let (listed, keys) = (listed.len(), written.len());
    Err(Failure::new(
        format!("{listed} keys in pages of {limit}: {wrong}"),
        format!("each of the {keys} keys once"),
    ))
}

pub(crate) async fn an_ordered_listing_is_in_the_order_of_bytes(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let written = strange::all(&bucket);
    fill(&bucket, &written).await?;
    for limit in [1, 7, 1000] {
        let listed = keys(&bucket, "", limit).await?;
        let disorder = listed.windows(2).find(|pair| pair[0] >= pair[1]);
        same(
            disorder,
            None,
            "each key is listed after those of smaller bytes",
        )?;
        same(listed.len(), written.len(), "all keys are listed")?;
    }
    Ok(())
}

pub(crate) async fn a_key_is_listed_as_it_was_written(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let mut written: Vec<String> = strange::all(&bucket)
        .into_iter()
        .map(str::to_owned)
        .collect();
    written.push("k".repeat(bucket.capabilities().key_bytes));
    fill(&bucket, &written).await?;
    for limit in [3, 1000] {
        let listed = sorted(keys(&bucket, "", limit).await?);
        compare(&listed, &sorted(written.clone()), limit)?;
    }
    Ok(())
}

pub(crate) async fn a_listing_has_what_was_just_written(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    for n in 0..20 {
        let key = format!("k{n:02}");
        set(&bucket, &key, "v").await?;
        let listed = keys(&bucket, "", 1000).await?;
        holds(
            listed.contains(&key),
            &listed,
            "a key is listed as soon as it is set",
        )?;
        if n % 2 == 0 {
            bucket.delete(&key).await?;
            let listed = keys(&bucket, "", 1000).await?;
            holds(
                !listed.contains(&key),
                &listed,
                "a key is not listed once it is deleted",
            )?;
        }
    }
    Ok(())
}

pub(crate) async fn a_page_holds_no_more_than_asked_for(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    fill(&bucket, &numbered("k", 30)).await?;
    for limit in [1, 2, 7, 29, 30, 31] {
        let mut cursor = None;
        loop {
            let answered = bucket.list(page("", cursor, limit)).await?;
            let promise = "a page holds no more keys than asked for";
            holds(answered.keys.len() <= limit, answered.keys.len(), promise)?;
            cursor = answered.cursor;
            if cursor.is_none() {
                break;
            }
        }
    }
    Ok(())
}

pub(crate) async fn a_limit_is_brought_within_its_bounds(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let written = numbered("k", MAX_PAGE_KEYS + 5);
    fill(&bucket, &written).await?;
    let answered = bucket.list(page("", None, 0)).await?;
    let promise = "a limit of zero is taken as one";
    holds(
        answered.keys.len() <= 1 && answered.cursor.is_some(),
        &answered,
        promise,
    )?;
    for limit in [MAX_PAGE_KEYS + 1, usize::MAX] {
        let answered = bucket.list(page("", None, limit)).await?;
        let promise = "a page holds at most 1000 keys, whatever is asked for";
        holds(
            answered.keys.len() <= MAX_PAGE_KEYS,
            answered.keys.len(),
            promise,
        )?;
        compare(&sorted(keys(&bucket, "", limit).await?), &written, limit)?;
    }
    Ok(())
}

pub(crate) async fn a_page_is_bounded_in_bytes(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let long = "k".repeat(bucket.capabilities().key_bytes - 6);
    let written = numbered(&long, 600);
    fill(&bucket, &written).await?;
    let (mut listed, mut cursor) = (Vec::new(), None);
    loop {
        let answered = bucket.list(page("", cursor, MAX_PAGE_KEYS)).await?;
        let bytes: usize = answered.keys.iter().map(String::len).sum();
        let is_bounded = bytes <= MAX_PAGE_BYTES || answered.keys.len() == 1;
        holds(
            is_bounded,
            format!("{bytes} bytes"),
            "a page holds at most 256 KiB of keys",
        )?;
        listed.extend(answered.keys);
        cursor = answered.cursor;
        if cursor.is_none() {
            return compare(&sorted(listed), &written, MAX_PAGE_KEYS);
        }
    }
}
