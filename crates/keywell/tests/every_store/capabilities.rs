//! The table of what stores declare in `docs/stores.md`, made from their buckets.

use std::fmt::Write as _;
use std::time::Duration;

use keywell::store::{
    Batching, BucketName, Capabilities, Cas, Durability, Ends, Listing, Reads, Transacting,
    Watching,
};

use crate::places::places;

const HEAD: &str = "\
| Store | Compare-and-swap | Counters | Listing | Batches | Transactions | Watches | Time to live \
| Its end | Lists and sets | Survives | Reads | Key | Value | Batch |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|
";

/// With `KEYWELL_UPDATE_DOCS=1` in the environment, the table is written instead.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_about_stores_has_what_they_declare() {
    let mut table = HEAD.to_owned();
    for place in places() {
        let started = (place.start)().await;
        let store = keywell::open(&started.url.parse().unwrap()).await.unwrap();
        let bucket = store.open(&BucketName::default()).await.unwrap();
        let declared = cells(&bucket.capabilities()).join(" | ");
        let _ = writeln!(table, "| {} | {declared} |", place.heading);
        store.close().await.unwrap();
    }
    crate::page::Part::of("stores.md", "capabilities").check(&table);
}

/// In the order of [`HEAD`].
fn cells(declared: &Capabilities) -> [String; 14] {
    let ends = match declared.ends {
        _ if !declared.ttl || declared.watch == Watching::None => "",
        Ends::Swept => "swept",
        Ends::Late => "late",
        Ends::Untold => "untold",
    };
    let cas = match declared.cas {
        Cas::None => "no",
        Cas::ByValue => "by value",
        Cas::ByVersion => "by version",
    };
    let list = match declared.list {
        Listing::None => "no",
        Listing::Unordered => "unordered",
        Listing::Ordered => "ordered",
    };
    let batch = match declared.batch {
        Batching::Sequential => "one by one",
        Batching::Atomic => "all or none",
    };
    let watch = match declared.watch {
        Watching::None => "no",
        Watching::Lossy => "lossy",
        Watching::Latest => "latest",
        Watching::Resumable => "resumable",
    };
    let survives = match declared.durability {
        Durability::Volatile => "nothing",
        Durability::Process => "the process",
        Durability::Synced => "loss of power",
    };
    let reads = match declared.reads {
        Reads::Latest => "the latest",
        Reads::OwnWrites => "own writes",
    };
    let ttl = match (declared.ttl, declared.ttl_step) {
        (false, _) => "no".to_owned(),
        (true, step) if step < Duration::from_millis(1) => "exact".to_owned(),
        (true, step) => format!("in steps of {step:?}"),
    };
    let keys = number(declared.batch_keys, |keys| format!("{keys} keys"));
    let batch_bytes = number(declared.batch_bytes, bytes);
    let size = match (&*keys, &*batch_bytes) {
        (NO_BOUND, NO_BOUND) => NO_BOUND.to_owned(),
        (NO_BOUND, bytes) => bytes.to_owned(),
        (keys, NO_BOUND) => keys.to_owned(),
        (keys, bytes) => format!("{keys}, {bytes}"),
    };
    [
        cas.to_owned(),
        yes(declared.increment),
        list.to_owned(),
        batch.to_owned(),
        transactions(declared.transact),
        watch.to_owned(),
        ttl,
        ends.to_owned(),
        yes(declared.collections),
        survives.to_owned(),
        reads.to_owned(),
        number(declared.key_bytes, bytes),
        number(declared.value_bytes, bytes),
        size,
    ]
}

const NO_BOUND: &str = "no bound";

fn yes(has: bool) -> String {
    if has { "yes" } else { "no" }.to_owned()
}

fn number(limit: usize, text: impl Fn(usize) -> String) -> String {
    if limit == usize::MAX {
        return NO_BOUND.to_owned();
    }
    text(limit)
}

fn bytes(bytes: usize) -> String {
    match bytes {
        _ if bytes >= 1 << 20 && bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ if bytes >= 1 << 10 && bytes.is_multiple_of(1 << 10) => format!("{} KiB", bytes >> 10),
        _ => format!("{bytes} bytes"),
    }
}

fn transactions(transacting: Transacting) -> String {
    let (over, operations) = match transacting {
        Transacting::None => return "no".to_owned(),
        Transacting::Bucket { operations, .. } => ("a bucket", operations),
        Transacting::Store { operations, .. } => ("all buckets", operations),
    };
    format!("{over}, {operations}")
}
