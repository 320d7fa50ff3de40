use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::try_join_all;
use keywell_store::layer::{Grant, Granted};
use keywell_store::{
    Action, Change, Error, Event, Expected, Filter, Invalid, Set, Since, Transacted, Transacting,
    Transaction, Written,
};

use crate::failure::{Failure, Verdict, answer, holds, invalid, same};
use crate::scratch::{Handle, Scratch, fill, set, value};

/// The largest value that the suite writes in a transaction: that of hosts.
const LARGEST_VALUE: usize = 16 << 20;

fn change(value: &str) -> Action {
    let value = Bytes::copy_from_slice(value.as_bytes());
    Action::Change(Change::Set(value, Set::default()))
}

/// What a transaction did.
fn done(transacted: Transacted) -> Result<Vec<Written>, Failure> {
    match transacted {
        Transacted::Done(written) => Ok(written),
        stale @ Transacted::Stale(_) => {
            let promise = "a transaction whose checks hold is done";
            Err(Failure::new(format!("{stale:?}"), promise))
        }
    }
}

/// The most operations and bytes of a transaction.
fn declared(bucket: &Handle) -> (usize, usize) {
    match bucket.capabilities().transact {
        Transacting::Bucket { operations, bytes } | Transacting::Store { operations, bytes } => {
            (operations, bytes)
        }
        Transacting::None => (0, 0),
    }
}

async fn version(bucket: &Handle, key: &str) -> Result<Expected, Failure> {
    Ok(Expected::from(bucket.get(key).await?.as_ref()))
}

pub(crate) async fn a_transaction_whose_checks_hold_writes_all(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    fill(&bucket, &["there", "gone"]).await?;
    let mut transaction = Transaction::default();
    let expected = version(&bucket, "there").await?;
    transaction.check(&*bucket, "there", expected)?;
    transaction.check(&*bucket, "new", Expected::Absent)?;
    transaction.write(&*bucket, "new", change("one"))?;
    transaction.write(&*bucket, "there", change("two"))?;
    transaction.write(&*bucket, "gone", Action::Change(Change::Delete))?;
    transaction.write(&*bucket, "count", Action::Increment(3))?;
    done(scratch.transact(transaction).await?)?;
    let promise = "all writes happen";
    same(value(&bucket, "new").await?, Some("one".into()), promise)?;
    same(value(&bucket, "there").await?, Some("two".into()), promise)?;
    same(value(&bucket, "gone").await?, None, promise)?;
    same(value(&bucket, "count").await?, Some("3".into()), promise)
}

pub(crate) async fn a_stale_check_is_named_and_nothing_is_written(
    scratch: &Scratch<'_>,
) -> Verdict {
    let bucket = scratch.bucket().await?;
    set(&bucket, "k", "old").await?;
    let outdated = version(&bucket, "k").await?;
    set(&bucket, "k", "newer").await?;
    let current = version(&bucket, "k").await?;
    for (place, expected) in [(1, outdated), (1, Expected::Absent)] {
        let mut transaction = Transaction::default();
        transaction.check(&*bucket, "k", current.clone())?;
        transaction.check(&*bucket, "k", expected)?;
        transaction.write(&*bucket, "other", change("x"))?;
        transaction.write(&*bucket, "count", Action::Increment(1))?;
        let stale = scratch.transact(transaction).await?;
        same(
            stale,
            Transacted::Stale(place),
            "the check that fails is named",
        )?;
    }
    let mut transaction = Transaction::default();
    transaction.check(&*bucket, "none", current)?;
    transaction.write(&*bucket, "k", change("x"))?;
    let stale = scratch.transact(transaction).await?;
    same(
        stale,
        Transacted::Stale(0),
        "an absent key is at no version",
    )?;
    let promise = "a stale transaction writes nothing";
    same(value(&bucket, "k").await?, Some("newer".into()), promise)?;
    same(value(&bucket, "other").await?, None, promise)?;
    same(value(&bucket, "count").await?, None, promise)
}

