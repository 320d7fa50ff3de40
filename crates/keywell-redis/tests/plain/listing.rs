//! Listings while servers change: whatever is there throughout is listed.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use keywell_redis::RedisStore;
use keywell_servers::{Cluster, Proxy, Redis};
use keywell_store::{Bucket, Error, List, Result, Set, Store as _};

use tokio::time::timeout;

use crate::support::{PATIENCE, bucket, connect, server, until};

/// How many keys the default bucket has, and how many buckets of one key there are beside it.
/// Together they take twenty steps or so.
const KEYS: usize = 20_000;

async fn filled() -> Redis {
    let redis = server().await;
    let fill = "for n = 1, tonumber(ARGV[1]) do \
        redis.call('SET', string.format('default:k%05d', n), 'v') \
        redis.call('SET', string.format('b%05d:k', n), 'v') end";
    let fill = ["EVAL", fill, "0", &KEYS.to_string()];
    redis.command(&fill).await.expect("it runs");
    redis
}

/// All pages of a listing.
async fn listed(bucket: &Arc<dyn Bucket>) -> Result<Vec<String>> {
    let mut listed = Vec::new();
    let mut request = List::default();
    loop {
        let page = bucket.list(request.clone()).await?;
        listed.extend(page.keys);
        request.cursor = page.cursor;
        if request.cursor.is_none() {
            return Ok(listed);
        }
    }
}

/// A store on a way that can be led elsewhere.
struct Led {
    proxy: Proxy,
    store: RedisStore,
    bucket: Arc<dyn Bucket>,
    connections: usize,
}

impl Led {
    async fn to(redis: &Redis, connections: usize) -> Self {
        let proxy = Proxy::to(redis.addr()).await.expect("it listens");
        let url = format!(
            "redis://{}?reconnect-max-delay=20ms&connections={connections}",
            proxy.addr()
        );
        let store = connect(&url).await;
        let bucket = bucket(&store, "").await;
        Self {
            proxy,
            store,
            bucket,
            connections,
        }
    }

    /// Cuts every connection, and waits until there are others, to this server.
    async fn lead_to(&self, redis: &Redis) {
        // What is under way is answered before these are.
        for _ in 0..self.connections {
            self.bucket.get("x").await.expect("it reads");
        }
        let connections = self.proxy.accepted() + self.connections;
        self.proxy.aim(redis.addr());
        self.proxy.cut();
        let accepted = self.proxy.has_accepted(connections).await;
        accepted.expect("it connects again");
        for _ in 0..self.connections {
            until("it is back", || async {
                self.bucket.get("x").await.is_ok()
            })
            .await;
        }
    }
}

/// Lets something go on for so many answers, and leaves it there.
async fn some_steps<T>(mut of: Pin<&mut impl Future<Output = T>>, steps: usize) -> Option<T> {
    let mut polls = 0;
    poll_fn(|context| match of.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if polls == steps => Poll::Ready(None),
        Poll::Pending => {
            polls += 1;
            Poll::Pending
        }
    })
    .await
}

/// The servers have the same keys and hash them differently, as a primary and its replica do, or a
/// server before and after its restart: where one has come to says nothing to the other.
#[tokio::test]
async fn a_pass_that_comes_to_another_server_half_way_leaves_nothing_out() {
    let (one, other) = (filled().await, filled().await);
    for connections in [1, 3] {
        let led = Led::to(&one, connections).await;
        for (from, to) in [(&one, &other), (&other, &one)] {
            led.lead_to(from).await;
            let mut listing = pin!(listed(&led.bucket));
            assert!(some_steps(listing.as_mut(), 5).await.is_none());
            led.lead_to(to).await;
            let found: BTreeSet<String> = listing.await.unwrap().into_iter().collect();
            assert_eq!(found.len(), KEYS, "{connections} connections");
            led.lead_to(from).await;
            let mut naming = pin!(led.store.buckets().into_future());
            assert!(some_steps(naming.as_mut(), 5).await.is_none());
            led.lead_to(to).await;
            // The default one is among them.
            assert_eq!(naming.await.unwrap().len(), KEYS + 1);
        }
    }
}

#[tokio::test]
async fn a_pass_that_never_comes_to_its_end_is_given_up() {
    let redis = filled().await;
    let led = Led::to(&redis, 1).await;
    let mut listing = pin!(listed(&led.bucket));
    let mut cuts = 0;
    let listed = loop {
        match some_steps(listing.as_mut(), 5).await {
            Some(listed) => break listed,
            None => led.lead_to(&redis).await,
        }
        cuts += 1;
    };
    assert!(matches!(listed, Err(Error::Unavailable(_))), "{listed:?}");
    assert!((2..10).contains(&cuts), "{cuts}");
}

#[tokio::test]
async fn a_pass_is_of_one_connection_however_many_there_are() {
    let redis = filled().await;
    let store = connect(&format!("{}?connections=3", redis.url())).await;
    assert_eq!(store.buckets().await.unwrap().len(), KEYS + 1);
    let clients = redis.cli(&["CLIENT", "LIST"]).await.unwrap();
    let used = clients.lines().filter(|line| line.contains(" cmd=scan "));
    assert_eq!(used.count(), 1, "{clients}");
}

#[tokio::test]
async fn a_cluster_is_listed_and_healthy_after_a_failover_that_no_call_has_seen() {
    let cluster = Cluster::start(3, 1).await.unwrap();
    let at = cluster.addrs()[1];
    let store = connect(&format!("redis+cluster://{at}")).await;
    let bucket = bucket(&store, "").await;
    let keys: Vec<String> = (0..100).map(|n| format!("k{n:02}")).collect();
    for key in &keys {
        bucket.set(key, "v".into(), Set::default()).await.unwrap();
    }
    let other = connect(&format!("redis+cluster://{at}")).await;
    other.health().await.unwrap();
    cluster.nodes()[0].kill().await.unwrap();
    cluster.promoted(0).await.unwrap();
    cluster.settle().await.unwrap();
    assert_eq!(listed(&bucket).await.unwrap(), keys);
    until("it is well", || async { other.health().await.is_ok() }).await;
}

/// The replica that the node is by then has the same keys, and is the same server.
#[tokio::test]
async fn a_pass_goes_on_at_a_node_that_is_no_primary_any_more() {
    let cluster = Cluster::start(3, 1).await.unwrap();
    let store = connect(&format!("redis+cluster://{}", cluster.addrs()[1])).await;
    let bucket = bucket(&store, "").await;
    let keys: Vec<String> = (0..20_000).map(|n| format!("k{n:05}")).collect();
    for some in keys.chunks(5000) {
        let entries = some.iter().map(|key| (key.as_str(), "v".into()));
        bucket.set_many(entries.collect()).await.unwrap();
    }
    let mut listing = pin!(bucket.list(List::default()).into_future());
    assert!(some_steps(listing.as_mut(), 2).await.is_none());
    for primary in 0..3 {
        cluster.fail_over(primary).await.unwrap();
    }
    // They send on to the new ones, which are asked who there is.
    bucket.get_many(&["a", "b", "c", "d"]).await.unwrap();
    until("it is known", || async { store.health().await.is_ok() }).await;
    let page = timeout(PATIENCE, listing).await.expect("it ends");
    assert_eq!(page.unwrap().keys, keys[..1000]);
}
