use std::time::Duration;

use keywell_store::{
    Answer, Batching, Capabilities, Cas, Change, Expected, List, Listing, Promptness, Set,
};

use crate::failure::{Failure, Verdict, same};
use crate::scratch::{Handle, Scratch, set, value};

pub(crate) async fn two_handles_show_the_same_data(scratch: &Scratch<'_>) -> Verdict {
    let (one, other) = (scratch.bucket().await?, scratch.bucket().await?);
    let promise = "what one handle writes, another reads";
    set(&one, "k", "v").await?;
    same(other.get("k").await?, one.get("k").await?, promise)?;
    set(&other, "k", "w").await?;
    same(value(&one, "k").await?, Some("w".into()), promise)?;
    one.delete("k").await?;
    same(other.exists("k").await?, false, promise)
}

pub(crate) async fn a_handle_outlives_the_others(scratch: &Scratch<'_>) -> Verdict {
    let first = scratch.bucket().await?;
    set(&first, "k", "v").await?;
    let second = scratch.bucket().await?;
    drop(first);
    same(
        value(&second, "k").await?,
        Some("v".into()),
        "data does not go with a handle",
    )?;
    drop(second);
    let third = scratch.bucket().await?;
    same(
        value(&third, "k").await?,
        Some("v".into()),
        "data does not go with the last handle",
    )
}

pub(crate) async fn every_handle_declares_the_same(scratch: &Scratch<'_>) -> Verdict {
    let first = scratch.bucket().await?;
    let declared = first.capabilities();
    set(&first, "k", "v").await?;
    same(
        first.capabilities(),
        declared,
        "what is declared is constant",
    )?;
    let second = scratch.bucket().await?;
    same(
        second.capabilities(),
        declared,
        "every handle declares the same",
    )?;
    let (store, bucket) = (scratch.subject.store().promptness(), declared.promptness);
    let agree = store != Promptness::AtOnce || bucket == Promptness::AtOnce;
    same(
        agree,
        true,
        "a store that answers at once has buckets that do",
    )
}

pub(crate) async fn what_answers_at_once_never_waits(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let declared = bucket.capabilities();
    scratch.note("calls are made, and not awaited");
    let put = |text: &'static str| Change::Set(text.into(), Set::default());
    at_once("get", &bucket.get("none"))?;
    at_once("set", &bucket.set("k", "v".into(), Set::default()))?;
    at_once("get", &bucket.get("k"))?;
    at_once("exists", &bucket.exists("k"))?;
    at_once("get_many", &bucket.get_many(&["k", "none"]))?;
    at_once(
        "set_many",
        &bucket.set_many(vec![("k", "w".into()), ("l", "w".into())]),
    )?;
    if declared.cas != Cas::None {
        at_once("swap", &bucket.swap("k", Expected::Absent, put("x")))?;
        at_once("swap", &bucket.swap("none", Expected::Absent, put("x")))?;
    }
    if declared.increment {
        at_once("increment", &bucket.increment("n", 1))?;
        at_once("increment", &bucket.increment("k", 1))?;
    }
    if declared.list != Listing::None {
        at_once("list", &bucket.list(List::default()))?;
    }
    if declared.ttl {
        let how = Set {
            ttl: Some(Duration::from_hours(1)),
        };
        at_once("set", &bucket.set("t", "v".into(), how))?;
    }
    at_once("delete", &bucket.delete("k"))?;
    at_once("delete_many", &bucket.delete_many(&["k", "l"]))?;
    undeclared_at_once(&bucket, declared)
}

/// Checks that refusals are answered at once, too.
fn undeclared_at_once(bucket: &Handle, declared: Capabilities) -> Verdict {
    if declared.cas == Cas::None {
        at_once("swap", &bucket.swap("k", Expected::Absent, Change::Delete))?;
    }
    if !declared.increment {
        at_once("increment", &bucket.increment("n", 1))?;
    }
    if declared.list == Listing::None {
        at_once("list", &bucket.list(List::default()))?;
    }
    if declared.batch == Batching::Atomic {
        at_once("set_many", &bucket.set_many(Vec::new()))?;
    }
    Ok(())
}

fn at_once<T>(call: &str, answered: &Answer<T>) -> Verdict {
    match answered {
        Answer::Now(_) => Ok(()),
        Answer::Later(_) => Err(Failure::new(
            format!("{call} did not answer at once"),
            "a store that declares to answer at once does",
        )),
    }
}

pub(crate) async fn a_working_store_is_healthy(scratch: &Scratch<'_>) -> Verdict {
    scratch.subject.store().health().await?;
    let bucket = scratch.bucket().await?;
    set(&bucket, "k", "v").await?;
    scratch.note("the store is asked for its health");
    scratch.subject.store().health().await?;
    Ok(())
}