pub(crate) async fn a_transaction_answers_versions_and_counters(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    fill(&bucket, &["gone"]).await?;
    set(&bucket, "count", "41").await?;
    let mut transaction = Transaction::default();
    transaction.write(&*bucket, "k", change("v"))?;
    transaction.write(&*bucket, "gone", Action::Change(Change::Delete))?;
    transaction.write(&*bucket, "none", Action::Change(Change::Delete))?;
    transaction.write(&*bucket, "count", Action::Increment(1))?;
    let written = done(scratch.transact(transaction).await?)?;
    let promise = "it answers the versions that get reads, none after a delete, counters, and \
                   whether a delete found its key";
    let read = |key| {
        let bucket = bucket.clone();
        async move { Ok::<_, Failure>(bucket.get(key).await?.map(|entry| entry.version)) }
    };
    let expected = [
        ("k", None, true),
        ("gone", None, true),
        ("none", None, false),
        ("count", Some(42), true),
    ];
    let mut all = Vec::new();
    for (key, counter, has_changed) in expected {
        let version = read(key).await?;
        all.push(Written {
            version,
            counter,
            has_changed,
        });
    }
    same(written, all, promise)
}

pub(crate) async fn a_refused_increment_undoes_the_transaction(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set(&bucket, "text", "many").await?;
    set(&bucket, "most", i64::MAX.to_string()).await?;
    let is_refused = |blamed: &Invalid| matches!(blamed, Invalid::NotANumber | Invalid::Overflow);
    for counter in ["text", "most"] {
        let mut transaction = Transaction::default();
        transaction.write(&*bucket, "before", change("x"))?;
        transaction.write(&*bucket, counter, Action::Increment(1))?;
        transaction.write(&*bucket, "behind", change("x"))?;
        let refused = scratch.transact(transaction).await;
        invalid(refused, is_refused, "what cannot be counted on is refused")?;
    }
    let promise = "nothing of a refused transaction is written";
    same(value(&bucket, "before").await?, None, promise)?;
    same(value(&bucket, "behind").await?, None, promise)?;
    same(value(&bucket, "text").await?, Some("many".into()), promise)
}

pub(crate) async fn a_key_written_twice_is_refused(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let mut transaction = Transaction::default();
    transaction.write(&*bucket, "k", change("one"))?;
    transaction.write(&*bucket, "other", change("x"))?;
    transaction.write(&*bucket, "k", Action::Increment(1))?;
    let refused = scratch.transact(transaction).await;
    let is_it = |blamed: &Invalid| matches!(blamed, Invalid::WrittenTwice);
    invalid(refused, is_it, "a key is written once in a transaction")?;
    same(
        value(&bucket, "other").await?,
        None,
        "and nothing is written",
    )
}

pub(crate) async fn a_transaction_past_the_declared_number_is_refused(
    scratch: &Scratch<'_>,
) -> Verdict {
    let bucket = scratch.bare().await?;
    let (operations, _) = declared(&bucket);
    let write = |operations: usize| {
        let mut transaction = Transaction::default();
        for number in 0..operations {
            transaction.write(&*bucket, &format!("k{number}"), change("x"))?;
        }
        Ok::<_, Error>(transaction)
    };
    done(scratch.transact(write(operations)?).await?)?;
    let refused = scratch.transact(write(operations + 1)?).await;
    let is_it = |blamed: &Invalid| matches!(blamed, Invalid::BatchTooLong { .. });
    invalid(refused, is_it, "more operations than declared are refused")?;
    let past = value(&bucket, &format!("k{operations}")).await?;
    same(past, None, "and nothing is written")
}

pub(crate) async fn a_transaction_past_the_declared_bytes_is_refused(
    scratch: &Scratch<'_>,
) -> Verdict {
    let bucket = scratch.bare().await?;
    let (operations, bytes) = declared(&bucket);
    let most = bucket.capabilities().value_bytes.min(LARGEST_VALUE);
    // The keys, of six bytes each, are more than what the values leave.
    let needed = bytes.div_ceil(most);
    if needed > operations.min(10_000) {
        return Ok(());
    }
    let value = Bytes::from(vec![b'x'; most]);
    let mut transaction = Transaction::default();
    for number in 0..needed {
        let change = Change::Set(value.clone(), Set::default());
        transaction.write(&*bucket, &format!("k{number:05}"), Action::Change(change))?;
    }
    let refused = scratch.transact(transaction).await;
    let is_it = |blamed: &Invalid| matches!(blamed, Invalid::BatchTooLarge { .. });
    invalid(refused, is_it, "more bytes than declared are refused")?;
    let first = bucket.exists("k00000").await?;
    same(first, false, "and nothing is written")
}

