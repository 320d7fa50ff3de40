//! Which stores `KEYWELL_TEST_STORES` leaves out of a quick run of the tests.

use crate::error::{Error, Result};

/// The stores whose tests run, separated by commas; all if it is not set.
const CHOSEN: &str = "KEYWELL_TEST_STORES";

/// Ends the test that calls this if it needs the server of a store that is left out.
///
/// A test of the program may start any server, also by a function of its own, so no name shows which
/// it needs. cargo-nextest runs each test in a process, which ends here as passed, saying so. In a
/// process of several tests it is an error.
#[expect(
    clippy::disallowed_methods,
    reason = "the test ends with its process; servers end with it, too"
)]
pub(crate) fn require(store: &'static str) -> Result<()> {
    let Ok(chosen) = std::env::var(CHOSEN) else {
        return Ok(());
    };
    if is_chosen(&chosen, store) {
        return Ok(());
    }
    if std::env::var_os("NEXTEST_EXECUTION_MODE").is_some_and(|mode| mode == "process-per-test") {
        eprintln!("not run: {CHOSEN} leaves out {store}");
        std::process::exit(0);
    }
    Err(Error::LeftOut(store))
}

fn is_chosen(chosen: &str, store: &str) -> bool {
    chosen.split(',').any(|name| name.trim() == store)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_chosen_by_its_whole_name() {
        assert!(is_chosen("memory, redis", "redis"));
        assert!(!is_chosen("memory,redis", "red"));
        assert!(!is_chosen("", "redis"));
    }
}
