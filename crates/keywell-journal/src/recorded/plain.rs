//! An effect that cannot be settled: where it is interrupted, the worker stops.

use keywell_store::{Answer, Error as StoreError, Result as StoreResult};

use crate::call::Call;
use crate::error::Error;
use crate::record::Decision;

use super::answered::{Answered, encode};
use super::effect::Intent;

/// Has an effect, once.
pub(super) async fn perform<T: Answered>(
    call: &Call,
    ask: impl FnOnce() -> Answer<T>,
) -> Result<StoreResult<T>, Error> {
    let position = call.intend(intent(&Intent::Plain)).await?;
    match ask().await {
        Err(StoreError::Ambiguous(_) | StoreError::Internal(_)) => Err(call.stop(position).await),
        answer => settle(call, answer).await,
    }
}

/// What becomes of one that was interrupted; none if it is to be done again.
pub(super) async fn resume<T: Answered>(
    call: &Call,
    position: u64,
    decision: Option<Decision>,
) -> Result<Option<StoreResult<T>>, Error> {
    match decision {
        None => Err(call.stop(position).await),
        Some(Decision::NotApplied) => {
            let why = "an operator resolved the write as not applied";
            settle(call, Err(StoreError::Unavailable(why.into())))
                .await
                .map(Some)
        }
        Some(Decision::Applied | Decision::Retry) => Ok(None),
    }
}

/// Records how an effect ended.
pub(super) async fn settle<T: Answered>(
    call: &Call,
    answer: StoreResult<T>,
) -> Result<StoreResult<T>, Error> {
    call.settled(encode(&answer)).await?;
    Ok(answer)
}

/// Records the outcome of an effect that was not begun.
pub(super) async fn answer<T: Answered>(
    call: &Call,
    answer: StoreResult<T>,
) -> Result<StoreResult<T>, Error> {
    call.answered(encode(&answer)).await?;
    Ok(answer)
}

pub(super) fn intent(intent: &Intent) -> bytes::Bytes {
    let bytes = postcard::to_stdvec(intent).expect("intents have lengths");
    bytes.into()
}
