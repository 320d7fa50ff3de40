use keywell_store::{Cursor, Invalid};

use super::{numbered, page, sorted};
use crate::failure::{Failure, Verdict, holds, invalid, same};
use crate::scratch::{Handle, Scratch, fill};

/// The first ten keys, and the cursor after them.
async fn first(bucket: &Handle, prefix: &str) -> Result<(Vec<String>, Cursor), Failure> {
    let answered = bucket.list(page(prefix, None, 10)).await?;
    match answered.cursor {
        Some(cursor) => Ok((answered.keys, cursor)),
        None => Err(Failure::new(
            "no cursor",
            "a page that is not the last has a cursor",
        )),
    }
}

/// The keys after a cursor.
async fn rest(bucket: &Handle, prefix: &str, cursor: Cursor) -> Result<Vec<String>, Failure> {
    let (mut keys, mut cursor) = (Vec::new(), Some(cursor));
    while cursor.is_some() {
        let answered = bucket.list(page(prefix, cursor, 10)).await?;
        keys.extend(answered.keys);
        cursor = answered.cursor;
        holds(
            keys.len() < 1000,
            keys.len(),
            "a listing goes on behind its cursor, and ends",
        )?;
    }
    Ok(keys)
}

pub(crate) async fn a_cursor_may_be_used_twice(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    fill(&bucket, &numbered("k", 35)).await?;
    let (_, cursor) = first(&bucket, "").await?;
    let once = rest(&bucket, "", cursor.clone()).await?;
    let again = rest(&bucket, "", cursor).await?;
    same(
        sorted(again),
        sorted(once),
        "a cursor goes on at the same place each time",
    )
}

pub(crate) async fn a_cursor_works_on_another_handle(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let written = numbered("k", 35);
    fill(&bucket, &written).await?;
    let (mut listed, cursor) = first(&bucket, "").await?;
    drop(bucket);
    let text = cursor.as_str().to_owned();
    let other = scratch.bucket().await?;
    listed.extend(rest(&other, "", Cursor::from(text)).await?);
    same(
        sorted(listed),
        written,
        "a cursor is text that any handle goes on from",
    )
}

pub(crate) async fn a_cursor_of_another_bucket_is_refused(scratch: &Scratch<'_>) -> Verdict {
    let (bucket, other) = (scratch.bucket().await?, scratch.beside("-other").await?);
    let written = numbered("k", 35);
    fill(&bucket, &written).await?;
    fill(&other, &written).await?;
    let (_, cursor) = first(&bucket, "").await?;
    let answered = other.list(page("", Some(cursor), 10)).await;
    let promise = "a cursor of another bucket is refused as that";
    invalid(answered, |blamed| *blamed == Invalid::Cursor, promise)
}

pub(crate) async fn a_cursor_of_another_prefix_is_refused(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    fill(&bucket, &numbered("k/a", 35)).await?;
    fill(&bucket, &numbered("k/b", 35)).await?;
    for (from, to) in [("k/a", "k/b"), ("", "k/a"), ("k/a", ""), ("k/a", "k/a0")] {
        let (_, cursor) = first(&bucket, from).await?;
        let answered = bucket.list(page(to, Some(cursor), 10)).await;
        let promise = "a cursor of a listing with another prefix is refused as that";
        invalid(answered, |blamed| *blamed == Invalid::Cursor, promise)?;
    }
    Ok(())
}

pub(crate) async fn text_that_never_was_a_cursor_is_refused(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    fill(&bucket, &numbered("k", 35)).await?;
    let (_, cursor) = first(&bucket, "").await?;
    let real = cursor.as_str();
    let (cut, longer) = (&real[..real.len() - 1], format!("{real}A"));
    for text in [
        "", "0", "10", "-1", "k000009", "null", "é", "\0", "🗝", cut, &longer,
    ] {
        let forged = Cursor::from(text.to_owned());
        let answered = bucket.list(page("", Some(forged), 10)).await;
        let promise = "text that never was a cursor is refused as that";
        invalid(answered, |blamed| *blamed == Invalid::Cursor, promise)?;
    }
    Ok(())
}

pub(crate) async fn a_cursor_survives_a_restart(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let written = numbered("k", 35);
    fill(&bucket, &written).await?;
    let (mut listed, cursor) = first(&bucket, "").await?;
    let bucket = scratch.restart().await?;
    listed.extend(rest(&bucket, "", cursor).await?);
    same(sorted(listed), written, "a cursor goes on after a restart")
}
