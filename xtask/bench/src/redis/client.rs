use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use keywell_redis::{Options, RedisStore};
use keywell_servers::Redis;
use keywell_servers::resp::Connection;
use keywell_store::{Bucket, BucketName, Set, Store as _};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::Done;

/// The key that `bench-watcher` writes.
const SEEN: &str = "seen";
/// How long an event may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// How long a client rests after a change, so that it takes no processor time, and between polls for whether the
/// change was seen. The same for all subjects: idle processors wake late.
const BETWEEN: Duration = Duration::from_millis(1);

/// Changes keys and polls whether the change was seen.
pub(crate) struct Client<'a> {
    runtime: &'a Runtime,
    connection: Connection,
    /// Of the layout that is watched.
    bucket: Arc<dyn Bucket>,
    is_plain: bool,
}

// === impl Client ===

impl<'a> Client<'a> {
    pub(crate) fn connect(runtime: &'a Runtime, server: &Redis, layout: &str) -> Done<Self> {
        runtime.block_on(async {
            let url = format!("{}?layout={layout}", server.url());
            let store = RedisStore::connect(&Options::from_url(&url)?).await?;
            Ok(Self {
                runtime,
                connection: server.connect().await?,
                bucket: store.open(&BucketName::default()).await?,
                is_plain: layout == "plain",
            })
        })
    }

    /// Sets a key of the default bucket, directly on the server if the layout allows it, and returns the time just
    /// before.
    pub(crate) fn set(&mut self, key: &str, value: &str) -> Done<SystemTime> {
        self.runtime.block_on(async {
            let before;
            if self.is_plain {
                let key = format!("{}:{key}", BucketName::default());
                before = SystemTime::now();
                self.connection.command(&["SET", &key, value]).await?;
            } else {
                let value = Bytes::copy_from_slice(value.as_bytes());
                before = SystemTime::now();
                self.bucket.set(key, value, Set::default()).await?;
            }
            Ok(before)
        })
    }

    /// Waits until the watcher has received this value, at most `patience`, and returns when it did.
    pub(crate) fn seen(&self, value: &str, patience: Duration) -> Done<SystemTime> {
        let asking = async {
            loop {
                pass(BETWEEN).await;
                let Some(entry) = self.bucket.get(SEEN).await? else {
                    continue;
                };
                let text = std::str::from_utf8(&entry.value)?;
                if let Some((seen, nanos)) = text.split_once(' ')
                    && seen == value
                {
                    let since = Duration::from_nanos(nanos.parse()?);
                    return Ok(SystemTime::UNIX_EPOCH + since);
                }
            }
        };
        let waited = self
            .runtime
            .block_on(async { timeout(patience, asking).await });
        waited.map_err(|_| format!("the watcher has not seen {value}"))?
    }

    /// Leaves the processors to the receiver of a change, as [`seen`](Self::seen) does.
    pub(crate) fn rest(&self) {
        self.runtime.block_on(pass(BETWEEN));
    }

    /// How many commands the server was sent meanwhile, this client's own not counted.
    pub(crate) fn commands_during(&mut self, time: Duration) -> Done<f64> {
        self.runtime.block_on(async {
            let before = self.connection.command(&["INFO", "commandstats"]).await?;
            pass(time).await;
            let after = self.connection.command(&["INFO", "commandstats"]).await?;
            // The first INFO counts itself only in the second.
            let own = 1.0;
            Ok(commands(&after.text()) - commands(&before.text()) - own)
        })
    }
}

/// Lets time pass.
async fn pass(time: Duration) {
    _ = timeout(time, std::future::pending::<()>()).await;
}

/// The sum of lines such as `cmdstat_get:calls=12,usec=30,…`.
fn commands(stats: &str) -> f64 {
    let lines = stats.lines().filter(|line| line.starts_with("cmdstat_"));
    let calls = lines.filter_map(|line| {
        let (_, calls) = line.split_once(":calls=")?;
        calls.split(',').next()?.parse::<f64>().ok()
    });
    calls.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_summed() {
        let stats = "# Commandstats\r\ncmdstat_get:calls=12,usec=30\r\ncmdstat_config|get:calls=1,usec=2\r\n";
        assert!((commands(stats) - 13.0).abs() < f64::EPSILON);
    }
}
