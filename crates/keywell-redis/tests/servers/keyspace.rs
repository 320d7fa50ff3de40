//! On the plain layout, changes by other programs are delivered too.

use std::sync::Arc;

use keywell_servers::Redis;
use keywell_store::{Bucket, Filter, Set, Since, Store, Watch};

use crate::support::{bucket, open, received, silent, watch};

/// A server, a store with other programs' keys, and a watch of all.
async fn watched(keyspace: &str) -> (Redis, Arc<dyn Store>, Arc<dyn Bucket>, Watch) {
    let redis = Redis::builder()
        .config(format!("notify-keyspace-events {keyspace}"))
        .start()
        .await
        .unwrap();
    let store = open(&redis.url(), "prefix=").await;
    let bucket = bucket(&store, "").await;
    let all = watch(&bucket, Filter::All).await;
    (redis, store, bucket, all)
}

#[tokio::test]
async fn every_command_that_changes_a_value_is_delivered() {
    let (redis, _store, _bucket, mut all) = watched("KEA").await;
    let mut control = redis.connect().await.unwrap();
    let changes: &[(&[&str], &[&str])] = &[
        (&["SET", "k", "v"], &["k=v"]),
        (&["APPEND", "k", "w"], &["k=vw"]),
        (&["SETRANGE", "k", "0", "x"], &["k=xw"]),
        (&["GETSET", "k", "1"], &["k=1"]),
        (&["INCR", "k"], &["k=2"]),
        (&["INCRBY", "k", "5"], &["k=7"]),
        (&["DECR", "k"], &["k=6"]),
        (&["DECRBY", "k", "3"], &["k=3"]),
        (&["INCRBYFLOAT", "k", "0.5"], &["k=3.5"]),
        (&["SETEX", "k", "1000", "e"], &["k=e"]),
        (&["PSETEX", "k", "1000000", "p"], &["k=p"]),
        (&["SETNX", "n", "v"], &["n=v"]),
        (&["MSET", "a", "1", "b", "2"], &["a=1", "b=2"]),
        (&["MSETNX", "c", "1"], &["c=1"]),
        (&["SETBIT", "bits", "1", "1"], &["bits=@"]),
        (&["BITFIELD", "bits", "SET", "u8", "0", "65"], &["bits=A"]),
        (&["BITOP", "AND", "and", "bits", "bits"], &["and=A"]),
        (&["RENAME", "a", "z"], &["-a", "z=1"]),
        (&["COPY", "z", "y"], &["y=1"]),
        (&["GETDEL", "y"], &["-y"]),
        (&["DEL", "z", "b"], &["-z", "-b"]),
        (&["UNLINK", "c"], &["-c"]),
        (&["EXPIRE", "n", "1000"], &[]),
        (&["PERSIST", "n"], &[]),
        (&["GETEX", "n", "EX", "1000"], &[]),
        (&["EXPIRE", "n", "-1"], &["-n"]),
        (&["MOVE", "and", "1"], &["-and"]),
        (&["PEXPIRE", "bits", "1"], &["~bits"]),
        (&["SET", "k", "end"], &["k=end"]),
    ];
    for (command, expected) in changes {
        control
            .command(command)
            .await
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        for expected in *expected {
            let mut event = received(&mut all).await;
            // Whether a key whose time is set in the past was deleted or expired is Redis' to say.
            if command[0] == "EXPIRE" {
                event = event.replace('~', "-");
            }
            assert_eq!(event, *expected, "{command:?}");
        }
    }
    silent(&mut all).await;
}

#[tokio::test]
async fn a_restored_key_is_delivered() {
    let (redis, _store, bucket, mut all) = watched("KEA").await;
    bucket.set("k", "v".into(), Set::default()).await.unwrap();
    assert_eq!(received(&mut all).await, "k=v");
    let script = "redis.call('RESTORE', KEYS[2], 0, redis.call('DUMP', KEYS[1]))";
    redis
        .command(&["EVAL", script, "2", "k", "r"])
        .await
        .unwrap();
    assert_eq!(received(&mut all).await, "r=v");
}

#[tokio::test]
async fn an_evicted_key_is_delivered() {
    let (redis, _store, _bucket, mut all) = watched("KEA").await;
    let mut control = redis.connect().await.unwrap();
    for command in [
        ["SET", "k", "v", ""].as_slice(),
        &["CONFIG", "SET", "maxmemory-policy", "allkeys-random"],
    ] {
        let words: Vec<&str> = command
            .iter()
            .copied()
            .filter(|word| !word.is_empty())
            .collect();
        control.command(&words).await.unwrap();
    }
    assert_eq!(received(&mut all).await, "k=v");
    control
        .command(&["CONFIG", "SET", "maxmemory", "1"])
        .await
        .unwrap();
    // Room is made before a command that needs some.
    let _ = control.command(&["SET", "l", "w"]).await;
    let event = received(&mut all).await;
    assert!(["-k", "~k"].contains(&&*event), "{event}");
}

