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
    let told = listener.hear_until("k=v").await?;
    same(
        told,
        vec!["k=v".to_owned()],
        "a watch of a key tells of no other",
    )
}

pub(crate) async fn a_watch_of_a_prefix_delivers_its_keys_only(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let mut listener = Listener::new(scratch, &bucket, Filter::Prefix("k/".into())).await?;
    for key in ["k", "K/", "k:", "a/k/", "k/1", "k/", "kk/", "k0", "k/2"] {
        set(&bucket, key, "v").await?;
    }
    set(&bucket, "k/1", "end").await?;
    let promise = "a watch of a prefix tells of the keys that begin with it";
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
    let promise = "a watch of several filters tells what any of them is about";
    // Each is heard before the next is written, so that none is told within another.
    for key in ["k", "j", "k1", "m", "m/1", "m/2", "n", "nn"] {
        set(&bucket, key, "v").await?;
        if !["j", "m", "nn"].contains(&key) {
            listener.hears(&[&format!("{key}=v")], promise).await?;
        }
    }
    bucket.delete("m/1").await?;
    listener.hears(&["-m/1"], promise).await?;
    set(&bucket, "k", "end").await?;
    let told = listener.hear_until("k=end").await?;
    let promise = "a change is told once, however many filters are about its key";
    same(told, vec!["k=end".to_owned()], promise)?;
    let told = none
        .watch
        .next()
        .now_or_never()
        .map(|event| event.is_some());
    same(told, None, "a watch of no filter tells nothing")
}

pub(crate) async fn what_is_watched_is_no_pattern(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    for watched in strange::PUNCTUATION {
        let exact = Filter::Key((*watched).to_owned());
        let prefix = Filter::Prefix((*watched).to_owned());
        let mut exact = Listener::new(scratch, &bucket, exact).await?;
        let mut prefix = Listener::new(scratch, &bucket, prefix).await?;
        // None of them begins with punctuation, and many a pattern takes some of them in.
        for other in ["zz", "z", "zzz/z"] {
            set(&bucket, other, "v").await?;
        }
        set(&bucket, watched, "v").await?;
        let expected = format!("{watched}=v");
        let promise = "punctuation in what is watched stands for itself";
        for listener in [&mut exact, &mut prefix] {
            let told = listener.hear_until(&expected).await?;
            same(told, vec![expected.clone()], promise)?;
        }
    }
    Ok(())
}
