use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use keywell_redis::{Options, RedisStore};
use keywell_servers::Redis;
use keywell_servers::resp::Reply;
use keywell_store::{
    Bucket, BucketName, Entry, Event, Filter, ResumeToken, Set, Since, Store, Version, Watch,
};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

/// How long anything may take that has to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How long is waited for what must not happen.
pub(crate) const QUIET: Duration = Duration::from_millis(300);

pub(crate) type Handle = Arc<dyn Bucket>;

/// A store of this layout, with settings such as `&shards=2`.
pub(crate) async fn open(redis: &Redis, settings: &str) -> Arc<dyn Store> {
    connect(&redis.url(), settings).await
}

pub(crate) async fn connect(url: &str, settings: &str) -> Arc<dyn Store> {
    // A slow machine is no fault.
    let patient = if settings.contains("answer-timeout") {
        ""
    } else {
        "&answer-timeout=20s"
    };
    let url = format!("{url}?layout=journal{patient}{settings}");
    let options = Options::from_url(&url).unwrap();
    Arc::new(RedisStore::connect(&options).await.unwrap())
}

pub(crate) async fn bucket(store: &Arc<dyn Store>) -> Handle {
    named(store, "orders").await
}

pub(crate) async fn named(store: &Arc<dyn Store>, name: &str) -> Handle {
    let name = BucketName::parse(name).unwrap();
    store.open(&name).await.unwrap()
}

/// A server, and the bucket `orders` of a store on it.
pub(crate) async fn orders(settings: &str) -> (Redis, Handle) {
    let redis = Redis::start().await.unwrap();
    let bucket = bucket(&open(&redis, settings).await).await;
    (redis, bucket)
}

pub(crate) async fn set(bucket: &Handle, key: &str, value: impl Into<String>) -> Version {
    let value = value.into().into();
    bucket.set(key, value, Set::default()).await.unwrap()
}

pub(crate) async fn set_for(bucket: &Handle, key: &str, value: &str, ttl: Duration) -> Version {
    let how = Set::expiring(ttl).unwrap();
    let value = value.to_owned().into();
    bucket.set(key, value, how).await.unwrap()
}

pub(crate) async fn get(bucket: &Handle, key: &str) -> Option<Entry> {
    bucket.get(key).await.unwrap()
}

pub(crate) async fn watch(bucket: &Handle) -> Watch {
    bucket.watch(Filter::All, Since::Now).await.unwrap()
}

pub(crate) async fn resumed(bucket: &Handle, token: &ResumeToken) -> Watch {
    let since = Since::After(token.clone());
    bucket.watch(Filter::All, since).await.unwrap()
}

pub(crate) async fn next(watch: &mut Watch) -> Event {
    let event = timeout(PATIENCE, watch.next()).await;
    let event = event.expect("an event comes");
    event.expect("a watch does not end").unwrap()
}

/// The next event as short text: `key=value`, `-key`, or `~key` if its time ended.
pub(crate) async fn received(watch: &mut Watch) -> String {
    short(&next(watch).await)
}

pub(crate) async fn received_many(watch: &mut Watch, events: usize) -> Vec<String> {
    let mut all = Vec::with_capacity(events);
    for _ in 0..events {
        all.push(received(watch).await);
    }
    all
}

pub(crate) fn short(event: &Event) -> String {
    match event {
        Event::Set { key, value, .. } => format!("{key}={}", String::from_utf8_lossy(value)),
        Event::Delete { key, expired, .. } => {
            format!("{}{key}", if *expired { '~' } else { '-' })
        }
        _ => "gap".to_owned(),
    }
}

/// Checks that no more events come.
pub(crate) async fn silent(watch: &mut Watch) {
    if let Ok(event) = timeout(QUIET, watch.next()).await {
        panic!("unexpected event {event:?}");
    }
}

/// How a watch ends.
pub(crate) async fn ended(watch: &mut Watch) -> keywell_store::Error {
    timeout(PATIENCE, async {
        loop {
            match watch.next().await {
                Some(Ok(_)) => {}
                Some(Err(error)) => return error,
                None => panic!("a watch ends by an error"),
            }
        }
    })
    .await
    .expect("the watch ends")
}

/// Repeats a check until it holds, where no event marks that moment.
pub(crate) async fn until<F>(what: &str, mut ask: impl FnMut() -> F)
where
    F: Future<Output = Result<(), Box<dyn fmt::Display>>>,
{
    let end = Instant::now() + PATIENCE;
    let mut turns = interval(Duration::from_millis(5));
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        match ask().await {
            Ok(()) => return,
            Err(error) => assert!(Instant::now() < end, "{what}: {error}"),
        }
    }
}

/// Waits until a store can be written to again.
pub(crate) async fn recovered(bucket: &Handle) {
    until("the store to be there again", || async {
        let deleted = bucket.delete("never there").await;
        deleted.map_err(|error| Box::new(error) as Box<dyn fmt::Display>)
    })
    .await;
}

/// How often the server was asked each command, as `EVALSHA`.
pub(crate) async fn calls(redis: &Redis) -> HashMap<String, u64> {
    let stats = redis.command(&["INFO", "commandstats"]).await.unwrap();
    let mut calls = HashMap::new();
    for line in stats.text().lines() {
        let Some((name, rest)) = line.split_once(":calls=") else {
            continue;
        };
        let count = rest.split(',').next().unwrap().parse().unwrap();
        let name = name.trim_start_matches("cmdstat_").to_uppercase();
        calls.insert(name, count);
    }
    calls
}

/// What a command answers, as text.
pub(crate) async fn ask(redis: &Redis, words: &[&str]) -> String {
    redis.command(words).await.unwrap().text()
}

pub(crate) async fn ask_all(redis: &Redis, words: &[&str]) -> Vec<String> {
    let reply = redis.command(words).await.unwrap();
    reply.items().iter().map(Reply::text).collect()
}

pub(crate) async fn ask_number(redis: &Redis, words: &[&str]) -> i64 {
    match redis.command(words).await.unwrap() {
        Reply::Int(number) => number,
        other => other.text().parse().unwrap(),
    }
}
