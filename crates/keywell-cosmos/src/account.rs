use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use azure_core::credentials::Secret;
use azure_data_cosmos::models::{
    ContainerProperties, IndexingMode, IndexingPolicy, PropertyPath, TimeToLive,
};
use azure_data_cosmos::options::{
    BinaryEncodingOptions, ConnectionPoolOptions, EndToEndOperationLatencyPolicy, OperationOptions,
    ReadConsistencyStrategy, Region,
};
use azure_data_cosmos::{
    AccountEndpoint, AccountReference, ContainerClient, CosmosClient, CosmosError, CosmosRuntime,
    RoutingStrategy,
};
use keywell_client::Deadline;
use keywell_store::{Error, Failure, Making, Result};

use crate::fault;
use crate::identity;
use crate::options::CosmosOptions;

/// What the documents of a bucket have in common.
const PARTITION_KEY: &str = "/bucket";
/// How much longer than the client's own limit an operation may take.
const GRACE: Duration = Duration::from_secs(2);
/// How long it may take to open a store: the account, its regions, the container, and its partitions.
const OPENING: u32 = 4;

/// A container of an account, and how it is asked.
pub(crate) struct Account {
    pub(crate) container: ContainerClient,
    pub(crate) options: CosmosOptions,
    is_closed: AtomicBool,
}

// === impl Account ===

impl Account {
    /// Connects to the account, and checks that the container is one of ours.
    pub(crate) async fn open(options: CosmosOptions, making: Making) -> Result<Self> {
        let opening = Deadline::after(options.answer_timeout * OPENING);
        let opened = opening
            .bound(Box::pin(Self::connect(&options, making)))
            .await;
        let container = opened.map_err(|late| {
            let what = format!("{} does not answer", options.shown());
            Error::Unavailable(Failure::caused_by(what, late))
        })??;
        Ok(Self {
            container,
            options,
            is_closed: AtomicBool::new(false),
        })
    }

    async fn connect(options: &CosmosOptions, making: Making) -> Result<ContainerClient> {
        let client = client(options).await?;
        let found = container(&client, options).await;
        let (container, properties) = match found {
            Err(error) if fault::status(&error).0 == 404 => {
                if !options.create || making == Making::Refused {
                    let what = format!(
                        "there is no container {}; make it with the partition key {PARTITION_KEY} \
                         and a time to live that is on, or set `create`",
                        options.shown()
                    );
                    return Err(Error::Unavailable(what.into()));
                }
                create(&client, options).await.map_err(fault::of_reading)?;
                container(&client, options)
                    .await
                    .map_err(fault::of_reading)?
            }
            found => found.map_err(fault::of_reading)?,
        };
        check(&properties, options)?;
        Ok(container)
    }

    /// How operations that change nothing are asked for.
    pub(crate) fn reading(&self) -> OperationOptions {
        operation(self.options.answer_timeout)
    }

    /// How writes are asked for: the client repeats none that may have been done.
    pub(crate) fn writing(&self) -> OperationOptions {
        let mut options = operation(self.options.answer_timeout);
        options.max_failover_retry_count = Some(0);
        options
    }

    /// Waits for an answer no longer than is set. The client has the same limit, but not for what it
    /// asks first of an account's partitions.
    pub(crate) async fn answer<T>(
        &self,
        asked: impl Future<Output = Result<T, CosmosError>>,
    ) -> Result<Result<T, CosmosError>> {
        self.check_open()?;
        let limit = Deadline::after(self.options.answer_timeout + GRACE);
        limit.bound(asked).await.map_err(|late| {
            let what = format!("{} does not answer", self.options.shown());
            Error::Unavailable(Failure::caused_by(what, late))
        })
    }

    pub(crate) fn check_open(&self) -> Result<()> {
        if self.is_closed.load(Ordering::Relaxed) {
            return Err(Error::Unavailable("the store is closed".into()));
        }
        Ok(())
    }

    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }

    /// Asks for the container's settings, which costs next to nothing.
    pub(crate) async fn probe(&self) -> Result<()> {
        let read = self.answer(Box::pin(self.container.read(None))).await?;
        read.map(drop).map_err(fault::of_reading)
    }
}