pub(crate) async fn a_grant_holds_in_a_transaction(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set(&bucket, "app/k", "old").await?;
    let reading = Grant {
        read_only: true,
        ..Grant::default()
    };
    let reading = Granted::new(bucket.clone(), reading);
    let mut transaction = Transaction::default();
    for action in [
        change("x"),
        Action::Change(Change::Delete),
        Action::Increment(1),
    ] {
        let refused = transaction.write(&reading, "app/k", action);
        let promise = "a grant for reading admits no write";
        holds(
            matches!(refused, Err(Error::AccessDenied(_))),
            answer(&refused),
            promise,
        )?;
    }
    // What it may do is check, for a write elsewhere.
    let expected = version(&bucket, "app/k").await?;
    transaction.check(&reading, "app/k", expected)?;
    let prefix = "app/".to_owned();
    let prefixed = Granted::new(
        bucket.clone(),
        Grant {
            prefix,
            ..Grant::default()
        },
    );
    transaction.write(&prefixed, "k2", change("new"))?;
    transaction.check(&prefixed, "k2", Expected::Absent)?;
    done(scratch.transact(transaction).await?)?;
    let promise = "the prefix of a grant is put in front of keys";
    same(value(&bucket, "app/k2").await?, Some("new".into()), promise)?;
    same(value(&bucket, "k2").await?, None, promise)
}

pub(crate) async fn limits_hold_in_a_transaction(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let declared = bucket.capabilities();
    let mut transaction = Transaction::default();
    let long = "k".repeat(declared.key_bytes + 1);
    let is_long = |blamed: &Invalid| matches!(blamed, Invalid::KeyTooLong { .. });
    let refused = transaction.check(&*bucket, &long, Expected::Absent);
    invalid(refused, is_long, "the longest key is that of any call")?;
    let refused = transaction.write(&*bucket, &long, Action::Increment(1));
    invalid(refused, is_long, "the longest key is that of any call")?;
    let is_empty = |blamed: &Invalid| matches!(blamed, Invalid::EmptyKey);
    let refused = transaction.write(&*bucket, "", change("x"));
    invalid(refused, is_empty, "no key is empty")?;
    let large = Bytes::from(vec![0; declared.value_bytes + 1]);
    let large = Action::Change(Change::Set(large, Set::default()));
    let is_large = |blamed: &Invalid| matches!(blamed, Invalid::ValueTooLarge { .. });
    let refused = transaction.write(&*bucket, "k", large);
    invalid(refused, is_large, "the largest value is that of any call")
}

pub(crate) async fn times_to_live_hold_in_a_transaction(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let brief = Set::expiring(Duration::from_millis(300))?;
    bucket.set("count", "1".into(), brief).await?;
    bucket.set("kept", "old".into(), brief).await?;
    let mut transaction = Transaction::default();
    let ending = Change::Set("x".into(), brief);
    transaction.write(&*bucket, "ends", Action::Change(ending))?;
    transaction.write(&*bucket, "kept", change("new"))?;
    transaction.write(&*bucket, "count", Action::Increment(1))?;
    done(scratch.transact(transaction).await?)?;
    scratch
        .until("times to live end", || async {
            let ended = bucket.get_many(&["ends", "count"]).await?;
            Ok(ended.iter().all(Option::is_none))
        })
        .await?;
    let promise = "a set without a time to live ends the one before";
    same(value(&bucket, "kept").await?, Some("new".into()), promise)
}

