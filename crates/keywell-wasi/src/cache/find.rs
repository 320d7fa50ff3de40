use std::sync::Arc;

use crate::cache::place::Place;
use crate::cache::room::Room;
use crate::cache::vacancies::{Admitted, Vacancies};
use crate::cache::vacancy::Vacancy;
use crate::opened::Opened;
use crate::values::{IncomingValue, Trace};

/// What `get-or-set` finds: a value, or that the caller is to fill the key.
pub(crate) enum Found {
    Occupied(IncomingValue),
    Vacant(Vacancy),
}

/// Reads a key. Where it has no value, waits for the caller that is filling it, and reads again;
/// the first that finds none fills it.
pub(crate) async fn find(
    bucket: Arc<Opened>,
    key: String,
    place: Place,
    mut room: Room,
) -> Result<Found, Trace> {
    if let Some(value) = room.get(&bucket, &key).await? {
        return Ok(Found::Occupied(value));
    }
    let mut caller = Vacancies::of_process().join(place)?;
    loop {
        let admitted = caller.wait().await;
        if let Some(value) = room.get(&bucket, &key).await? {
            return Ok(Found::Occupied(value));
        }
        match admitted {
            Admitted::First(turn) => {
                return Ok(Found::Vacant(Vacancy::new(bucket, key, turn)));
            }
            Admitted::Filled(waiting) => caller = waiting,
        }
    }
}
