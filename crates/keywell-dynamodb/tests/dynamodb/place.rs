use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Credentials, Region};
use keywell_dynamodb::{DynamoDbOptions, DynamoDbStore};
use keywell_servers::SharedMinistack;
use keywell_store::{Bucket, BucketName, Secret, Store as _};
use tokio::sync::OnceCell;

pub(crate) const REGION: &str = "us-east-1";

/// The emulator that tests share.
pub(crate) async fn server() -> &'static SharedMinistack {
    static SERVER: OnceCell<SharedMinistack> = OnceCell::const_new();
    let started = SERVER.get_or_try_init(SharedMinistack::get).await;
    started.expect("an emulator starts")
}

/// Options for a table that no other test has.
pub(crate) fn options(url: String) -> DynamoDbOptions {
    DynamoDbOptions {
        region: Some(REGION.to_owned()),
        endpoint: Some(url),
        access_key: Some(("key".to_owned(), Secret::from("secret".to_owned()))),
        create: true,
        // An emulator on a busy machine is slow.
        answer_timeout: Duration::from_secs(30),
        ..DynamoDbOptions::new(format!("test-{:016x}", rand::random::<u64>()))
    }
}

pub(crate) async fn store(options: &DynamoDbOptions) -> DynamoDbStore {
    let store = DynamoDbStore::open(options.clone()).await;
    store.expect("a store opens")
}

pub(crate) async fn open(store: &DynamoDbStore, name: &str) -> Arc<dyn Bucket> {
    let name = BucketName::parse(name).expect("it is the name of a bucket");
    store.open(&name).await.expect("a bucket opens")
}

/// Another program's client.
pub(crate) fn client(url: String) -> Client {
    let http = aws_smithy_http_client::Builder::new().build_http();
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http)
        .retry_config(RetryConfig::disabled())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new("key", "secret", None, None, "a test"))
        .endpoint_url(url);
    Client::from_conf(config.build())
}
