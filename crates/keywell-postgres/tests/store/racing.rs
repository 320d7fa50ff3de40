//! Writers and transactions of other programs that stay open, and watches that have to see all of it.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use keywell_conformance::history::seeds;
use keywell_postgres::PostgresStore;
use keywell_servers::{Databases, SharedPostgres};
use keywell_store::{
    Action, Bucket, BucketName, Change, Event, Filter, Result, ResumeToken, Set, Since, Store as _,
    Transacted, Version, Watch, Write,
};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::watch;

use crate::support::{bucket, connect, next, set};

const KEYS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
const WRITERS: u64 = 4;
const WRITES: usize = 60;
/// Transactions of another program, each with keys of its own and one that it shares with writers.
const OPEN: u64 = 4;
const TRANSACTIONS: usize = 15;

/// A committed write, by its key: the version and the value.
type Written = (String, (u64, String));

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_watch_misses_nothing_and_keeps_the_order_of_each_key_while_transactions_are_open() {
    let server = SharedPostgres::get().await.unwrap();
    for seed in seeds(3) {
        run(&server, seed).await;
    }
}

async fn run(server: &Databases, seed: u64) {
    let database = server.database().unwrap();
    let url = server.url(&database);
    let stores = [connect(&url).await.unwrap(), connect(&url).await.unwrap()];
    let reader = bucket(&stores[0], "b").await;
    let watch = reader.watch(Filter::All, Since::Now).await.unwrap();
    let start = watch.start().unwrap().clone();
    let (progress, _) = watch::channel(0_u64);
    let progress = Arc::new(progress);
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let store = stores[usize::from(writer % 2 == 0)].clone();
        let random = StdRng::seed_from_u64(seed ^ writer);
        tasks.spawn(write(store, writer, random, progress.clone()));
    }
    for program in 0..OPEN {
        let random = StdRng::seed_from_u64(seed ^ (100 + program));
        tasks.spawn(keep_open(url.clone(), program, random, progress.clone()));
    }
    let live = tokio::spawn(until_end(watch));
    let written: Vec<Written> = tasks.join_all().await.into_iter().flatten().collect();
    set(&reader, "end", "").await.unwrap();
    let live = live.await.unwrap();
    let mut expected: BTreeMap<String, Vec<(u64, String)>> = BTreeMap::new();
    for (key, write) in written {
        expected.entry(key).or_default().push(write);
    }
    for writes in expected.values_mut() {
        writes.sort_unstable();
    }
    assert_eq!(by_key(&live), expected, "KEYWELL_SEED={seed}");
    // From any event on, a watch delivers what that one had not.
    let mut random = StdRng::seed_from_u64(seed);
    let mut places: Vec<usize> = (0..5).map(|_| random.random_range(0..live.len())).collect();
    places.push(0);
    for place in places {
        let token = if place == 0 {
            start.clone()
        } else {
            live[place - 1].token.clone()
        };
        let resumed = reader.watch(Filter::All, Since::After(token)).await;
        let resumed = until_end(resumed.unwrap()).await;
        let expected = by_key(&live[place..]);
        assert_eq!(by_key(&resumed), expected, "KEYWELL_SEED={seed} {place}");
    }
}

/// Sets keys, one or several at once.
async fn write(
    store: PostgresStore,
    writer: u64,
    mut random: StdRng,
    progress: Arc<watch::Sender<u64>>,
) -> Vec<Written> {
    let b = bucket(&store, "b").await;
    let mut written = Vec::new();
    for number in 0..WRITES {
        let value = format!("{writer}.{number}");
        let keys: HashSet<&str> = (0..random.random_range(1..3))
            .map(|_| *KEYS.choose(&mut random).unwrap())
            .collect();
        let keys: Vec<&str> = keys.into_iter().collect();
        let versions = put(&store, &b, &keys, &value).await.unwrap();
        for (key, version) in keys.into_iter().zip(versions) {
            written.push((key.to_owned(), (version.as_u64().unwrap(), value.clone())));
        }
        progress.send_modify(|count| *count += 1);
    }
    written
}

