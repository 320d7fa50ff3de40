use std::sync::Arc;
use std::time::Duration;

use keywell_store::{Error, Failure, Result};
use tokio::time::{Instant, timeout};

use crate::server::Server;

/// How often it looks for keys that other processes set, and did not remove.
const LOOK: Duration = Duration::from_secs(5);

/// How many keys one transaction removes, so that each is locked by itself.
const KEYS: i64 = 64;

/// Removes what has expired, and returns how many keys of ordinary and of reserved buckets that were.
const EXPIRE: &str = "WITH due AS ( \
         SELECT array_agg(bucket) AS buckets, array_agg(key) AS keys, array_agg(2::smallint) AS steps, \
             array_agg(NULL::bytea) AS no_values, array_agg(NULL::bigint) AS no_numbers, \
             count(*) FILTER (WHERE bucket NOT LIKE 'keywell-%') AS ordinary, \
             count(*) FILTER (WHERE bucket LIKE 'keywell-%') AS reserved \
         FROM (SELECT bucket, key FROM entries WHERE expires <= statement_timestamp() \
             ORDER BY expires LIMIT $1) AS expired \
     ) \
     SELECT ordinary, reserved FROM due \
     CROSS JOIN LATERAL apply('{}', '{}', '{}', buckets, keys, steps, no_values, no_numbers, no_numbers) \
     WHERE buckets IS NOT NULL";

const NEXT: &str = "SELECT ceil(extract(epoch FROM expires - clock_timestamp()) * 1000)::bigint \
     FROM entries WHERE expires > statement_timestamp() ORDER BY expires LIMIT 1";

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
    while let Some(row) = server.write(EXPIRE, &[&KEYS]).await?.first() {
        let ordinary: i64 = row.try_get(0).map_err(unreadable)?;
        let reserved: i64 = row.try_get(1).map_err(unreadable)?;
        server.log(false, ordinary, 0).await;
        server.log(true, reserved, 0).await;
        if ordinary + reserved < KEYS {
            break;
        }
    }
    let rows = server.read(NEXT, &[]).await?;
    let next: Option<i64> = match rows.first() {
        Some(row) => row.try_get(0).map_err(unreadable)?,
        None => None,
    };
    Ok(next.map(|millis| Duration::from_millis(u64::try_from(millis).unwrap_or(0).max(1))))
}
