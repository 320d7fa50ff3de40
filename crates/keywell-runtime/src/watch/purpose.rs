//! The refusal of a trigger whose name is in use for another purpose.

use crate::Error;

/// Why a trigger is refused whose name others use for another purpose.
pub(crate) const OTHER_PURPOSE: &str = "another process runs a trigger of this name for other changes or for another bucket, and processes of one name share their events; give this one another name (`name` in keywell.toml, --watch-name of keywell serve), or stop all of the others first, and this one goes on from where they were";

/// That a trigger's name is in use for another purpose.
pub(crate) fn other_purpose(trigger: &str) -> Error {
    Error::Watch {
        trigger: trigger.to_owned(),
        problem: OTHER_PURPOSE.to_owned(),
    }
}
