use std::collections::BTreeSet;

use keywell_store::{Collect, Invalid, Kind, List, Members};

use crate::checks::tasks::{TASKS, together};
use crate::failure::{Verdict, holds, invalid, same};
use crate::scratch::{Handle, Scratch, keys, set, value};

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Appends items to a list.
async fn push(bucket: &Handle, key: &str, items: &[&str]) -> Verdict {
    for item in items {
        bucket.push(key, item).await?;
    }
    Ok(())
}

/// Adds members to a set.
async fn add(bucket: &Handle, key: &str, members: &[&str]) -> Verdict {
    for member in members {
        bucket.set_add(key, member).await?;
    }
    Ok(())
}

/// Checks the items of a list.
async fn list_is(bucket: &Handle, key: &str, items: &[&str], promise: &str) -> Verdict {
    same(bucket.range(key, 0, -1).await?, owned(items), promise)
}

/// Checks the members of a set.
async fn set_is(bucket: &Handle, key: &str, members: &[&str], promise: &str) -> Verdict {
    same(bucket.set_query(key).await?, owned(members), promise)
}

pub(crate) async fn pushed_items_are_in_order(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    for (before, item) in ["b", "a", "b", "c"].iter().enumerate() {
        let length = bucket.push("k", item).await?;
        same(length, before as u64 + 1, "a push answers the length")?;
    }
    let promise = "items are in the order in which they were pushed, also equal ones";
    list_is(&bucket, "k", &["b", "a", "b", "c"], promise).await?;
    let other = scratch.bucket().await?;
    list_is(&other, "k", &["b", "a", "b", "c"], promise).await
}

pub(crate) async fn a_range_counts_from_both_ends(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    push(&bucket, "k", &["0", "1", "2", "3", "4"]).await?;
    let promise = "a range has both of its ends, counted from either end of the list";
    let cases: &[((i64, i64), &[&str])] = &[
        ((1, 3), &["1", "2", "3"]),
        ((-2, -1), &["3", "4"]),
        ((2, 2), &["2"]),
        ((-5, 0), &["0"]),
        ((-9, 1), &["0", "1"]),
        ((3, 9), &["3", "4"]),
        ((i64::MIN, i64::MAX), &["0", "1", "2", "3", "4"]),
        ((3, 2), &[]),
        ((5, 9), &[]),
        ((0, -6), &[]),
    ];
    for ((start, stop), expected) in cases {
        let items = bucket.range("k", *start, *stop).await?;
        same(items, owned(expected), promise)?;
    }
    Ok(())
}

pub(crate) async fn a_deleted_item_is_gone(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    push(&bucket, "k", &["a", "b", "a", "ab"]).await?;
    let promise = "all items that equal the text are deleted, and their number is answered";
    same(bucket.delete_item("k", "a").await?, 2, promise)?;
    same(bucket.delete_item("k", "a").await?, 0, promise)?;
    list_is(&bucket, "k", &["b", "ab"], promise).await?;
    same(bucket.push("k", "a").await?, 3, "a push answers the length")?;
    list_is(
        &bucket,
        "k",
        &["b", "ab", "a"],
        "a list goes on behind its last item",
    )
    .await
}

pub(crate) async fn a_set_has_each_member_once(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let promise = "an addition answers whether the member is new";
    for (member, is_new) in [("b", true), ("a", true), ("b", false), ("B", true)] {
        same(bucket.set_add("k", member).await?, is_new, promise)?;
    }
    let promise = "members are there once, in the order of their bytes";
    set_is(&bucket, "k", &["B", "a", "b"], promise).await
}

pub(crate) async fn a_removed_member_is_gone(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    add(&bucket, "k", &["a", "b"]).await?;
    let promise = "a removal answers whether the member was there";
    same(bucket.set_remove("k", "a").await?, true, promise)?;
    same(bucket.set_remove("k", "a").await?, false, promise)?;
    set_is(&bucket, "k", &["b"], "a removed member is gone").await?;
    same(bucket.set_add("k", "a").await?, true, "it is new again")?;
    set_is(&bucket, "k", &["a", "b"], "it is there again").await
}

