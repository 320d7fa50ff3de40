//! On the plain layout, the values received of a key are in the order of its writes while its slot
//! moves between nodes, and the last one is the present one.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures::StreamExt as _;
use keywell_servers::{Cluster, Error, Redis};
use keywell_store::{Bucket, Event, Filter, Set, Watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::support::{PATIENCE, bucket, next, open, patient, silent, watch};

/// How a slot moves to another node.
#[derive(Clone, Copy)]
enum Way {
    /// By a client that moves key after key, with `ASK` on the way.
    Moved,
    /// By the nodes themselves, where they can; else by a client.
    HandedOver,
}

/// The only writer of a key: one number after the other, with or without deletions in between.
struct Writer {
    key: String,
    stop: Arc<AtomicBool>,
    writing: JoinHandle<Written>,
}

/// What a writer did.
struct Written {
    last: Option<u64>,
    /// The number of the next write.
    next: u64,
}

/// What a watch has received.
#[derive(Default)]
struct Heard {
    keys: HashMap<String, KeyEvents>,
    gaps: usize,
}

/// What it has received of a key.
#[derive(Debug, Default)]
struct KeyEvents {
    /// The highest number so far.
    highest: u64,
    last: Option<u64>,
    events: u64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_come_in_order_while_slots_are_moved() {
    values_come_in_order(Way::Moved).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_come_in_order_while_slots_are_handed_over() {
    values_come_in_order(Way::HandedOver).await;
}

/// A key that moves without being written is still there, and no removal is received.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_only_moves_is_not_removed() {
    for way in [Way::Moved, Way::HandedOver] {
        let cluster = Cluster::start(2, 0).await.unwrap();
        let (bucket, mut all) = watched(&cluster, Filter::All).await;
        for number in 0..50 {
            let key = format!("{{a}}{number}");
            bucket
                .set(&key, "here".into(), Set::default())
                .await
                .unwrap();
        }
        let slot = cluster.slot("{a}").await.unwrap();
        for _ in 0..3 {
            move_to_other(&cluster, slot, way).await;
        }
        bucket
            .set("{a}", "end".into(), Set::default())
            .await
            .unwrap();
        let mut received = HashMap::new();
        while !received.contains_key("{a}") {
            match next(&mut all).await {
                Event::Set { key, value, .. } => received.insert(key, value),
                other => panic!("{other:?}"),
            };
        }
        for number in 0..50 {
            let key = format!("{{a}}{number}");
            assert_eq!(received.get(&key).unwrap(), "here", "{key}");
        }
    }
}

/// A node without slots has no listener. That it gets its first slot, or loses its last, is a gap.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_come_in_order_when_a_node_joins_and_leaves() {
    for way in [Way::Moved, Way::HandedOver] {
        // Else one that loses its last slot becomes a replica.
        let node = Redis::builder().config("cluster-allow-replica-migration no");
        let cluster = Cluster::start_with(2, 0, node).await.unwrap();
        let slot = cluster.slot("{a}").await.unwrap();
        let from = cluster.owner(slot).await.unwrap();
        let mut others = cluster.primaries().iter();
        let empty = others.find(|node| node.addr() != from.addr()).unwrap();
        assert_eq!(
            from.addr(),
            cluster.addrs()[1],
            "the later has the higher epoch"
        );
        take_all(&cluster, from, empty).await;
        let keys = ["{a}kept", "{a}deleted"];
        let named = keys.map(|key| Filter::Key(key.to_owned()));
        let (bucket, mut some) = watched(&cluster, Filter::AnyOf(named.into())).await;
        let mut heard = Heard::default();
        let mut first = 1;
        for round in 1..=4 {
            let writers =
                keys.map(|key| Writer::start(&bucket, key, first, key.ends_with("deleted")));
            tokio::select! {
                () = move_to_other(&cluster, slot, way) => {}
                () = heard.listen(&mut some) => {}
            }
            let noticed = timeout(PATIENCE, async {
                while heard.gaps < round {
                    heard.hear(&mut some).await;
                }
            });
            noticed.await.expect("a node that joined or left is a gap");
            for writer in writers {
                let key = writer.key.clone();
                let written = writer.end().await;
                first = first.max(written.next);
                heard.until(&mut some, &key, written.last).await;
            }
        }
        println!("{} gaps", heard.gaps);
    }
}

/// The connection to the old primary may be lost, which is a gap, and the present values behind it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_come_in_order_while_replicas_take_over() {
    let cluster = Cluster::start(3, 1).await.unwrap();
    let keys = ["{a}kept", "{b}deleted", "{c}kept", "{d}kept"];
    let named = keys.map(|key| Filter::Key(key.to_owned()));
    let (bucket, mut some) = watched(&cluster, Filter::AnyOf(named.into())).await;
    let mut heard = Heard::default();
    let mut first = 1;
    for primary in 0..3 {
        let writers = keys.map(|key| Writer::start(&bucket, key, first, key.ends_with("deleted")));
        tokio::select! {
            failed = cluster.fail_over(primary) => failed.unwrap(),
            () = heard.listen(&mut some) => {}
        }
        for writer in writers {
            let key = writer.key.clone();
            let written = writer.end().await;
            first = first.max(written.next);
            heard.until(&mut some, &key, written.last).await;
        }
    }
    println!("{} gaps", heard.gaps);
}

