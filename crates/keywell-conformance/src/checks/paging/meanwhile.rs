use futures::FutureExt as _;

use super::{numbered, page, sorted};
use crate::checks::tasks::beside;
use crate::failure::{Verdict, holds, same};
use crate::scratch::{Handle, Scratch, fill, keys, longest_batch, set};

pub(crate) async fn keys_that_come_and_go_hide_none_that_stay(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let stay = numbered("k", 60);
    let go = numbered("g", 60);
    fill(&bucket, &stay).await?;
    fill(&bucket, &go).await?;
    let (mut listed, mut cursor, mut pages) = (Vec::new(), None, 0);
    loop {
        let answered = bucket.list(page("", cursor, 7)).await?;
        listed.extend(answered.keys);
        cursor = answered.cursor;
        if cursor.is_none() {
            break;
        }
        // Keys come and go before, among and after the listed ones.
        for key in [
            format!("a{pages:04}"),
            format!("k0000{pages:02}+"),
            format!("z{pages:04}"),
        ] {
            set(&bucket, &key, "v").await?;
        }
        if let Some(key) = go.get(pages) {
            bucket.delete(key).await?;
        }
        if let Some(key) = stay.get(pages) {
            set(&bucket, key, "rewritten").await?;
        }
        pages += 1;
        holds(
            pages < 1000,
            pages,
            "a listing ends, though keys are written meanwhile",
        )?;
    }
    each_once(listed, &stay)
}

/// Checks that each key that stayed throughout is listed once.
fn each_once(listed: Vec<String>, stay: &[String]) -> Verdict {
    let listed = sorted(listed);
    let twice = listed.windows(2).find(|pair| pair[0] == pair[1]);
    same(twice, None, "no key is listed twice")?;
    let missing = stay.iter().find(|key| listed.binary_search(key).is_err());
    let promise = "a key that is there throughout is listed; missing";
    same(missing, None, promise)
}

pub(crate) async fn the_last_key_of_a_page_can_be_deleted(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let written = numbered("k", 40);
    fill(&bucket, &written).await?;
    let (mut listed, mut cursor) = (Vec::new(), None);
    loop {
        let answered = bucket.list(page("", cursor, 3)).await?;
        for key in &answered.keys {
            bucket.delete(key).await?;
        }
        listed.extend(answered.keys);
        cursor = answered.cursor;
        if cursor.is_none() {
            break;
        }
    }
    each_once(listed, &written)?;
    let left = keys(&bucket, "", 10).await?;
    same(left, Vec::new(), "what is deleted page by page is all gone")
}

pub(crate) async fn a_listing_beside_writers_has_what_stays_once(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let stay = numbered("k", 200);
    fill(&bucket, &stay).await?;
    let (writing, reading) = (bucket.clone(), bucket);
    let write = move |writer, round| churn(writing.clone(), writer, round).boxed();
    let read = move || {
        let (bucket, stay) = (reading.clone(), stay.clone());
        async move { each_once(keys(&bucket, "", 41).await?, &stay) }.boxed()
    };
    beside(2, 50, write, read).await
}

/// Writes and deletes a key among those that stay, and rewrites one that stays.
async fn churn(bucket: Handle, writer: usize, round: usize) -> Verdict {
    let n = round * 11 + writer;
    let passing = format!("k{:06}-{writer}", n % 200);
    set(&bucket, &passing, "v").await?;
    set(&bucket, &format!("k{:06}", (n * 7) % 200), "rewritten").await?;
    Ok(bucket.delete(&passing).await?)
}

pub(crate) async fn a_listing_ends_though_all_is_deleted(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let written = numbered("k", 50);
    fill(&bucket, &written).await?;
    let first = bucket.list(page("", None, 10)).await?;
    holds(
        first.cursor.is_some(),
        &first,
        "ten of fifty keys are not all",
    )?;
    let all: Vec<&str> = written.iter().map(String::as_str).collect();
    for keys in all.chunks(longest_batch(&bucket)) {
        bucket.delete_many(keys).await?;
    }
    let mut cursor = first.cursor;
    while cursor.is_some() {
        let answered = bucket.list(page("", cursor, 10)).await?;
        same(answered.keys, Vec::new(), "what was deleted is not listed")?;
        cursor = answered.cursor;
    }
    Ok(())
}
