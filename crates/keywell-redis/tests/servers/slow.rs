//! A slow reader receives the last state of each key in the end, and only so much gathers for it
//! meanwhile. On the plain layout.

use std::collections::HashMap;

use bytes::Bytes;
use keywell_servers::Cluster;
use keywell_store::{Bucket, Event, Filter, Set, Since};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::large::{MIB, cut_off, large, setting};
use crate::support::{bucket, next, open, patient, received, seed, silent, watch};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_receives_the_last_state_of_a_key() {
    const WRITES: usize = 300;
    let setting = setting().await;
    let mut one = watch(&setting.bucket, Filter::Key("k".into())).await;
    let mut other = watch(&setting.bucket, Filter::Key("k".into())).await;
    for number in 0..WRITES {
        let value = large(number, MIB);
        setting
            .bucket
            .set("k", value, Set::default())
            .await
            .unwrap();
    }
    let expected = large(WRITES - 1, MIB);
    for watch in [&mut one, &mut other] {
        let mut delivered = 0;
        let mut last = Bytes::new();
        while last != expected {
            let Event::Set { value, .. } = next(watch).await else {
                panic!("nothing is deleted, and nothing is lost");
            };
            assert!(value > last, "in the order of writes");
            last = value;
            delivered += 1;
        }
        assert_eq!(delivered + watch.coalesced(), WRITES as u64);
        silent(watch).await;
    }
}

/// So many bytes of memory does this process have.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    kib.parse::<usize>().unwrap() * 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_grows_while_it_waits_to_be_read_is_not_kept() {
    const KEYS: usize = 2500;
    const GROWN: usize = 300;
    let setting = setting().await;
    let mut slow = watch(&setting.bucket, Filter::Prefix("s".into())).await;
    let mut quick = watch(&setting.bucket, Filter::Key("end".into())).await;
    let set = async |key: String, value: Bytes| {
        let set = setting.bucket.set(&key, value, Set::default());
        set.await.unwrap();
    };
    for key in 0..KEYS {
        set(format!("s{key}"), large(key, 10)).await;
    }
    let before = resident();
    for key in 0..GROWN {
        set(format!("s{key}"), large(key, MIB)).await;
    }
    set("end".into(), "1".into()).await;
    assert_eq!(received(&mut quick).await, "end=1");
    let more = resident().saturating_sub(before) / MIB;
    assert!(more < 200, "{more} MiB more");

    let mut last = HashMap::new();
    let mut events = 0;
    while events + slow.coalesced() < (KEYS + GROWN) as u64 {
        let Event::Set { key, value, .. } = next(&mut slow).await else {
            panic!("nothing is deleted, and nothing is lost");
        };
        last.insert(key, value);
        events += 1;
    }
    silent(&mut slow).await;
    assert_eq!(events + slow.coalesced(), (KEYS + GROWN) as u64);
    for key in 0..KEYS {
        let bytes = if key < GROWN { MIB } else { 10 };
        assert!(last[&format!("s{key}")] == large(key, bytes), "s{key}");
    }
}

/// Writes and deletes values of all sizes; each is an event.
async fn write(bucket: &dyn Bucket, chance: &mut StdRng, held: &mut HashMap<String, Bytes>) {
    const SIZES: [usize; 8] = [0, 1, 1000, 65_535, 65_536, 65_537, MIB, 3 * MIB];
    for number in 0..WRITES {
        let key = chance.random_range(0..20).to_string();
        if held.contains_key(&key) && chance.random_bool(0.3) {
            bucket.delete(&key).await.unwrap();
            held.remove(&key);
            continue;
        }
        let bytes = SIZES[chance.random_range(0..SIZES.len())];
        let value = large(number, bytes.max(8)).slice(..bytes);
        let set = bucket.set(&key, value.clone(), Set::default());
        set.await.unwrap();
        held.insert(key, value);
    }
}

const WRITES: usize = 300;

/// Of what was written without a reader, and then with one.
async fn the_last_delivered_is_the_present_state(bucket: &dyn Bucket) {
    let mut chance = StdRng::seed_from_u64(seed());
    let mut all = bucket.watch(Filter::All, Since::Now).await.unwrap();
    let mut held = HashMap::new();
    write(bucket, &mut chance, &mut held).await;
    let writing = write(bucket, &mut chance, &mut held);
    let mut last = HashMap::new();
    let listening = async {
        let mut delivered = 0;
        while delivered + all.coalesced() < 2 * WRITES as u64 {
            match next(&mut all).await {
                Event::Set { key, value, .. } => drop(last.insert(key, value)),
                Event::Delete { key, .. } => drop(last.remove(&key)),
                other => panic!("{other:?}"),
            }
            delivered += 1;
        }
        delivered
    };
    let ((), delivered) = tokio::join!(writing, listening);
    silent(&mut all).await;
    assert_eq!(delivered + all.coalesced(), 2 * WRITES as u64);
    for key in 0..20 {
        let key = key.to_string();
        assert!(last.get(&key) == held.get(&key), "{key}");
    }
    println!("{delivered} events, {} coalesced", all.coalesced());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_event_of_a_key_has_what_it_holds() {
    let setting = setting().await;
    the_last_delivered_is_the_present_state(&*setting.bucket).await;
    assert_eq!(cut_off(&setting.redis), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_cluster_too_the_last_event_of_a_key_has_what_it_holds() {
    let cluster = Cluster::start(3, 0).await.unwrap();
    let url = format!("redis+cluster://{}", cluster.addrs()[1]);
    let store = open(&url, &patient("plain")).await;
    the_last_delivered_is_the_present_state(&*bucket(&store, "b").await).await;
    for node in cluster.nodes() {
        assert_eq!(cut_off(node), 0);
    }
}

/// So many keys are written that not even their names are kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn named_keys_are_delivered_behind_the_gap_of_what_was_left_out() {
    let setting = setting().await;
    let both = [Filter::Prefix("s".into()), Filter::Key("named".into())];
    let mut slow = watch(&setting.bucket, Filter::AnyOf(both.into())).await;
    let mut quick = watch(&setting.bucket, Filter::Key("named".into())).await;
    let set = async |key: &str, value: Bytes| {
        let set = setting.bucket.set(key, value, Set::default());
        set.await.unwrap();
    };
    set("named", "first".into()).await;
    for key in 0..64 {
        set(&format!("s{key}"), large(key, MIB)).await;
    }
    for key in 0..9000 {
        set(&format!("s{key:01000}"), "v".into()).await;
    }
    set("named", "last".into()).await;
    assert_eq!(received(&mut quick).await, "named=first");
    assert_eq!(received(&mut quick).await, "named=last");
    assert_eq!(received(&mut slow).await, "named=first");
    let mut gaps = 0;
    loop {
        match next(&mut slow).await {
            Event::Gap => gaps += 1,
            Event::Set { key, value, .. } if key == "named" => {
                assert_eq!(value, "last");
                break;
            }
            _ => {}
        }
    }
    assert!(gaps > 0, "some were left out");
}