/// What every request has in common. Reads see the writes of this process, whatever the account's
/// own level is.
fn operation(timeout: Duration) -> OperationOptions {
    let mut options = OperationOptions::default();
    options.read_consistency_strategy = Some(ReadConsistencyStrategy::Session);
    options.end_to_end_latency_policy = Some(EndToEndOperationLatencyPolicy::new(timeout));
    options
}

async fn client(options: &CosmosOptions) -> Result<CosmosClient> {
    // The program has no other cryptography; where one is set already, it is this one.
    drop(rustls::crypto::ring::default_provider().install_default());
    let unusable = |error: CosmosError| {
        let what = format!("the account {} cannot be used", options.host);
        Error::Unavailable(Failure::caused_by(what, error))
    };
    let endpoint: AccountEndpoint = options.endpoint().parse().map_err(unusable)?;
    let account = match &options.key {
        Some(key) => {
            let key = Secret::from(key.expose().to_owned());
            AccountReference::with_authentication_key(endpoint, key)
        }
        None => AccountReference::with_credential(endpoint, identity::usual().await?),
    };
    let timeout = options.answer_timeout.min(Duration::from_mins(1));
    let pool = ConnectionPoolOptions::builder()
        // Over HTTP/2 the client has several connections, and where one breaks it sends a write once
        // more on another, whatever `max_failover_retry_count` is: it may be done twice.
        .with_is_http2_allowed(false)
        .with_gateway_v2_disabled(true)
        .with_max_dataplane_request_timeout(timeout)
        .build()
        .map_err(unusable)?;
    let runtime = CosmosRuntime::builder().with_connection_pool(pool);
    let runtime = runtime.build().await.map_err(unusable)?;
    let regions = options.regions.iter().cloned().map(Region::new).collect();
    CosmosClient::builder()
        .with_runtime(runtime)
        .with_binary_encoding_options(BinaryEncodingOptions::new().with_enabled(false))
        .build(account, RoutingStrategy::PreferredRegions(regions))
        .await
        .map_err(fault::of_reading)
}

async fn container(
    client: &CosmosClient,
    options: &CosmosOptions,
) -> Result<(ContainerClient, ContainerProperties), CosmosError> {
    let database = client.database_client(options.database.clone());
    let container = database
        .container_client(options.container.clone(), None)
        .await?;
    let properties = container.read(None).await?.into_model()?;
    Ok((container, properties))
}

/// Makes the database and the container. Another process may make them at the same time.
async fn create(client: &CosmosClient, options: &CosmosOptions) -> Result<(), CosmosError> {
    let unless_there = |made: Result<(), CosmosError>| match made {
        Err(error) if fault::status(&error).0 == 409 => Ok(()),
        made => made,
    };
    let database = client.create_database(&options.database, None).await;
    unless_there(database.map(drop))?;
    // `id` is indexed in any case, and values need no index.
    let indexed = IndexingPolicy::default()
        .with_indexing_mode(IndexingMode::Consistent)
        .with_included_path(PropertyPath::from("/bucket/?"))
        .with_excluded_path(PropertyPath::from("/*"));
    let properties = ContainerProperties::new(options.container.clone(), PARTITION_KEY.into())
        .with_indexing_policy(indexed)
        .with_default_ttl(TimeToLive::NoDefault);
    let database = client.database_client(options.database.clone());
    let container = database.create_container(properties, None).await;
    unless_there(container.map(drop))
}

/// Whether keys can be kept in a container.
fn check(properties: &ContainerProperties, options: &CosmosOptions) -> Result<()> {
    let refused = |problem: &str| {
        let what = format!("the container {} {problem}", options.shown());
        Err(Error::Unavailable(what.into()))
    };
    let paths = properties.partition_key.paths();
    if paths.len() != 1 || paths[0] != PARTITION_KEY {
        return refused("has another partition key than /bucket; name one made for Keywell");
    }
    match properties.default_ttl {
        TimeToLive::NoDefault => Ok(()),
        TimeToLive::Forever => refused(
            "has its time to live off, so deleted keys would stay; set it on, without a default",
        ),
        _ => refused("deletes documents by a default time to live; set it on, without a default"),
    }
}