async fn put(
    store: &PostgresStore,
    bucket: &Arc<dyn Bucket>,
    keys: &[&str],
    value: &str,
) -> Result<Vec<Version>> {
    let value = bytes::Bytes::copy_from_slice(value.as_bytes());
    if let [key] = keys {
        return Ok(vec![bucket.set(key, value, Set::default()).await?]);
    }
    let writes = keys.iter().map(|key| Write {
        bucket: BucketName::parse("b").unwrap(),
        key: (*key).to_owned(),
        action: Action::Change(Change::Set(value.clone(), Set::default())),
    });
    match store.transact(Vec::new(), writes.collect()).await? {
        Transacted::Done(written) => Ok(written
            .iter()
            .filter_map(|one| one.version.clone())
            .collect()),
        Transacted::Stale(_) => unreachable!("there are no checks"),
    }
}

/// Writes in transactions that end, one way or the other, while writers go on.
async fn keep_open(
    url: String,
    program: u64,
    mut random: StdRng,
    progress: Arc<watch::Sender<u64>>,
) -> Vec<Written> {
    let config: tokio_postgres::Config = url.parse().unwrap();
    let address = config.get_ports()[0];
    let stream = tokio::net::TcpStream::connect(("127.0.0.1", address)).await;
    let (client, connection) = config
        .connect_raw(stream.unwrap(), tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    let settle = "SET search_path = keywell; SELECT settle()";
    client.batch_execute(settle).await.unwrap();
    let apply = "SELECT out_versions[1] FROM apply('{}', '{}', '{}', '{b}', ARRAY[$1::bytea], '{0}', \
                 ARRAY[$2::bytea], '{null}', '{null}')";
    let mut progress = progress.subscribe();
    let mut written = Vec::new();
    for number in 0..TRANSACTIONS {
        client.batch_execute("BEGIN").await.unwrap();
        let mut pending = Vec::new();
        let own = format!("own{program}");
        for key in [&*own, "own", &*own] {
            // One key that all of these programs write, so that they take turns.
            if key == "own" && random.random_bool(0.5) {
                continue;
            }
            let value = format!("t{program}.{number}.{}", pending.len());
            let row = client
                .query_one(apply, &[&key.as_bytes(), &value.as_bytes()])
                .await
                .unwrap();
            let version: i64 = row.get(0);
            pending.push((key.to_owned(), (version.cast_unsigned(), value)));
            let until = *progress.borrow() + random.random_range(0..12);
            let end = WRITERS * WRITES as u64;
            let _ = progress.wait_for(|count| *count >= until.min(end)).await;
        }
        if random.random_bool(0.7) {
            client.batch_execute("COMMIT").await.unwrap();
            written.append(&mut pending);
        } else {
            client.batch_execute("ROLLBACK").await.unwrap();
        }
    }
    written
}

struct Seen {
    key: String,
    version: u64,
    value: String,
    token: ResumeToken,
}

/// The events of a watch up to that of the key `end`.
async fn until_end(mut watch: Watch) -> Vec<Seen> {
    let mut seen = Vec::new();
    loop {
        match next(&mut watch).await.unwrap() {
            Event::Set { key, .. } if key == "end" => return seen,
            Event::Set {
                key,
                value,
                version,
                token,
            } => seen.push(Seen {
                key,
                version: version.unwrap().as_u64().unwrap(),
                value: String::from_utf8_lossy(&value).into_owned(),
                token: token.unwrap(),
            }),
            other => panic!("{other:?}"),
        }
    }
}

/// In the order in which they were seen.
fn by_key(seen: &[Seen]) -> BTreeMap<String, Vec<(u64, String)>> {
    let mut keys: BTreeMap<String, Vec<(u64, String)>> = BTreeMap::new();
    for seen in seen {
        let writes = keys.entry(seen.key.clone()).or_default();
        writes.push((seen.version, seen.value.clone()));
    }
    keys
}
