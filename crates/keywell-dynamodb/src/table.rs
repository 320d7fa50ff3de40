//! The table of a store: found, checked, or created.

use std::time::Duration;

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::describe_table::DescribeTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    StreamSpecification, StreamViewType, TableDescription, TableStatus, TimeToLiveSpecification,
    TimeToLiveStatus,
};
use keywell_client::{Backoff, Deadline};
use keywell_store::{Error, Result};

use crate::fault::internal;
use crate::item::{BUCKET, KEY, TTL};
use crate::link::{Kind, Link};

/// How long a table may take to be created. DynamoDB takes seconds.
const CREATION: Duration = Duration::from_mins(2);

// === impl Link ===

impl Link {
    /// Finds the table, or creates it; returns its stream, if it has one with both images.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] for a table that is missing, [`Error::Corrupt`] for one of another
    /// shape.
    pub(crate) async fn table(&self, opening: Deadline, create: bool) -> Result<Option<String>> {
        if let Some(table) = self.described(opening).await? {
            check_shape(&self.table, &table)?;
            let table = if is_usable(&table) {
                table
            } else {
                self.usable().await?
            };
            self.warn_of_expiry().await;
            return Ok(stream(&table));
        }
        if !create {
            let what = format!(
                "there is no table {} in this region for these credentials; create it, or set \
                 `create` to true",
                self.table
            );
            return Err(Error::Unavailable(what.into()));
        }
        self.create().await?;
        let table = self.usable().await?;
        check_shape(&self.table, &table)?;
        self.enable_expiry().await;
        Ok(stream(&table))
    }

    async fn described(&self, deadline: Deadline) -> Result<Option<TableDescription>> {
        let request = self.client.describe_table().table_name(&self.table);
        let described = self.call_until(deadline, Kind::Reads, || request.clone().send());
        match described.await? {
            Ok(described) => Ok(described.table),
            Err(DescribeTableError::ResourceNotFoundException(_)) => Ok(None),
            Err(error) => Err(self.unexpected(&error)),
        }
    }

    /// Waits until the table can be used.
    async fn usable(&self) -> Result<TableDescription> {
        let deadline = Deadline::after(CREATION);
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
        loop {
            // A table that was just created may be unknown for a moment.
            if let Some(table) = self.described(self.deadline()).await?
                && is_usable(&table)
            {
                return Ok(table);
            }
            if deadline.bound(backoff.pause()).await.is_err() {
                let what = format!("the table {} is not active after minutes", self.table);
                return Err(Error::Unavailable(what.into()));
            }
        }
    }

    async fn create(&self) -> Result<()> {
        let mut request = self
            .client
            .create_table()
            .table_name(&self.table)
            .billing_mode(BillingMode::PayPerRequest)
            .stream_specification(
                StreamSpecification::builder()
                    .stream_enabled(true)
                    .stream_view_type(StreamViewType::NewAndOldImages)
                    .build()
                    .map_err(internal)?,
            );
        for (name, kind) in [(BUCKET, KeyType::Hash), (KEY, KeyType::Range)] {
            let definition = AttributeDefinition::builder()
                .attribute_name(name)
                .attribute_type(ScalarAttributeType::S);
            let element = KeySchemaElement::builder()
                .attribute_name(name)
                .key_type(kind);
            request = request
                .attribute_definitions(definition.build().map_err(internal)?)
                .key_schema(element.build().map_err(internal)?);
        }
        let created = self.call(Kind::Reads, || request.clone().send()).await?;
        match created {
            Ok(_) => Ok(()),
            // Another process creates it, or an attempt before did.
            Err(error) if error.code() == Some("ResourceInUseException") => Ok(()),
            Err(error) => Err(self.unexpected(&error)),
        }
    }

    /// Lets DynamoDB collect expired keys. They are hidden without it, too.
    async fn enable_expiry(&self) {
        let specification = TimeToLiveSpecification::builder()
            .enabled(true)
            .attribute_name(TTL)
            .build();
        let request = self
            .client
            .update_time_to_live()
            .table_name(&self.table)
            .set_time_to_live_specification(specification.ok());
        let enabled = self.get(Kind::Reads, || request.clone().send()).await;
        if let Err(error) = enabled {
            let table = &self.table;
            tracing::warn!("expired keys of the table {table} will not be collected: {error}");
        }
    }

    /// Logs where DynamoDB does not collect expired keys. Credentials need not allow to ask.
    async fn warn_of_expiry(&self) {
        let request = self.client.describe_time_to_live().table_name(&self.table);
        let Ok(described) = self.get(Kind::Reads, || request.clone().send()).await else {
            return;
        };
        let described = described.time_to_live_description;
        let is_enabled = described.is_some_and(|described| {
            let status = described.time_to_live_status;
            let is_on = matches!(
                status,
                Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)
            );
            is_on && described.attribute_name.as_deref() == Some(TTL)
        });
        if !is_enabled {
            tracing::warn!(
                "the table {} has no time to live on its attribute `{TTL}`, so expired keys are \
                 hidden and never collected",
                self.table
            );
        }
    }
}

fn is_usable(table: &TableDescription) -> bool {
    matches!(
        table.table_status,
        Some(TableStatus::Active | TableStatus::Updating)
    )
}

fn check_shape(name: &str, table: &TableDescription) -> Result<()> {
    let kinds = table.attribute_definitions();
    let shown = |element: &KeySchemaElement| {
        let attribute = element.attribute_name();
        let kind = kinds.iter().find(|kind| kind.attribute_name() == attribute);
        let kind = kind.map_or("?", |kind| kind.attribute_type().as_str());
        format!("{attribute} ({kind}, {})", element.key_type().as_str())
    };
    let found: Vec<String> = table.key_schema().iter().map(shown).collect();
    let found = found.join(" and ");
    let right = format!("{BUCKET} (S, HASH) and {KEY} (S, RANGE)");
    if found == right {
        return Ok(());
    }
    let what = format!("the table {name} has another shape: its key is {found}, not {right}");
    Err(Error::Corrupt(what.into()))
}

/// The stream of a table, if its records have all that watches deliver.
fn stream(table: &TableDescription) -> Option<String> {
    let specification = table.stream_specification.as_ref()?;
    let has_both = specification.stream_view_type == Some(StreamViewType::NewAndOldImages);
    let stream = table.latest_stream_arn.clone();
    stream.filter(|_| specification.stream_enabled && has_both)
}