#[tokio::test]
async fn the_flags_of_a_server_are_read_as_a_set() {
    for keyspace in ["KEA", "AKE", "KA", "K$gxe", "e$xgK", "$gxeKEl"] {
        let (_redis, _store, bucket, mut all) = watched(keyspace).await;
        bucket.set("k", "v".into(), Set::default()).await.unwrap();
        assert_eq!(received(&mut all).await, "k=v", "{keyspace}");
    }
}

#[tokio::test]
async fn a_server_that_emits_too_few_events_is_refused_with_the_command_to_run() {
    for keyspace in ["\"\"", "EA", "K$", "Kg", "Kgx"] {
        let redis = Redis::builder()
            .config(format!("notify-keyspace-events {keyspace}"))
            .start()
            .await
            .unwrap();
        let store = open(&redis.url(), "").await;
        let bucket = bucket(&store, "b").await;
        let refused = bucket.watch(Filter::All, Since::Now).await.map(drop);
        let refused = refused.expect_err(keyspace).to_string();
        let (_, command) = refused
            .split_once("redis-cli")
            .unwrap_or_else(|| panic!("{refused}"));
        let is_whole = command
            .to_lowercase()
            .contains("config set notify-keyspace-events");
        assert!(is_whole, "{refused}");
        // Those words do it.
        let words: Vec<&str> = command
            .split_whitespace()
            .skip_while(|word| !word.eq_ignore_ascii_case("config"))
            .take(4)
            .map(|word| word.trim_matches(|c: char| "'\"`.,;)".contains(c)))
            .collect();
        redis.cli(&words).await.unwrap();
        let mut all = watch(&bucket, Filter::All).await;
        bucket.set("k", "v".into(), Set::default()).await.unwrap();
        assert_eq!(received(&mut all).await, "k=v");
    }
}

/// Documents of other hosts have their users set no more than this.
#[tokio::test]
async fn a_server_that_emits_no_expiry_is_watched_for_all_else() {
    let (_redis, _store, bucket, mut all) = watched("Kg$").await;
    bucket.set("k", "v".into(), Set::default()).await.unwrap();
    assert_eq!(received(&mut all).await, "k=v");
    bucket.delete("k").await.unwrap();
    assert_eq!(received(&mut all).await, "-k");
}

#[tokio::test]
async fn flags_are_added_where_configured_and_allowed() {
    let redis = Redis::builder()
        .config("notify-keyspace-events El")
        .start()
        .await
        .unwrap();
    let store = open(&redis.url(), "configure-notifications=true").await;
    let bucket = bucket(&store, "b").await;
    let mut all = watch(&bucket, Filter::All).await;
    bucket.set("k", "v".into(), Set::default()).await.unwrap();
    assert_eq!(received(&mut all).await, "k=v");
    let flags = ["config", "get", "notify-keyspace-events"];
    let flags = redis.cli(&flags).await.unwrap();
    let flags = flags.lines().last().unwrap().to_owned();
    assert!(flags.contains('E') && flags.contains('l'), "{flags}");
}

#[tokio::test]
async fn a_watch_hears_its_own_database_only() {
    let redis = Redis::builder()
        .config("notify-keyspace-events KEA")
        .start()
        .await
        .unwrap();
    let third = open(&format!("{}/3", redis.url()), "").await;
    let bucket = bucket(&third, "b").await;
    let mut all = watch(&bucket, Filter::All).await;
    let other = open(&redis.url(), "").await;
    let other = crate::support::bucket(&other, "b").await;
    other.set("k", "zero".into(), Set::default()).await.unwrap();
    bucket
        .set("k", "three".into(), Set::default())
        .await
        .unwrap();
    assert_eq!(received(&mut all).await, "k=three");
    silent(&mut all).await;
    assert_eq!(bucket.get("k").await.unwrap().unwrap().value, "three");
}

#[tokio::test]
async fn glob_characters_stand_for_themselves() {
    let (_redis, _store, bucket, mut all) = watched("KEA").await;
    let strange = r"a*b?[c]\d^-";
    let mut one = watch(&bucket, Filter::Key(strange.into())).await;
    let mut some = watch(&bucket, Filter::Prefix("[x]*".into())).await;
    for key in ["aXbYc\\d^-", "axbyc\\d^-", strange, "x*1", "[x]y", "[x]*1"] {
        bucket.set(key, "v".into(), Set::default()).await.unwrap();
        assert_eq!(received(&mut all).await, format!("{key}=v"));
    }
    assert_eq!(received(&mut one).await, format!("{strange}=v"));
    assert_eq!(received(&mut some).await, "[x]*1=v");
    silent(&mut one).await;
    silent(&mut some).await;
}

#[tokio::test]
async fn watching_that_is_off_is_refused() {
    let redis = Redis::builder()
        .config("notify-keyspace-events KEA")
        .start()
        .await
        .unwrap();
    for (settings, is_on) in [
        ("watch=false", false),
        ("watch=true", true),
        ("WATCH=false", false),
    ] {
        let store = open(&redis.url(), settings).await;
        let bucket = bucket(&store, "b").await;
        let watched = bucket.watch(Filter::All, Since::Now).await.map(drop);
        assert_eq!(watched.is_ok(), is_on, "{settings}: {watched:?}");
    }
}
