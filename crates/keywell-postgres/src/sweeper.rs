use std::sync::Arc;
use std::time::Duration;

use keywell_store::{BucketName, Error, Failure, Result};
use tokio::time::{Instant, timeout};

use crate::server::Server;
use crate::unit::{Act, Step, Unit};

/// How often it looks for keys that other processes set, and did not remove.
const LOOK: Duration = Duration::from_secs(5);

/// How many keys one transaction removes, so that each is locked by itself.
const KEYS: i64 = 64;

const EXPIRED: &str = "SELECT bucket, key FROM entries WHERE expires <= clock_timestamp() \
     ORDER BY expires LIMIT $1";

const NEXT: &str = "SELECT ceil(extract(epoch FROM expires - clock_timestamp()) * 1000)::bigint \
     FROM entries WHERE expires > clock_timestamp() ORDER BY expires LIMIT 1";

/// Removes expired keys, by a deletion that happens only if the key has still expired.
pub(crate) async fn sweep(server: Arc<Server>) {
    let mut sooner = server.expiring.subscribe();
    loop {
        sooner.mark_unchanged();
        server.expiring.send_replace(None);
        sooner.mark_unchanged();
        match remove(&server).await {
            Ok(Some(next)) => server.expires_in(next),
            Ok(None) => {}
            Err(error) => {
                tracing::debug!(%error, "expired keys in PostgreSQL cannot be removed");
                let _ = timeout(LOOK, std::future::pending::<()>()).await;
                continue;
            }
        }
        // Until then, or until a key is set that expires sooner.
        let look = Instant::now() + LOOK;
        loop {
            let end = (*sooner.borrow_and_update()).map_or(look, |next| next.min(look));
            match tokio::time::timeout_at(end, sooner.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return,
                Err(_) => break,
            }
        }
    }
}

/// Removes what has expired. How long until the next key does.
async fn remove(server: &Server) -> Result<Option<Duration>> {
    let unreadable = |error| Error::Corrupt(Failure::caused_by("a table of the store", error));
    loop {
        let rows = server.read(EXPIRED, &[&KEYS]).await?;
        let mut steps = Vec::new();
        for row in &rows {
            let bucket: &str = row.try_get(0).map_err(unreadable)?;
            let key: &[u8] = row.try_get(1).map_err(unreadable)?;
            // What another program wrote under a name that is none is left.
            if let (Ok(bucket), Ok(key)) = (BucketName::parse(bucket), std::str::from_utf8(key)) {
                let key = key.to_owned();
                let act = Act::Expire;
                steps.push(Step { bucket, key, act });
            }
        }
        if steps.is_empty() {
            break;
        }
        let checks = Vec::new();
        server.apply(&Unit { checks, steps }).await?;
    }
    let rows = server.read(NEXT, &[]).await?;
    let next: Option<i64> = match rows.first() {
        Some(row) => row.try_get(0).map_err(unreadable)?,
        None => None,
    };
    Ok(next.map(|millis| Duration::from_millis(u64::try_from(millis).unwrap_or(0).max(1))))
}
