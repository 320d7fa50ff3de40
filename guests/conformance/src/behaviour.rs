//! One promised behaviour, and the story of one that was not kept.

use crate::scratch::Scratch;
use crate::wasi::keyvalue::store::Error;

/// Who promises.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The interface's own text does: a host without it does not offer the interface.
    Must,
    /// The interface leaves it open, and Keywell decided. Portable components do not build on it.
    May,
}

pub struct Behaviour {
    pub group: &'static str,
    pub level: Level,
    /// Where the interface tells of it: interface, resource, function.
    pub function: &'static str,
    /// The name of the check, which is the promise.
    pub name: &'static str,
    pub check: fn(&Scratch) -> Kept,
}

/// What a check ends with.
pub type Kept<T = ()> = Result<T, Broken>;

/// A promise and what came of it.
pub struct Broken {
    pub promised: String,
    pub answered: String,
}

/// A file's behaviours, in the order they are checked.
macro_rules! behaviours {
    ($group:literal: $($level:ident $function:literal $check:ident,)*) => {
        pub const BEHAVIOURS: &[crate::behaviour::Behaviour] = &[$(
            crate::behaviour::Behaviour {
                group: $group,
                level: crate::behaviour::Level::$level,
                function: $function,
                name: stringify!($check),
                check: $check,
            },
        )*];
    };
}

// === impl Behaviour ===

impl Behaviour {
    /// The promise as a sentence.
    pub fn promise(&self) -> String {
        self.name.replace('_', " ")
    }
}

// === impl Level ===

impl Level {
    pub fn word(self) -> &'static str {
        match self {
            Self::Must => "must",
            Self::May => "may",
        }
    }
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

/// Expects that something holds; `answered` tells what was there instead.
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
    match error {
        Error::NoSuchStore => "the error no-such-store".into(),
        Error::AccessDenied => "the error access-denied".into(),
        Error::Other(text) => format!("the error other: {text}"),
    }
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