pub(crate) async fn sets_are_united_and_intersected(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    add(&bucket, "one", &["a", "b", "c"]).await?;
    add(&bucket, "two", &["c", "b", "d"]).await?;
    let cases: &[(&[&str], &[&str], &[&str])] = &[
        (&["one", "two"], &["a", "b", "c", "d"], &["b", "c"]),
        (&["two", "one", "two"], &["a", "b", "c", "d"], &["b", "c"]),
        (&["one", "none"], &["a", "b", "c"], &[]),
        (&["one"], &["a", "b", "c"], &["a", "b", "c"]),
        (&[], &[], &[]),
    ];
    for (of, union, intersection) in cases {
        let promise = "a union has the members of at least one set";
        same(bucket.set_union(of).await?, owned(union), promise)?;
        let promise = "an intersection has the members of all sets";
        let members = bucket.set_intersection(of).await?;
        same(members, owned(intersection), promise)?;
    }
    Ok(())
}

pub(crate) async fn an_absent_key_is_an_empty_list_and_set(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let promise = "a key that is not there reads as no texts";
    push(&bucket, "list", &["a"]).await?;
    add(&bucket, "set", &["a"]).await?;
    same(bucket.exists("list").await?, true, "a list exists")?;
    same(bucket.exists("set").await?, true, "a set exists")?;
    bucket.delete_item("list", "a").await?;
    bucket.set_remove("set", "a").await?;
    for key in ["none", "list", "set"] {
        same(
            bucket.exists(key).await?,
            false,
            "it ends with its last text",
        )?;
        list_is(&bucket, key, &[], promise).await?;
        set_is(&bucket, key, &[], promise).await?;
        same(bucket.delete_item(key, "a").await?, 0, promise)?;
        same(bucket.set_remove(key, "a").await?, false, promise)?;
        same(bucket.clear(key).await?, 0, promise)?;
        same(value(&bucket, key).await?, None, "it has no value")?;
    }
    // It may become another kind.
    add(&bucket, "list", &["a"]).await?;
    push(&bucket, "set", &["a"]).await
}

pub(crate) async fn clearing_deletes_all_texts(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    push(&bucket, "list", &["a", "b", "a"]).await?;
    add(&bucket, "set", &["a", "b"]).await?;
    push(&bucket, "lists", &["other"]).await?;
    let promise = "it answers how many texts there were";
    same(bucket.clear("list").await?, 3, promise)?;
    same(bucket.clear("set").await?, 2, promise)?;
    for key in ["list", "set"] {
        same(bucket.exists(key).await?, false, "what was cleared is gone")?;
    }
    list_is(&bucket, "lists", &["other"], "no other key is cleared").await
}

pub(crate) async fn a_key_holds_one_kind(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set(&bucket, "value", "1").await?;
    push(&bucket, "list", &["a"]).await?;
    add(&bucket, "set", &["a"]).await?;
    for (key, holds) in [
        ("value", Kind::Value),
        ("list", Kind::List),
        ("set", Kind::Set),
    ] {
        let is_kind = |blamed: &Invalid| matches!(blamed, Invalid::Kind(kind) if *kind == holds);
        let promise = "an operation on another kind is refused, and names the kind";
        if holds != Kind::Value {
            invalid(bucket.get(key).await, is_kind, promise)?;
        }
        if holds != Kind::Value && bucket.capabilities().increment {
            invalid(bucket.increment(key, 1).await, is_kind, promise)?;
        }
        if holds != Kind::List {
            invalid(bucket.push(key, "b").await, is_kind, promise)?;
            invalid(bucket.range(key, 0, -1).await, is_kind, promise)?;
            invalid(bucket.delete_item(key, "a").await, is_kind, promise)?;
        }
        if holds != Kind::Set {
            invalid(bucket.set_add(key, "b").await, is_kind, promise)?;
            invalid(bucket.set_remove(key, "a").await, is_kind, promise)?;
            let members = bucket.set_union(&["set", key]).await;
            invalid(members, is_kind, promise)?;
        }
        if holds == Kind::Value {
            invalid(bucket.clear(key).await, is_kind, promise)?;
        }
    }
    let promise = "what is refused changes nothing";
    same(value(&bucket, "value").await?, Some("1".into()), promise)?;
    list_is(&bucket, "list", &["a"], promise).await?;
    set_is(&bucket, "set", &["a"], promise).await
}