/// For a while two nodes claim a slot: the old owner does not know of the new one yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_has_lost_its_slot_unknowingly_is_not_the_source() {
    let cluster = Cluster::start(2, 0).await.unwrap();
    let (bucket, mut all) = watched(&cluster, Filter::All).await;
    let (mut heard, mut written) = (Heard::default(), 0);
    // The second one has the higher epoch, so its claim stands.
    let [old, new] = cluster.primaries() else {
        panic!("there are two");
    };
    for tag in 'a'..='j' {
        let key = format!("{{{tag}}}k");
        let name = format!("b:{key}");
        let slot = cluster.slot(&name).await.unwrap();
        if cluster.owner(slot).await.unwrap().addr() != old.addr() {
            continue;
        }
        bucket.set(&key, "1".into(), Set::default()).await.unwrap();
        heard.until(&mut all, &key, Some(1)).await;
        let id = new.command(&["CLUSTER", "MYID"]).await.unwrap().text();
        let slot = slot.to_string();
        let take = ["CLUSTER", "SETSLOT", &slot, "NODE", &id];
        new.command(&take).await.unwrap();
        for value in ["2", "3"] {
            new.command(&["SET", &name, value]).await.unwrap();
        }
        heard.until(&mut all, &key, Some(3)).await;
        written += 3;
        // The last value may be received from each of the two.
        while heard.events() + all.coalesced() < written {
            heard.hear(&mut all).await;
        }
        assert_eq!(heard.keys[&key].last, Some(3));
        silent(&mut all).await;
    }
    assert_eq!(heard.gaps, 0);
}

/// Lets a node claim all slots of another, in which there are no keys. It has the higher epoch, so its
/// claim stands.
async fn take_all(cluster: &Cluster, to: &Redis, from: &Redis) {
    let shares = from.command(&["CLUSTER", "SLOTS"]).await.unwrap();
    let port = from.addr().port().to_string();
    let mut shares = shares.items().iter();
    let own = shares.find(|share| share.items()[2].items()[1].text() == port);
    let bound = |number: usize| own.unwrap().items()[number].text().parse::<u16>().unwrap();
    let slots: Vec<String> = (bound(0)..=bound(1)).map(|slot| slot.to_string()).collect();
    let slots: Vec<&str> = slots.iter().map(String::as_str).collect();
    let mut connection = to.connect().await.unwrap();
    connection.command(&["MULTI"]).await.unwrap();
    for change in ["DELSLOTS", "ADDSLOTS"] {
        let words = [&["CLUSTER", change], &slots[..]].concat();
        connection.command(&words).await.unwrap();
    }
    connection.command(&["EXEC"]).await.unwrap();
    cluster.settle().await.unwrap();
}

async fn values_come_in_order(way: Way) {
    const ROUNDS: usize = 4;
    let cluster = Cluster::start(2, 0).await.unwrap();
    let (bucket, mut all) = watched(&cluster, Filter::All).await;
    let tags = ["a", "b", "c"];
    let mut heard = Heard::default();
    let (mut first, mut sum) = (1, 0);
    for _ in 0..ROUNDS {
        let mut writers: Vec<Writer> = Vec::new();
        for tag in tags {
            for (kind, deletes) in [("kept", false), ("deleted", true)] {
                let key = format!("{{{tag}}}{kind}");
                writers.push(Writer::start(&bucket, &key, first, deletes));
            }
        }
        let moving = async {
            for tag in tags {
                let slot = cluster.slot(&format!("{{{tag}}}")).await.unwrap();
                move_to_other(&cluster, slot, way).await;
            }
        };
        tokio::select! {
            () = moving => {}
            () = heard.listen(&mut all) => {}
        }
        let begun = first;
        for writer in writers {
            let key = writer.key.clone();
            let written = writer.end().await;
            sum += written.next - begun;
            first = first.max(written.next);
            heard.until(&mut all, &key, written.last).await;
        }
    }
    assert_eq!(heard.gaps, 0, "no connection was lost");
    let events = heard.events();
    let coalesced = all.coalesced();
    println!("{sum} writes, {events} received, {coalesced} coalesced");
    assert!(events + coalesced >= sum, "each is received or counted");
    // Both nodes emit a write just before a slot is handed over, and the keys that are moved.
    assert!(events + coalesced <= sum + sum / 2 + 100, "about once");
}

