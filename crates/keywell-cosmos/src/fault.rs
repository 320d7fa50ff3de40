//! What the client's errors mean for a caller.
//!
//! As `account` sets it up, the client repeats a write only where the service says that it did not do it: too many requests
//! (429), a conflict in its replicas (449), a region that takes no writes (403), or one that is behind
//! (404/1002).

use azure_data_cosmos::CosmosError;
use azure_data_cosmos::diagnostics::DiagnosticsContext;
use keywell_store::{Error, Failure};

/// Substatus of 404 where the container or the database is gone, and not the document.
const OWNER_IS_GONE: u16 = 1003;
/// Substatuses of the client's own 503 for answers by which nothing was done.
const UNDONE: std::ops::RangeInclusive<u16> = 20_310..=20_312;

/// The status of HTTP, and the substatus or 0.
pub(crate) fn status(error: &CosmosError) -> (u16, u16) {
    let status = error.status();
    let substatus = status.sub_status().map_or(0, |substatus| substatus.value());
    (u16::from(status.status_code()), substatus)
}

/// Whether there is no such document.
pub(crate) fn is_absent(error: &CosmosError) -> bool {
    matches!(status(error), (404, substatus) if substatus == 0 || substatus == 1000)
}

/// Whether a precondition did not hold: another document has the name, or the etag is another.
pub(crate) fn is_conflict(error: &CosmosError) -> bool {
    matches!(status(error), (409 | 412, _)) || is_absent(error)
}

/// The error of a request that changes nothing.
pub(crate) fn of_reading(error: CosmosError) -> Error {
    known(&error).unwrap_or_else(|| {
        let what = "Cosmos DB does not answer, or answers that it failed";
        Error::Unavailable(Failure::caused_by(what, error))
    })
}

/// The error of a write. What the service may have done is [`Error::Ambiguous`].
pub(crate) fn of_writing(error: CosmosError) -> Error {
    if let Some(error) = known(&error) {
        return error;
    }
    let diagnostics = error.diagnostics();
    if is_undone(&error) || diagnostics.is_some_and(|context| !may_be_done(&context, false)) {
        let what = "Cosmos DB did not take the write";
        return Error::Unavailable(Failure::caused_by(what, error));
    }
    let what = "Cosmos DB does not answer, or answers that it failed";
    Error::Ambiguous(Failure::caused_by(what, error))
}

fn is_undone(error: &CosmosError) -> bool {
    let (status, substatus) = status(error);
    status == 503 && UNDONE.contains(&substatus)
}

/// The errors that say certainly that nothing was done.
fn known(error: &CosmosError) -> Option<Error> {
    let (status, substatus) = status(error);
    match (status, substatus) {
        (401 | 403, _) => {
            tracing::warn!("Cosmos DB refuses: {error}");
            let what = if status == 401 {
                "Cosmos DB refuses the key or the token; also where this machine's clock is wrong"
            } else {
                "Cosmos DB does not allow it; see the account's roles and its firewall"
            };
            Some(Error::AccessDenied(what.into()))
        }
        (404, OWNER_IS_GONE) => {
            let what = "the container of the store is gone";
            Some(Error::Unavailable(Failure::caused_by(what, error.clone())))
        }
        (429 | 449, _) => {
            let what = "Cosmos DB takes no more requests for now";
            Some(Error::Unavailable(Failure::caused_by(what, error.clone())))
        }
        (400 | 404 | 413, _) if error.is_from_wire() => {
            let what = "Cosmos DB does not accept a request";
            Some(Error::Internal(Failure::caused_by(what, error.clone())))
        }
        _ => None,
    }
}

/// Whether one of the requests of an operation may have been done, of all or of those before the last.
pub(crate) fn may_be_done(context: &DiagnosticsContext, before_last: bool) -> bool {
    let requests = context.requests();
    let count = requests.len().saturating_sub(usize::from(before_last));
    let may_be_done = |status: u16| !matches!(status, 401 | 403 | 404 | 429 | 449);
    requests.iter().take(count).any(|request| {
        let status = u16::from(request.status().status_code());
        request.request_sent().may_have_been_sent() && may_be_done(status)
    })
}
