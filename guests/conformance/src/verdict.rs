//! Checks of answers, and the description of a broken promise.

use crate::generation::{Error, describe};

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

/// Expects one answer and no other.
pub fn same<T: PartialEq>(
    asked: &str,
    answer: &T,
    expected: &T,
    show: impl Fn(&T) -> String,
) -> Kept {
    if answer == expected {
        return Ok(());
    }
    Err(Broken {
        promised: format!("{asked} answers {}", show(expected)),
        answered: show(answer),
    })
}

/// Expects an error, whichever.
pub fn refused<T>(asked: &str, answer: Result<T, Error>, show: impl Fn(&T) -> String) -> Kept {
    answer.map_or(Ok(()), |answer| {
        Err(Broken {
            promised: format!("{asked} answers an error"),
            answered: show(&answer),
        })
    })
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

/// A value, short enough to read.
#[expect(clippy::ref_option, reason = "this is how `same` calls it")]
pub fn show(value: &Option<Vec<u8>>) -> String {
    value.as_ref().map_or("none".into(), |value| quote(value))
}

pub fn quote(value: &[u8]) -> String {
    const SHOWN: usize = 48;
    let text = String::from_utf8_lossy(&value[..value.len().min(SHOWN)]);
    if value.len() > SHOWN {
        return format!("{text:?} and so on, {} bytes", value.len());
    }
    format!("{text:?}")
}
