use futures::{FutureExt as _, StreamExt as _};
use keywell_store::Filter;

use super::Listener;
use crate::checks::strange;
use crate::failure::{Verdict, same};
use crate::scratch::{Scratch, set};

pub(crate) async fn a_watch_of_a_key_delivers_no_other(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let mut listener = Listener::new(scratch, &bucket, Filter::Key("k".into())).await?;
    for key in ["K", "k1", "k/", "ak", "k ", "", "j"] {
        let key = if key.is_empty() { "l" } else { key };
        set(&bucket, key, "v").await?;
        bucket.delete(key).await?;
    }
    set(&bucket, "k", "v").await?;
    let received = listener.hear_until("k=v").await?;
    same(
        received,
        vec!["k=v".to_owned()],
        "a watch of a key delivers no other",
    )
}

pub(crate) async fn a_watch_of_a_prefix_delivers_its_keys_only(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let mut listener = Listener::new(scratch, &bucket, Filter::Prefix("k/".into())).await?;
    for key in ["k", "K/", "k:", "a/k/", "k/1", "k/", "kk/", "k0", "k/2"] {
        set(&bucket, key, "v").await?;
    }
    set(&bucket, "k/1", "end").await?;
    let promise = "a watch of a prefix delivers changes of its keys only";
    listener
        .hears_all(&["k/1=v", "k/=v", "k/2=v", "k/1=end"], promise)
        .await?;
    let mut all = Listener::new(scratch, &bucket, Filter::Prefix(String::new())).await?;
    set(&bucket, "any", "v").await?;
    all.hears(&["any=v"], "every key begins with the empty prefix")
        .await
}

pub(crate) async fn a_watch_of_several_filters_delivers_a_change_once(
    scratch: &Scratch<'_>,
) -> Verdict {
    let bucket = scratch.bucket().await?;
    let several = Filter::AnyOf(vec![
        Filter::Key("k".into()),
        Filter::Prefix("k".into()),
        Filter::Prefix("m/".into()),
        Filter::AnyOf(vec![Filter::Key("n".into()), Filter::Key("m/1".into())]),
    ]);
    let mut none = Listener::new(scratch, &bucket, Filter::AnyOf(Vec::new())).await?;
    let mut listener = Listener::new(scratch, &bucket, several).await?;
    let promise = "a watch of several filters delivers what any of them matches";
    // Each event is read before the next write, so that none is coalesced.
    for key in ["k", "j", "k1", "m", "m/1", "m/2", "n", "nn"] {
        set(&bucket, key, "v").await?;
        if !["j", "m", "nn"].contains(&key) {
            listener.hears(&[&format!("{key}=v")], promise).await?;
        }
    }
    bucket.delete("m/1").await?;
    listener.hears(&["-m/1"], promise).await?;
    set(&bucket, "k", "end").await?;
    let received = listener.hear_until("k=end").await?;
    let promise = "a change is delivered once, however many filters match its key";
    same(received, vec!["k=end".to_owned()], promise)?;
    let received = none
        .watch
        .next()
        .now_or_never()
        .map(|event| event.is_some());
    same(received, None, "a watch of no filter delivers nothing")
}

pub(crate) async fn what_is_watched_is_no_pattern(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let alphabet = bucket.capabilities().alphabet;
    for watched in strange::PUNCTUATION {
        if !alphabet.has(watched) {
            continue;
        }
        let exact = Filter::Key((*watched).to_owned());
        let prefix = Filter::Prefix((*watched).to_owned());
        let mut exact = Listener::new(scratch, &bucket, exact).await?;
        let mut prefix = Listener::new(scratch, &bucket, prefix).await?;
        // None of them begins with punctuation, and many patterns match some of them.
        for other in ["zz", "z", "zzz/z"] {
            set(&bucket, other, "v").await?;
        }
        set(&bucket, watched, "v").await?;
        let expected = format!("{watched}=v");
        let promise = "punctuation in what is watched stands for itself";
        for listener in [&mut exact, &mut prefix] {
            let received = listener.hear_until(&expected).await?;
            same(received, vec![expected.clone()], promise)?;
        }
    }
    Ok(())
}
