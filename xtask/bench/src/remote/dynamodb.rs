use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use keywell_dynamodb::{DynamoDbOptions, DynamoDbStore};
use keywell_servers::Ministack;
use keywell_store::Secret;

use super::{BUCKET, Bare, Call, KEY, VALUE, bucket, rows, runtime};
use crate::Done;
use crate::effort::Effort;
use crate::group::Group;

const TABLE: &str = "bench";
const REGION: &str = "us-east-1";

/// The SDK's client, with which each task sends the same request as the store.
struct Sdk(Client);

pub(crate) fn group(effort: &Effort) -> Done<Group> {
    let mut group = Group::new("dynamodb", "DynamoDB, as MiniStack emulates it");
    let runtime = runtime()?;
    let server = match runtime.block_on(Ministack::start()) {
        Ok(server) => server,
        Err(error) => {
            group.miss(&error.to_string());
            return Ok(group);
        }
    };
    let options = DynamoDbOptions {
        region: Some(REGION.to_owned()),
        endpoint: Some(server.url()),
        access_key: Some(("key".to_owned(), Secret::from("secret".to_owned()))),
        create: true,
        ..DynamoDbOptions::new(TABLE)
    };
    let store = runtime.block_on(DynamoDbStore::open(options))?;
    let bucket = runtime.block_on(bucket(&store))?;
    let sdk = runtime.block_on(client(server.url()));
    let connect = async || Ok(Sdk(sdk.clone()));
    rows(&mut group, &runtime, &bucket, "the SDK", connect, effort)?;
    Ok(group)
}

async fn client(endpoint: String) -> Client {
    let config = aws_config::defaults(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .retry_config(RetryConfig::disabled())
        .region(Region::from_static(REGION))
        .credentials_provider(Credentials::new("key", "secret", None, None, "the bench"))
        .endpoint_url(endpoint);
    Client::new(&config.load().await)
}

// === impl Sdk ===

impl Bare for Sdk {
    async fn call(&mut self, call: Call) -> Done {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        match call {
            Call::Get => {
                let request = self.0.get_item().table_name(TABLE);
                let request = request.key("bucket", text(BUCKET)).key("key", text(KEY));
                let item = request.consistent_read(true).send().await?.item;
                item.ok_or("the key is missing")?;
            }
            Call::Set => {
                let version = rand::random::<[u8; 16]>();
                let bytes = |bytes: &[u8]| AttributeValue::B(Blob::new(bytes));
                let request = self.0.put_item().table_name(TABLE);
                let request = request.item("bucket", text(BUCKET)).item("key", text(KEY));
                let request = request.item("value", bytes(VALUE));
                request.item("version", bytes(&version)).send().await?;
            }
        }
        Ok(())
    }
}
