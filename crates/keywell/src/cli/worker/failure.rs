use keywell_journal::Error;
use keywell_store::terminal;

use crate::cli::failed::Failed;

/// Why a call of a journal failed, for the user.
#[expect(clippy::needless_pass_by_value, reason = "`map_err` passes it so")]
pub(super) fn failed(error: Error) -> Failed {
    let text = error.to_string();
    match error {
        Error::Name(_) => Failed::Usage(text),
        _ => Failed::Failure(terminal::escape(&text).into_owned()),
    }
}