pub(crate) async fn a_set_and_a_delete_replace_a_collection(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    for key in ["list", "set"] {
        push(&bucket, "list", &["a", "b"]).await?;
        add(&bucket, "set", &["a", "b"]).await?;
        set(&bucket, key, "new").await?;
        let promise = "a value replaces a list or a set";
        same(value(&bucket, key).await?, Some("new".into()), promise)?;
        bucket.delete("list").await?;
        bucket.delete("set").await?;
        let promise = "a delete removes all of a list or a set";
        same(bucket.exists(key).await?, false, promise)?;
        list_is(&bucket, key, &[], promise).await?;
        set_is(&bucket, key, &[], promise).await?;
    }
    Ok(())
}

pub(crate) async fn a_text_may_be_empty_and_of_any_script(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let texts = [
        "",
        " ",
        "\0",
        "a\nb",
        "a,b",
        "0:",
        "ключ",
        "🗝",
        "\u{10ffff}",
    ];
    push(&bucket, "list", &texts).await?;
    add(&bucket, "set", &texts).await?;
    let promise = "a text is read as it was written";
    list_is(&bucket, "list", &texts, promise).await?;
    let members: BTreeSet<&str> = texts.into();
    let members: Vec<&str> = members.into_iter().collect();
    set_is(&bucket, "set", &members, promise).await?;
    for text in texts {
        same(bucket.delete_item("list", text).await?, 1, promise)?;
        same(bucket.set_remove("set", text).await?, true, promise)?;
    }
    Ok(())
}

pub(crate) async fn texts_that_the_caller_cannot_hold_are_refused(
    scratch: &Scratch<'_>,
) -> Verdict {
    let bucket = scratch.bucket().await?;
    for text in ["12345678", "", "123"] {
        bucket.push("list", text).await?;
        bucket.set_add("set", text).await?;
    }
    let bytes = 8 + 3 + 3 * Collect::bytes_of("");
    let range = |max| Collect::Range {
        key: "list".to_owned(),
        start: 0,
        stop: -1,
        max,
    };
    let members = |max| Collect::Members {
        keys: vec!["set".to_owned()],
        of: Members::Union,
        max,
    };
    let is_large = |blamed: &Invalid| matches!(blamed, Invalid::BatchTooLarge { .. });
    for max in [bytes - 1, 1, 0] {
        let promise = "texts that the caller cannot hold are refused";
        invalid(bucket.collect(range(max)).await, is_large, promise)?;
        invalid(bucket.collect(members(max)).await, is_large, promise)?;
    }
    for operation in [range(bytes), members(bytes)] {
        let texts = bucket.collect(operation).await?.texts()?;
        same(texts.len(), 3, "texts that the caller can hold are read")?;
    }
    Ok(())
}

pub(crate) async fn keys_and_texts_past_the_limits_are_refused(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bare().await?;
    let declared = bucket.capabilities();
    let large = "x".repeat(declared.value_bytes + 1);
    let promise = "a text larger than a value may be is refused";
    let is_large = |blamed: &Invalid| matches!(blamed, Invalid::ValueTooLarge { .. });
    invalid(bucket.push("list", &large).await, is_large, promise)?;
    invalid(bucket.set_add("set", &large).await, is_large, promise)?;
    let long = "k".repeat(declared.key_bytes + 1);
    let is_long = |blamed: &Invalid| matches!(blamed, Invalid::KeyTooLong { .. });
    let promise = "a key past the limit is refused";
    invalid(bucket.push(&long, "a").await, is_long, promise)?;
    invalid(bucket.set_add(&long, "a").await, is_long, promise)?;
    for key in ["list", "set"] {
        let promise = "what is refused is not written";
        same(bucket.exists(key).await?, false, promise)?;
    }
    Ok(())
}

