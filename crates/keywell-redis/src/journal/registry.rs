use keywell_store::{BucketName, Error, Failure, Result};
use redis::Value;

use super::reply::Elements;
use crate::link::{Link, Route};
use crate::wire::command;

/// The buckets that a store ever wrote to, and how many shards each has: a hash of its own, as a
/// cluster keeps it in another slot than any bucket.
#[derive(Clone)]
pub(crate) struct Registry {
    link: Link,
    name: String,
}

// === impl Registry ===

impl Registry {
    pub(crate) fn new(link: Link, prefix: &str) -> Self {
        let name = format!("{prefix}buckets");
        Self { link, name }
    }

    fn route(&self) -> Route<'_> {
        Route::Key(self.name.as_bytes())
    }

    /// Enters a bucket, before anything is written to it.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] if it has another number of shards. Whatever fails, nothing has
    /// happened that a reader could see.
    pub(crate) async fn enter(&self, bucket: &BucketName, shards: usize) -> Result<()> {
        let shards = shards.to_string();
        let (registry, name) = (self.name.as_bytes(), bucket.as_str().as_bytes());
        // Entering twice is entering once: there is nothing that could be ambiguous.
        let enter = command(&[b"HSETNX", registry, name, shards.as_bytes()]);
        self.link.read(self.route(), &enter).await?;
        let look = command(&[b"HGET", registry, name]);
        let entered = self.link.read(self.route(), &look).await?;
        let entered = Elements::of(Value::Array(vec![entered]))?.text()?;
        if entered != shards {
            return Err(Error::Unsupported(
                "another number of shards than the bucket was made with",
            ));
        }
        Ok(())
    }

    /// Strikes a bucket out.
    pub(crate) async fn leave(&self, bucket: &BucketName) -> Result<()> {
        let leave = command(&[b"HDEL", self.name.as_bytes(), bucket.as_str().as_bytes()]);
        self.link.write(self.route(), &leave).await.map(drop)
    }

    /// The buckets entered, with their numbers of shards.
    pub(crate) async fn all(&self) -> Result<Vec<(BucketName, usize)>> {
        let look = command(&[b"HGETALL", self.name.as_bytes()]);
        let mut fields = Elements::of(self.link.read(self.route(), &look).await?)?;
        let mut buckets = Vec::with_capacity(fields.len() / 2);
        while fields.len() > 0 {
            let (name, shards) = (fields.text()?, fields.number()?);
            let name = BucketName::parse(&name).map_err(|_| {
                let problem = "the registry has a name that no bucket can have";
                Error::Corrupt(Failure::new(problem))
            })?;
            buckets.push((name, shards));
        }
        Ok(buckets)
    }
}
