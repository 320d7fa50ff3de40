//! One promised behaviour.

use crate::generation;
use crate::scratch::Scratch;
use crate::verdict::Kept;

/// How binding a promise is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The text of the interface requires it.
    Must,
    /// The interface leaves it open, and Keywell decided. Portable components do not build on it.
    May,
}

pub struct Behaviour {
    pub group: &'static str,
    pub level: Level,
    /// Where the interface specifies it: interface, resource, function.
    pub function: &'static str,
    /// The name of the check, which is the promise.
    pub name: &'static str,
    pub check: fn(&Scratch) -> Kept,
}

/// The behaviours of a file, in the order of their checks.
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
    /// The group, as the generation calls it.
    pub fn group(&self) -> String {
        generation::named(self.group)
    }

    /// The function, as the generation calls it.
    pub fn function(&self) -> String {
        generation::named(self.function)
    }

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
