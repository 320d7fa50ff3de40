use std::str::FromStr;

use keywell_journal::{Error, WorkerName};

/// Which workers are called: one, or all whose names begin so, which is written `cart-*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkerNames {
    /// One.
    One(WorkerName),
    /// All whose names begin with this.
    Beginning(String),
}

// === impl WorkerNames ===

impl WorkerNames {
    /// Whether a worker is one of them.
    pub fn have(&self, worker: &WorkerName) -> bool {
        match self {
            Self::One(name) => name == worker,
            Self::Beginning(beginning) => worker.as_str().starts_with(beginning),
        }
    }
}

impl FromStr for WorkerNames {
    type Err = Error;

    /// # Errors
    ///
    /// [`Error::Name`].
    fn from_str(text: &str) -> Result<Self, Error> {
        let Some(beginning) = text.strip_suffix('*') else {
            return Ok(Self::One(text.parse()?));
        };
        // What no name begins with stands for no worker.
        if !beginning.is_empty() {
            let _: WorkerName = beginning.parse()?;
        }
        Ok(Self::Beginning(beginning.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_at_the_end_stands_for_any_end() {
        let name = |text: &str| text.parse::<WorkerName>().unwrap();
        let names = |text: &str| text.parse::<WorkerNames>();
        assert!(names("cart").unwrap().have(&name("cart")));
        assert!(!names("cart").unwrap().have(&name("cart-1")));
        assert!(names("cart-*").unwrap().have(&name("cart-1")));
        assert!(!names("cart-*").unwrap().have(&name("cart")));
        assert!(names("*").unwrap().have(&name("any")));
        for wrong in ["", "a*b", "a/*", "a b"] {
            assert!(names(wrong).is_err(), "{wrong}");
        }
    }
}