async fn watched(cluster: &Cluster, filter: Filter) -> (Arc<dyn Bucket>, Watch) {
    let url = format!("redis+cluster://{}", cluster.addrs()[0]);
    let store = open(&url, &patient("plain")).await;
    let bucket = bucket(&store, "b").await;
    let watch = watch(&bucket, filter).await;
    (bucket, watch)
}

/// Moves a slot to the node that does not have it.
async fn move_to_other(cluster: &Cluster, slot: u16, way: Way) {
    let from = cluster.owner(slot).await.unwrap();
    let mut others = cluster.primaries().iter();
    let to = others.find(|node| node.addr() != from.addr()).unwrap();
    while let Way::HandedOver = way {
        match cluster.hand_over(slot, from, to).await {
            Ok(true) => return,
            Ok(false) => break,
            // On a busy machine nodes may take one another for dead; nothing was done.
            Err(Error::Refused(why)) if why.starts_with("CLUSTERDOWN") => {
                cluster.settle().await.unwrap();
            }
            Err(error) => panic!("{error}"),
        }
    }
    let moving = cluster.move_slot(slot, from, to).await.unwrap();
    moving.move_keys(1).await.unwrap();
    moving.finish().await.unwrap();
    cluster.settle().await.unwrap();
}

// === impl Heard ===

impl Heard {
    async fn listen(&mut self, watch: &mut Watch) {
        loop {
            self.hear(watch).await;
        }
    }

    fn events(&self) -> u64 {
        self.keys.values().map(|key| key.events).sum()
    }

    /// Listens until this is the last value received of a key.
    async fn until(&mut self, watch: &mut Watch, key: &str, last: Option<u64>) {
        let heard = timeout(PATIENCE, async {
            while self.keys.get(key).is_none_or(|key| key.last != last) {
                self.hear(watch).await;
            }
        });
        if heard.await.is_err() {
            let received = self.keys.get(key);
            panic!("{key}: {last:?} was written last, and received was {received:?}");
        }
    }

    async fn hear(&mut self, watch: &mut Watch) {
        let event = watch.next().await.expect("a watch does not end").unwrap();
        match event {
            Event::Set { key, value, .. } => {
                let number: u64 = String::from_utf8_lossy(&value).parse().unwrap();
                let events = self.keys.entry(key.clone()).or_default();
                let highest = events.highest;
                assert!(number >= highest, "{key}: {number} after {highest}");
                events.highest = number;
                events.last = Some(number);
                events.events += 1;
            }
            Event::Delete { key, .. } => {
                let is_deleted = key.ends_with("deleted");
                assert!(is_deleted, "{key} is received as deleted");
                let events = self.keys.entry(key).or_default();
                events.last = None;
                events.events += 1;
            }
            Event::Gap => self.gaps += 1,
            other => panic!("{other:?}"),
        }
    }
}

// === impl Writer ===

impl Writer {
    fn start(bucket: &Arc<dyn Bucket>, key: &str, first: u64, deletes: bool) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let key = key.to_owned();
        let writing = write(bucket.clone(), key.clone(), first, deletes, stop.clone());
        Self {
            key,
            stop,
            writing: tokio::spawn(writing),
        }
    }

    async fn end(self) -> Written {
        self.stop.store(true, Ordering::Relaxed);
        self.writing.await.unwrap()
    }
}

async fn write(
    bucket: Arc<dyn Bucket>,
    key: String,
    first: u64,
    deletes: bool,
    stop: Arc<AtomicBool>,
) -> Written {
    let mut written = Written {
        last: None,
        next: first,
    };
    while !stop.load(Ordering::Relaxed) || written.next == first {
        let number = written.next;
        // A deletion takes the place of a number.
        if deletes && written.last.is_some() && number.is_multiple_of(3) {
            bucket.delete(&key).await.unwrap();
            written.last = None;
        } else {
            let value = Bytes::from(number.to_string());
            bucket.set(&key, value, Set::default()).await.unwrap();
            written.last = Some(number);
        }
        written.next += 1;
    }
    written
}
