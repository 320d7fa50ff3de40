//! Checks of answers, and the description of a broken promise.

use crate::keywell::keyvalue::store::Error;

/// The result of a check.
pub type Kept<T = ()> = Result<T, Broken>;

/// A broken promise and the answer that broke it.
pub struct Broken {
    pub promised: String,
    pub answered: String,
}

/// Expects a success.
pub fn answered<T>(asked: &str, answer: Result<T, Error>) -> Kept<T> {
    answer.map_err(|error| Broken {
        promised: format!("{asked} succeeds"),
        answered: describe(&error),
    })
}

/// Expects an error, and no other one.
pub fn refused<T>(
    asked: &str,
    answer: Result<T, Error>,
    error: &str,
    is_it: impl Fn(&Error) -> bool,
) -> Kept {
    let answered = match answer {
        Err(error) if is_it(&error) => return Ok(()),
        Err(error) => describe(&error),
        Ok(_) => "a success".into(),
    };
    Err(Broken {
        promised: format!("{asked} answers the error {error}"),
        answered,
    })
}

/// Expects that the check at a place did not hold.
pub fn check_failed<T>(asked: &str, answer: Result<T, Error>, place: u32) -> Kept {
    let error = format!("check-failed({place})");
    let is_it = |error: &Error| matches!(error, Error::CheckFailed(failed) if *failed == place);
    refused(asked, answer, &error, is_it)
}

/// Expects one answer and no other.
pub fn same<T: PartialEq + std::fmt::Debug>(asked: &str, answer: &T, expected: &T) -> Kept {
    holds(
        answer == expected,
        &format!("{asked} answers {expected:?}"),
        || format!("{answer:?}"),
    )
}

/// Expects that something holds; `answered` describes the answer otherwise.
pub fn holds(is: bool, promised: &str, answered: impl FnOnce() -> String) -> Kept {
    if is {
        return Ok(());
    }
    Err(Broken {
        promised: promised.into(),
        answered: answered(),
    })
}

pub fn describe(error: &Error) -> String {
    format!("the error {error:?}")
}
