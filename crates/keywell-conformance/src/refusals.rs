//! Checks that a store refuses what it does not declare, and writes nothing.

use std::time::Duration;

use bytes::Bytes;
use keywell_store::{
    Action, Change, Collect, Error, Expected, Filter, Invalid, List, Members, ResumeToken, Set,
    Since, Transaction, Version,
};

use crate::failure::{Failure, Verdict, answer, same, unsupported};
use crate::scratch::{Handle, Scratch, fill, set, value};

/// A capability that a store may refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Cas,
    Increment,
    List,
    AtomicBatch,
    Transact,
    Collections,
    Watch,
    Resume,
    Ttl,
}

// === impl Refusal ===

impl Refusal {
    pub(crate) fn what(self) -> &'static str {
        match self {
            Self::Cas => "compare-and-swap",
            Self::Increment => "counters",
            Self::List => "a listing of keys",
            Self::AtomicBatch => "batches written as one",
            Self::Transact => "transactions",
            Self::Collections => "lists and sets",
            Self::Watch => "watching",
            Self::Resume => "resuming a watch",
            Self::Ttl => "a time to live",
        }
    }

    pub(crate) async fn check(self, scratch: &Scratch<'_>) -> Verdict {
        let bucket = scratch.bucket().await?;
        match self {
            Self::Cas => cas(&bucket).await,
            Self::Increment => increment(&bucket).await,
            Self::List => list(&bucket).await,
            Self::AtomicBatch => sequential_batch(&bucket).await,
            Self::Transact => transact(scratch, &bucket).await,
            Self::Collections => collections(&bucket).await,
            Self::Watch => watch(&bucket).await,
            Self::Resume => resume(&bucket).await,
            Self::Ttl => ttl(&bucket).await,
        }
    }
}

async fn cas(bucket: &Handle) -> Verdict {
    let what = Refusal::Cas.what();
    let change = || Change::Set("new".into(), Set::default());
    let version = set(bucket, "there", "old").await?;
    unsupported(bucket.swap("none", Expected::Absent, change()).await, what)?;
    for change in [change(), Change::Delete] {
        let at = Expected::At(version.clone());
        unsupported(bucket.swap("there", at, change).await, what)?;
    }
    let stale = Expected::At(Version::from(0));
    unsupported(bucket.swap("there", stale, change()).await, what)?;
    untouched(bucket, what).await
}

async fn increment(bucket: &Handle) -> Verdict {
    let what = Refusal::Increment.what();
    set(bucket, "there", "old").await?;
    set(bucket, "counter", "41").await?;
    unsupported(bucket.increment("none", 1).await, what)?;
    unsupported(bucket.increment("counter", 1).await, what)?;
    same(
        value(bucket, "counter").await?,
        Some("41".into()),
        "a refused increment adds nothing",
    )?;
    untouched(bucket, what).await
}

async fn list(bucket: &Handle) -> Verdict {
    let what = Refusal::List.what();
    set(bucket, "there", "old").await?;
    unsupported(bucket.list(List::default()).await, what)
}

/// A store cannot refuse a batch for not being atomic. Instead, this checks that an acknowledged batch
/// is written whole, in order.
async fn sequential_batch(bucket: &Handle) -> Verdict {
    let entries = [("a", "1"), ("b", "2"), ("a", "3")];
    let entries = entries.map(|(key, value)| (key, Bytes::from_static(value.as_bytes())));
    bucket.set_many(entries.into()).await?;
    let promise = "an acknowledged batch is written whole, with the last value of each key";
    same(value(bucket, "a").await?, Some("3".into()), promise)?;
    same(value(bucket, "b").await?, Some("2".into()), promise)?;
    fill(bucket, &["c"]).await?;
    bucket.delete_many(&["a", "b"]).await?;
    let left = bucket.get_many(&["a", "b", "c"]).await?;
    let left: Vec<bool> = left.iter().map(Option::is_some).collect();
    same(
        left,
        vec![false, false, true],
        "an acknowledged batch deletes its keys and no other",
    )
}

async fn transact(scratch: &Scratch<'_>, bucket: &Handle) -> Verdict {
    let what = Refusal::Transact.what();
    set(bucket, "there", "old").await?;
    let mut transaction = Transaction::default();
    let change = Change::Set("new".into(), Set::default());
    let admitted = transaction.write(&**bucket, "none", Action::Change(change));
    // Refused at the latest by the store.
    let refused = match admitted {
        Ok(()) => scratch.transact(transaction).await.map(drop),
        Err(error) => Err(error),
    };
    unsupported(refused, what)?;
    untouched(bucket, what).await
}

async fn collections(bucket: &Handle) -> Verdict {
    let what = Refusal::Collections.what();
    set(bucket, "there", "old").await?;
    for key in ["none", "there"] {
        let (key, text) = (|| key.to_owned(), || "a".to_owned());
        let max = usize::MAX;
        let (start, stop) = (0, -1);
        #[rustfmt::skip]
        let operations = [
            Collect::Push { key: key(), item: text() },
            Collect::Range { key: key(), start, stop, max },
            Collect::DeleteItem { key: key(), item: text() },
            Collect::Clear { key: key() },
            Collect::Add { key: key(), member: text() },
            Collect::Remove { key: key(), member: text() },
            Collect::Members { keys: vec![key()], of: Members::Union, max },
        ];
        for operation in operations {
            unsupported(bucket.collect(operation).await, what)?;
        }
    }
    untouched(bucket, what).await
}

async fn watch(bucket: &Handle) -> Verdict {
    let what = Refusal::Watch.what();
    for filter in [
        Filter::All,
        Filter::Key("k".into()),
        Filter::Prefix("k".into()),
    ] {
        unsupported(bucket.watch(filter, Since::Now).await, what)?;
    }
    Ok(())
}

async fn resume(bucket: &Handle) -> Verdict {
    let watch = bucket.watch(Filter::All, Since::Now).await?;
    let token = watch.start().cloned();
    let promise = "resuming is not declared, so the store issues and accepts no token";
    same(token, None, promise)?;
    let forged = ResumeToken::from("0".to_owned());
    match bucket.watch(Filter::All, Since::After(forged)).await {
        Err(Error::Unsupported(_) | Error::Invalid(Invalid::Token)) => Ok(()),
        other => Err(Failure::new(answer(&other), promise)),
    }
}

async fn ttl(bucket: &Handle) -> Verdict {
    let what = Refusal::Ttl.what();
    let how = Set {
        ttl: Some(Duration::from_hours(1)),
    };
    set(bucket, "there", "old").await?;
    unsupported(bucket.set("none", "new".into(), how).await, what)?;
    unsupported(bucket.set("there", "new".into(), how).await, what)?;
    let change = Change::Set("new".into(), how);
    unsupported(bucket.swap("none", Expected::Absent, change).await, what)?;
    unsupported(bucket.increment_or_create("none", 1, how).await, what)?;
    untouched(bucket, what).await
}

/// Checks that `there` is unchanged and `none` does not exist.
async fn untouched(bucket: &Handle, what: &str) -> Verdict {
    let promise = format!("{what} is refused, so nothing is written");
    same(value(bucket, "there").await?, Some("old".into()), &promise)?;
    same(value(bucket, "none").await?, None, &promise)
}
