//! The command in the error for a server that emits no events: run as it stands, it does what
//! it is for, at that server, whatever way leads there.

use std::process::Stdio;
use std::sync::Arc;

use keywell_servers::{Cluster, Redis, Sentinels, Tls, program};
use keywell_store::{Bucket, Filter, Set, Since, Store, Watch};
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use crate::support::{PATIENCE, bucket, open, received};

/// Watches, and as often as that is refused runs what it says, with this on the terminal.
async fn watched_in_the_end(bucket: &Arc<dyn Bucket>, typed: &str) -> Watch {
    for _ in 0..4 {
        let refused = match bucket.watch(Filter::All, Since::Now).await {
            Ok(watch) => return watch,
            Err(refused) => refused.to_string(),
        };
        println!("{refused}");
        let secret = typed.trim();
        assert!(secret.is_empty() || !refused.contains(secret), "{refused}");
        let (_, command) = refused
            .split_once("run redis-cli")
            .expect("the error has it");
        let (command, _) = command.split_once(", or open").expect("it ends");
        let cli = program::tool(&program::server().unwrap(), "cli").unwrap();
        let command = format!("{} {command}", cli.display());
        assert_eq!(run(&command, typed).await, "OK", "{command}");
    }
    panic!("it is refused for ever");
}

async fn run(command: &str, typed: &str) -> String {
    let mut shell = tokio::process::Command::new("sh")
        .args(["-c", command])
        .env_remove("REDISCLI_AUTH")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut input = shell.stdin.take().unwrap();
    input.write_all(typed.as_bytes()).await.unwrap();
    drop(input);
    let output = timeout(PATIENCE, shell.wait_with_output()).await;
    let output = output.expect("it ends").unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

async fn delivers_an_event(store: &Arc<dyn Store>, typed: &str) {
    let bucket = bucket(store, "b").await;
    let mut watch = watched_in_the_end(&bucket, typed).await;
    bucket.set("k", "v".into(), Set::default()).await.unwrap();
    assert_eq!(received(&mut watch).await, "k=v");
}

#[tokio::test]
async fn the_command_leads_to_the_port_and_the_account() {
    let redis = Redis::start().await.unwrap();
    delivers_an_event(&open(&redis.url(), "").await, "").await;
    for user in ["default", "ann"] {
        let redis = Redis::builder().user(user, "s3cret").start();
        let redis = redis.await.unwrap();
        let login = if user == "default" { "" } else { user };
        let url = format!("redis://{login}:s3cret@{}", redis.addr());
        delivers_an_event(&open(&url, "").await, "s3cret\n").await;
    }
}

#[tokio::test]
async fn the_command_leads_by_a_socket() {
    let redis = Redis::builder().unix_socket().start().await.unwrap();
    let url = format!("redis+unix://{}", redis.unix_socket().unwrap().display());
    delivers_an_event(&open(&url, "").await, "").await;
}

#[tokio::test]
async fn the_command_leads_by_tls() {
    let tls = Arc::new(Tls::generate().unwrap());
    let redis = Redis::builder().tls(tls.clone()).start().await.unwrap();
    let url = format!("rediss://localhost:{}", redis.tls_addr().unwrap().port());
    let settings = format!(
        "tls-ca={}&tls-certificate={}&tls-key={}",
        tls.authority().display(),
        tls.client_certificate().display(),
        tls.client_key().display()
    );
    delivers_an_event(&open(&url, &settings).await, "").await;
}

#[tokio::test]
async fn the_command_leads_to_the_primary_that_sentinels_name() {
    let service = Sentinels::start(1).await.unwrap();
    let url = format!(
        "redis+sentinel://{}/{}",
        service.addrs()[0],
        Sentinels::SERVICE
    );
    delivers_an_event(&open(&url, "").await, "").await;
    service.fail_over().await.unwrap();
    delivers_an_event(&open(&url, "").await, "").await;
}

#[tokio::test]
async fn the_command_leads_to_each_node_of_a_cluster() {
    let cluster = Cluster::start(3, 0).await.unwrap();
    let url = format!("redis+cluster://{}", cluster.addrs()[0]);
    delivers_an_event(&open(&url, "").await, "").await;
}
