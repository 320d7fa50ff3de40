use futures::StreamExt as _;
use keywell_store::{Event, Filter, Since, Watching};

use super::{LONG, SHORT, after_the_others, gone};
use crate::failure::{Failure, Verdict, answer, same};
use crate::scratch::{Scratch, keys, set, set_for};

pub(crate) async fn an_expired_key_is_in_no_answer(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set(&bucket, "stays", "v").await?;
    set_for(&bucket, "k", "v", SHORT).await?;
    gone(scratch, &bucket, "k").await?;
    same(bucket.get("k").await?, None, "an expired key has no value")?;
    let many = bucket.get_many(&["k", "stays", "k"]).await?;
    let there: Vec<bool> = many.iter().map(Option::is_some).collect();
    same(
        there,
        vec![false, true, false],
        "an expired key is in no batch",
    )?;
    bucket.delete("k").await?;
    same(
        bucket.exists("k").await?,
        false,
        "an expired key can be deleted, to no effect",
    )
}

pub(crate) async fn an_expired_key_is_not_listed(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    for n in 0..20 {
        let ttl = if n % 2 == 0 { SHORT } else { LONG };
        set_for(&bucket, &format!("k{n:02}"), "v", ttl).await?;
    }
    after_the_others(scratch, &bucket).await?;
    for n in (0..20).step_by(2) {
        gone(scratch, &bucket, &format!("k{n:02}")).await?;
    }
    let mut listed = keys(&bucket, "", 3).await?;
    listed.sort_unstable();
    let left: Vec<String> = (0..20)
        .skip(1)
        .step_by(2)
        .map(|n| format!("k{n:02}"))
        .collect();
    same(listed, left, "a listing has no expired key, and all others")
}

pub(crate) async fn a_watch_tells_what_expired(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let mut watch = bucket.watch(Filter::Key("k".into()), Since::Now).await?;
    set_for(&bucket, "k", "v", SHORT).await?;
    let promise = "a watch tells that a key's time ended, though nobody touches it";
    // A lossy watch may tell the set within the end, if it comes to read the value too late.
    let mut is_set = bucket.capabilities().watch == Watching::Lossy;
    loop {
        match tokio::time::timeout(scratch.patience(), watch.next()).await {
            Ok(Some(Ok(Event::Gap))) => return Err(Failure::inconclusive("events were lost")),
            Ok(Some(Ok(Event::Set { key, .. }))) if key == "k" => is_set = true,
            Ok(Some(Ok(Event::Delete { expired: true, .. }))) if is_set => break,
            Ok(Some(event)) => return Err(Failure::new(answer(&event), promise)),
            Ok(None) | Err(_) => return Err(Failure::new("nothing more is told", promise)),
        }
    }
    same(
        bucket.exists("k").await?,
        false,
        "what is told to have expired is gone",
    )
}
