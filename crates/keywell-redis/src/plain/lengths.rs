use futures::future::join_all;
use keywell_store::{Error, Result, ValueBytes};
use redis::Value;

use crate::link::{Link, Route, unexpected};
use crate::wire::command;

/// How many lengths are asked at a time; a connection takes a bounded number of commands.
const AT_A_TIME: usize = 4096;

/// Checks that the values at `places` in `keys` have at most `max` bytes together.
///
/// # Errors
///
/// [`Invalid::BatchTooLarge`](keywell_store::Invalid::BatchTooLarge).
pub(super) async fn check(
    link: &Link,
    keys: &[Vec<u8>],
    places: &[usize],
    max: usize,
) -> Result<()> {
    let mut lengths = Vec::with_capacity(keys.len());
    for keys in keys.chunks(AT_A_TIME) {
        let asked = keys.iter().map(|key| length(link, key));
        for length in join_all(asked).await {
            lengths.push(length?);
        }
    }
    let mut bytes = ValueBytes::new(max);
    places.iter().try_for_each(|at| bytes.add(lengths[*at]))
}

async fn length(link: &Link, key: &[u8]) -> Result<usize> {
    let strlen = command(&[b"STRLEN", key]);
    match link.read(Route::Key(key), &strlen).await {
        Ok(Value::Int(bytes)) => Ok(usize::try_from(bytes).unwrap_or_default()),
        Ok(other) => Err(unexpected("STRLEN", &other)),
        // Something else than a string is nil to `MGET`. An account that may not ask for lengths has
        // the bound of the reply alone.
        Err(Error::Corrupt(_) | Error::AccessDenied(_)) => Ok(0),
        Err(error) => Err(error),
    }
}