pub(crate) async fn lists_and_sets_are_listed(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    set(&bucket, "b", "value").await?;
    push(&bucket, "a", &["1", "2"]).await?;
    add(&bucket, "c", &["1", "2"]).await?;
    push(&bucket, "gone", &["1"]).await?;
    bucket.delete_item("gone", "1").await?;
    for limit in [1, 1000] {
        let mut listed = keys(&bucket, "", limit).await?;
        listed.sort_unstable();
        same(listed, owned(&["a", "b", "c"]), "each key is listed once")?;
    }
    let with_values = List {
        prefix: "a".to_owned(),
        values: Some(1000),
        ..List::default()
    };
    let is_list = |blamed: &Invalid| matches!(blamed, Invalid::Kind(Kind::List));
    let promise = "a listing with values refuses a list";
    invalid(bucket.list(with_values).await, is_list, promise)
}

pub(crate) async fn lists_and_sets_keep_to_their_bucket(scratch: &Scratch<'_>) -> Verdict {
    let (bucket, other) = (scratch.bucket().await?, scratch.beside("-other").await?);
    push(&bucket, "list", &["a"]).await?;
    add(&bucket, "set", &["a"]).await?;
    push(&other, "list", &["b"]).await?;
    add(&other, "set", &["b"]).await?;
    let promise = "buckets share no lists and no sets";
    list_is(&bucket, "list", &["a"], promise).await?;
    set_is(&bucket, "set", &["a"], promise).await?;
    bucket.clear("list").await?;
    bucket.clear("set").await?;
    list_is(&other, "list", &["b"], promise).await?;
    set_is(&other, "set", &["b"], promise).await
}

pub(crate) async fn pushes_and_additions_from_32_tasks_are_all_there(
    scratch: &Scratch<'_>,
) -> Verdict {
    const ROUNDS: usize = 10;
    let bucket = scratch.bucket().await?;
    let writing = bucket.clone();
    let answers = together(TASKS, move |task| {
        let bucket = writing.clone();
        async move {
            let mut answers = Vec::new();
            for round in 0..ROUNDS {
                let length = bucket.push("list", &format!("{task} {round}")).await?;
                let is_new = bucket.set_add("set", &round.to_string()).await?;
                answers.push((length, is_new));
                tokio::task::yield_now().await;
            }
            Ok(answers)
        }
    })
    .await?;
    let answers = answers.concat();
    let lengths: BTreeSet<u64> = answers.iter().map(|(length, _)| *length).collect();
    let promise = "each push answers another length";
    same(lengths.len(), TASKS * ROUNDS, promise)?;
    let new = answers.iter().filter(|(_, is_new)| *is_new).count();
    same(
        new,
        ROUNDS,
        "one addition of each member answers that it is new",
    )?;
    let items = bucket.range("list", 0, -1).await?;
    let unique: BTreeSet<&String> = items.iter().collect();
    let all = (items.len(), unique.len());
    same(
        all,
        (TASKS * ROUNDS, TASKS * ROUNDS),
        "each item is there once",
    )?;
    for task in 0..TASKS {
        let of_task = items.iter().filter_map(|item| item.split_once(' '));
        let of_task = of_task.filter(|(by, _)| *by == task.to_string());
        let rounds: Vec<usize> = of_task
            .filter_map(|(_, round)| round.parse().ok())
            .collect();
        holds(rounds.is_sorted(), &rounds, "a caller's items are in order")?;
    }
    same(
        bucket.set_query("set").await?.len(),
        ROUNDS,
        "each member is there once",
    )
}
