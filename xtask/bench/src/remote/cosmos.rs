use std::time::Duration;

use azure_core::credentials::Secret;
use azure_data_cosmos::options::{
    BinaryEncodingOptions, ConnectionPoolOptions, EndToEndOperationLatencyPolicy, OperationOptions,
    ReadConsistencyStrategy,
};
use azure_data_cosmos::{
    AccountReference, ContainerClient, CosmosClient, CosmosRuntime, RoutingStrategy,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keywell_cosmos::{CosmosOptions, CosmosStore, names};
use keywell_servers::Cosmos;
use keywell_store::Making;
use serde_json::{Value, json};

use super::{BUCKET, Bare, Call, KEY, VALUE, bucket, rows, runtime};
use crate::Done;
use crate::effort::Effort;
use crate::group::Group;

/// The service's own client, with a document as the store writes it.
struct Client {
    container: ContainerClient,
    document: Value,
}

/// The emulator checks no key.
const ACCOUNT_KEY: &str = "a2V5";

pub(crate) fn group(effort: &Effort) -> Done<Group> {
    let mut group = Group::new("cosmos", "Azure Cosmos DB, on its client's emulator");
    let runtime = runtime()?;
    let server = match Cosmos::start() {
        Ok(server) => server,
        Err(error) => {
            group.miss(&error.to_string());
            return Ok(group);
        }
    };
    let mut options = CosmosOptions::new(server.addr().to_string(), "bench", "bench");
    options.key = Some(ACCOUNT_KEY.to_owned().into());
    options.create = true;
    options.tls = false;
    let store = CosmosStore::open(options, Making::Allowed);
    let store = runtime.block_on(store)?;
    let bucket = runtime.block_on(bucket(&store))?;
    let container = runtime.block_on(container(&server))?;
    let connect = async || {
        Ok(Client {
            container: container.clone(),
            document: json!({
                "id": names::id(KEY),
                "bucket": BUCKET,
                "data": STANDARD.encode(VALUE),
                "op": "0".repeat(32),
            }),
        })
    };
    let client = "64 tasks with the client";
    rows(&mut group, &runtime, &bucket, client, connect, effort)?;
    Ok(group)
}

/// With the same settings as the store's.
async fn container(server: &Cosmos) -> Done<ContainerClient> {
    let endpoint = format!("http://{}/", server.addr()).parse()?;
    let key = Secret::from(ACCOUNT_KEY);
    let account = AccountReference::with_authentication_key(endpoint, key);
    let pool = ConnectionPoolOptions::builder().with_is_http2_allowed(false);
    let runtime = CosmosRuntime::builder().with_connection_pool(pool.build()?);
    let mut operation = OperationOptions::default();
    operation.read_consistency_strategy = Some(ReadConsistencyStrategy::Session);
    let limit = EndToEndOperationLatencyPolicy::new(Duration::from_secs(5));
    operation.end_to_end_latency_policy = Some(limit);
    let client = CosmosClient::builder()
        .with_runtime(runtime.build().await?)
        .with_default_operation_options(operation)
        .with_binary_encoding_options(BinaryEncodingOptions::new().with_enabled(false))
        .build(account, RoutingStrategy::PreferredRegions(Vec::new()));
    let client = Box::pin(client).await?;
    let database = client.database_client("bench");
    Ok(Box::pin(database.container_client("bench", None)).await?)
}

// === impl Client ===

impl Bare for Client {
    async fn call(&mut self, call: Call) -> Done {
        let id = names::id(KEY);
        match call {
            Call::Get => {
                let read = Box::pin(self.container.read_item(BUCKET, &id, None));
                let document: Value = read.await?.into_model()?;
                let data = document["data"].as_str().unwrap_or_default();
                if STANDARD.decode(data)? != VALUE {
                    return Err("the document is missing".into());
                }
            }
            Call::Set => {
                let document = &self.document;
                let written = self.container.upsert_item(BUCKET, &id, document, None);
                Box::pin(written).await?;
            }
        }
        Ok(())
    }
}
