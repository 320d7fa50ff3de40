use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use keywell_client::Deadline;
use keywell_store::backend::Backends;
use keywell_store::{Answer, Bucket, BucketName, Check, Result, Store, StoreId, Transacted, Write};

use crate::backing::{Backing, last_key};
use crate::condition::names;
use crate::connect;
use crate::item::{Attributes, BUCKET, ENDS, KEY, ends, key, now, primary};
use crate::link::{Kind, Link};
use crate::options::DynamoDbOptions;
use crate::transact::Transaction;

/// How long the first answer is waited for: credentials may have to be found.
const OPENING: Duration = Duration::from_secs(8);

/// A store whose buckets share a table of DynamoDB.
///
/// A clone is the same store.
#[derive(Clone)]
pub struct DynamoDbStore(Arc<Inner>);

struct Inner {
    options: DynamoDbOptions,
    link: Arc<Link>,
    buckets: Backends<Backing>,
}

// === impl DynamoDbStore ===

impl DynamoDbStore {
    /// Finds the table, or creates it if that is set.
    ///
    /// # Errors
    ///
    /// [`AccessDenied`](keywell_store::Error::AccessDenied) for credentials that are refused,
    /// [`Corrupt`](keywell_store::Error::Corrupt) for a table of another shape, and
    /// [`Unavailable`](keywell_store::Error::Unavailable) without a region, credentials, table or
    /// service.
    pub async fn open(options: DynamoDbOptions) -> Result<Self> {
        let config = connect::config(&options).await?;
        let link = Link::new(&config, &options.table, options.answer_timeout);
        let opening = Deadline::after(OPENING.max(options.answer_timeout));
        let stream = link.table(opening, options.create).await?;
        let link = Arc::new(link);
        let shared = link.clone();
        let make = move |name: &BucketName| Backing::new(shared.clone(), stream.clone(), name);
        Ok(Self(Arc::new(Inner {
            options,
            link,
            buckets: Backends::new(make),
        })))
    }
}

// === impl Inner ===

impl Inner {
    /// The buckets that have keys, found by leaping from one to the next.
    async fn inhabited(&self) -> Result<Vec<BucketName>> {
        let mut inhabited = Vec::new();
        let mut after: Option<Attributes> = None;
        loop {
            let request = self
                .link
                .client
                .scan()
                .table_name(&self.link.table)
                .projection_expression("#bucket, #key, #ends")
                .set_expression_attribute_names(Some(names(&[BUCKET, KEY, ENDS])))
                .set_exclusive_start_key(after)
                .consistent_read(true)
                .limit(1);
            let response = self
                .link
                .get(Kind::Reads, || request.clone().send())
                .await?;
            let item = response.items.unwrap_or_default().into_iter().next();
            after = match item {
                None => response.last_evaluated_key,
                Some(item) => {
                    let bucket = item.get(BUCKET).and_then(|bucket| bucket.as_s().ok());
                    let bucket = bucket.map_or("", String::as_str);
                    let has_ended = matches!(ends(&item), Ok(Some(ends)) if ends <= now());
                    match BucketName::parse(bucket) {
                        // What another program wrote may have a name that is none of ours.
                        Ok(name) if !has_ended && name.as_str() == bucket => {
                            inhabited.push(name);
                            Some(primary(bucket, &last_key()))
                        }
                        _ => Some(primary(bucket, key(&item)?)),
                    }
                }
            };
            if after.is_none() {
                break;
            }
        }
        inhabited.sort_unstable();
        Ok(inhabited)
    }
}

impl Store for DynamoDbStore {
    fn id(&self) -> Option<StoreId> {
        Some(self.0.buckets.store())
    }

    fn open(&self, name: &BucketName) -> Answer<Arc<dyn Bucket>> {
        self.0.buckets.bucket(name)
    }

    fn transact(&self, checks: Vec<Check>, writes: Vec<Write>) -> Answer<Transacted> {
        let store = self.0.clone();
        Answer::later(async move {
            store.buckets.transacting(&checks, &writes)?;
            let _in_flight = store.buckets.enter()?;
            let transaction = Transaction {
                link: &store.link,
                checks: &checks,
                writes: &writes,
            };
            transaction.run().await
        })
    }

    fn buckets(&self) -> Answer<Vec<BucketName>> {
        let store = self.0.clone();
        Answer::later(async move { store.inhabited().await })
    }

    /// Sends a write that changes nothing.
    fn health(&self) -> Answer<()> {
        let store = self.0.clone();
        Answer::later(async move { store.buckets.of(&BucketName::default()).probe().await })
    }

    /// Waits until the writes that were sent are answered.
    fn close(&self) -> Answer<()> {
        let (store, closed) = (self.0.clone(), self.0.buckets.close());
        Answer::later(async move {
            closed.await;
            store.link.close();
            Ok(())
        })
    }
}

impl fmt::Debug for DynamoDbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamoDbStore")
            .field("options", &self.0.options)
            .finish_non_exhaustive()
    }
}
