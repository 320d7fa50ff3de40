use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval};

use crate::error::{Error, Result};

/// How long a server may take for anything: starting, electing, following.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How long servers may take to agree. A sentinel that did not run for two seconds waits for another 30
/// before it acts.
const AGREEMENT: Duration = Duration::from_secs(90);

/// Polls until the answer is `Ok`, where nothing signals that. On a timeout the error contains the last
/// `Err`.
pub(crate) async fn until<T, F>(what: &'static str, mut ask: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T, String>>,
{
    let end = Instant::now() + AGREEMENT;
    let mut turns = interval(Duration::from_millis(5));
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        let instead = match ask().await {
            Ok(there) => return Ok(there),
            Err(instead) => instead,
        };
        if Instant::now() > end {
            let what = format!("{what}; last: {instead}");
            return Err(Error::Late {
                what,
                within: AGREEMENT,
            });
        }
    }
}
