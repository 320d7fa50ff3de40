use std::sync::Arc;

use keywell_store::Error;

use crate::cache::room::Room;
use crate::cache::vacancies::{Admitted, Caller};
use crate::cache::vacancy::Vacancy;
use crate::opened::Opened;
use crate::values::{IncomingValue, Trace};

/// What `get-or-set` finds: a value, or that the caller is to fill the key.
pub(crate) enum Found {
    Occupied(IncomingValue),
    Vacant(Vacancy),
}

/// A key that `get-or-set` looks at.
pub(crate) struct Search {
    pub(crate) bucket: Arc<Opened>,
    pub(crate) key: String,
    pub(crate) may_fill: bool,
}

// === impl Search ===

impl Search {
    /// Reads the key. Where it has no value, joins its line, waits for the caller that is filling
    /// it, and reads again; the first that finds none fills it.
    ///
    /// A caller that may not write waits as well, and leaves its turn to the next.
    ///
    /// # Errors
    ///
    /// What the store and the line answer, and [`Error::AccessDenied`] for a vacant key that the
    /// caller may not fill.
    pub(crate) async fn run(
        self,
        join: impl FnOnce() -> Result<Caller, Error>,
        mut room: Room,
    ) -> Result<Found, Trace> {
        let Self {
            bucket,
            key,
            may_fill,
        } = self;
        if let Some(value) = room.get(&bucket, &key).await? {
            return Ok(Found::Occupied(value));
        }
        let mut caller = join()?;
        loop {
            let admitted = match caller.wait().await {
                Admitted::First(turn) if !may_fill => {
                    drop(turn);
                    None
                }
                admitted => Some(admitted),
            };
            if let Some(value) = room.get(&bucket, &key).await? {
                return Ok(Found::Occupied(value));
            }
            match admitted {
                Some(Admitted::First(turn)) => {
                    return Ok(Found::Vacant(Vacancy::new(bucket, key, turn)));
                }
                Some(Admitted::Filled(waiting)) => caller = waiting,
                None => {
                    let reason = "the key is vacant, and the cache is granted for reading only";
                    return Err(Error::AccessDenied(reason.into()).into());
                }
            }
        }
    }
}