pub(crate) async fn a_watch_delivers_the_writes_of_a_transaction(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    fill(&bucket, &["gone"]).await?;
    let mut watch = bucket.watch(Filter::All, Since::Now).await?;
    let mut transaction = Transaction::default();
    transaction.write(&*bucket, "set", change("v"))?;
    transaction.write(&*bucket, "gone", Action::Change(Change::Delete))?;
    transaction.write(&*bucket, "count", Action::Increment(7))?;
    done(scratch.transact(transaction).await?)?;
    let mut missing = vec![
        ("count".to_owned(), Some(Bytes::from("7"))),
        ("gone".to_owned(), None),
        ("set".to_owned(), Some(Bytes::from("v"))),
    ];
    while !missing.is_empty() {
        let next = tokio::time::timeout(scratch.patience(), watch.next()).await;
        let seen = match next {
            Ok(Some(Ok(Event::Set { key, value, .. }))) => (key, Some(value)),
            Ok(Some(Ok(Event::Delete { key, .. }))) => (key, None),
            other => {
                let promise = format!("events of {missing:?} arrive");
                return Err(Failure::new(format!("{other:?}"), promise));
            }
        };
        let place = missing.iter().position(|event| *event == seen);
        let promise = "a watch delivers what the transaction wrote";
        holds(place.is_some(), seen, promise)?;
        missing.remove(place.unwrap_or_default());
    }
    Ok(())
}

pub(crate) async fn writes_of_several_buckets_happen_as_one(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let beside = scratch.beside("-beside").await?;
    set(&beside, "lock", "free").await?;
    let free = version(&beside, "lock").await?;
    let take = || {
        let mut transaction = Transaction::default();
        transaction.check(&*beside, "lock", free.clone())?;
        transaction.write(&*beside, "lock", change("taken"))?;
        transaction.write(&*bucket, "work", Action::Increment(1))?;
        Ok::<_, Error>(transaction)
    };
    done(scratch.transact(take()?).await?)?;
    let stale = scratch.transact(take()?).await?;
    same(
        stale,
        Transacted::Stale(0),
        "a check of another bucket counts",
    )?;
    let promise = "writes of both buckets happen once";
    same(value(&bucket, "work").await?, Some("1".into()), promise)?;
    same(value(&beside, "lock").await?, Some("taken".into()), promise)
}

pub(crate) async fn concurrent_transfers_keep_the_sum(scratch: &Scratch<'_>) -> Verdict {
    const ACCOUNTS: [&str; 3] = ["a", "b", "c"];
    const TRANSFERS: usize = 40;
    let bucket = scratch.bucket().await?;
    for account in ACCOUNTS {
        set(&bucket, account, "100").await?;
    }
    let is_atomic = bucket.capabilities().batch == keywell_store::Batching::Atomic;
    let transfers = (0..4).map(|worker: usize| {
        let bucket = bucket.clone();
        async move {
            for number in 0..TRANSFERS {
                let from = ACCOUNTS[(worker + number) % ACCOUNTS.len()];
                let to = ACCOUNTS[(worker + number + 1) % ACCOUNTS.len()];
                let mut transaction = Transaction::default();
                transaction.write(&*bucket, from, Action::Increment(-1))?;
                transaction.write(&*bucket, to, Action::Increment(1))?;
                done(scratch.transact(transaction).await?)?;
                if is_atomic {
                    sum(&bucket, &ACCOUNTS).await?;
                }
            }
            Ok::<_, Failure>(())
        }
    });
    try_join_all(transfers).await?;
    sum(&bucket, &ACCOUNTS).await
}

/// Checks the sum of all accounts, read as one.
async fn sum(bucket: &Handle, accounts: &[&str]) -> Verdict {
    let entries = bucket.get_many(accounts).await?;
    let values = entries.into_iter().flatten().map(|entry| entry.value);
    let text = values.map(|value| String::from_utf8_lossy(&value).into_owned());
    let text: Vec<String> = text.collect();
    let sum: i64 = text
        .iter()
        .filter_map(|text| text.parse::<i64>().ok())
        .sum();
    let promise = "transfers keep the sum of 300";
    holds(sum == 300, text, promise)
}
