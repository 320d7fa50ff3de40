use std::fmt::{self, Write as _};

use keywell_store::{Error, Invalid, Result as Answered};

/// A broken promise, with the steps that led to it.
#[derive(Clone, Debug, thiserror::Error)]
pub struct Failure {
    /// The last calls and their answers, oldest first.
    pub steps: Vec<String>,
    /// How many steps preceded those.
    pub earlier: usize,
    /// The answer that broke the promise.
    pub answered: String,
    /// The promise.
    pub promised: String,
    /// Whether the store declares that this may happen, so that it proves nothing.
    pub(crate) is_inconclusive: bool,
}

/// Whether the store kept a promise.
pub type Verdict = Result<(), Failure>;

/// The most characters of an answer that a failure shows.
const SHOWN: usize = 160;

// === impl Failure ===

impl Failure {
    pub(crate) fn new(answered: impl Into<String>, promised: impl Into<String>) -> Self {
        Self {
            steps: Vec::new(),
            earlier: 0,
            answered: answered.into(),
            promised: promised.into(),
            is_inconclusive: false,
        }
    }

    /// A gap in the events of a watch, which some stores declare to have.
    pub(crate) fn inconclusive(answered: &str) -> Self {
        Self {
            is_inconclusive: true,
            ..Self::new(answered, "a watch that resumes loses no event")
        }
    }

    pub(crate) fn after(mut self, (earlier, steps): (usize, Vec<String>)) -> Self {
        (self.earlier, self.steps) = (earlier, steps);
        self
    }
}

impl From<Error> for Failure {
    /// For calls that a check expects to succeed.
    fn from(error: Error) -> Self {
        Self::new(error.to_string(), "the call succeeds")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = Vec::new();
        if self.earlier > 0 {
            lines.push(format!("… after {} earlier steps", self.earlier));
        }
        lines.extend_from_slice(&self.steps);
        for (n, line) in lines.iter().enumerate() {
            writeln!(f, "{:<9} {line}", if n == 0 { "asked" } else { "" })?;
        }
        writeln!(f, "answered  {}", self.answered)?;
        write!(f, "promised  {}", self.promised)
    }
}

/// Checks that an answer is the expected one.
#[expect(
    clippy::needless_pass_by_value,
    reason = "callers build both for the comparison, often from literals"
)]
pub(crate) fn same<T: fmt::Debug + PartialEq>(answered: T, expected: T, promise: &str) -> Verdict {
    if answered == expected {
        return Ok(());
    }
    Err(Failure::new(
        shown(&answered),
        format!("{promise}: {}", shown(&expected)),
    ))
}

/// Checks a condition on an answer.
pub(crate) fn holds(condition: bool, answered: impl fmt::Debug, promise: &str) -> Verdict {
    if condition {
        return Ok(());
    }
    Err(Failure::new(shown(&answered), promise))
}

/// Checks that a call is refused as invalid, for this reason.
pub(crate) fn invalid<T: fmt::Debug>(
    answered: Answered<T>,
    blamed: impl FnOnce(&Invalid) -> bool,
    promise: &str,
) -> Verdict {
    match answered {
        Err(Error::Invalid(invalid)) if blamed(&invalid) => Ok(()),
        other => Err(Failure::new(answer(&other), promise)),
    }
}

/// Checks that a call is refused as unsupported.
pub(crate) fn unsupported<T: fmt::Debug>(answered: Answered<T>, what: &str) -> Verdict {
    match answered {
        Err(Error::Unsupported(_)) => Ok(()),
        other => Err(Failure::new(
            answer(&other),
            format!("{what} is not declared, so it is refused as unsupported"),
        )),
    }
}

/// An answer of a store as text.
pub(crate) fn answer<T: fmt::Debug>(answered: &Answered<T>) -> String {
    match answered {
        Ok(value) => shown(value),
        Err(error) => format!("refused: {error}"),
    }
}

/// The `Debug` output of a value, cut after [`SHOWN`] characters.
pub(crate) fn shown(value: &impl fmt::Debug) -> String {
    let mut cut = Cut::default();
    if write!(cut, "{value:?}").is_err() {
        cut.text.push('…');
    }
    cut.text
}

/// A key or a value in a call: its beginning, and its length if it is longer.
pub(crate) fn given(bytes: &[u8]) -> String {
    const GIVEN: usize = 40;
    let end = bytes.len().min(GIVEN);
    let beginning = String::from_utf8_lossy(&bytes[..end]);
    if end == bytes.len() {
        return format!("{beginning:?}");
    }
    format!(
        "{:?}… of {} bytes",
        beginning.trim_end_matches('\u{fffd}'),
        bytes.len()
    )
}

/// Text that stops growing at [`SHOWN`] characters, so that a value of 16 MiB is not printed first.
#[derive(Default)]
struct Cut {
    text: String,
    characters: usize,
}

impl fmt::Write for Cut {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if self.characters == SHOWN {
                return Err(fmt::Error);
            }
            self.characters += 1;
            self.text.push(character);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_answer_is_cut() {
        let text = shown(&"x".repeat(10_000));
        assert_eq!(text.chars().count(), SHOWN + 1);
        assert!(text.ends_with('…'), "{text}");
        assert_eq!(shown(&Some(1)), "Some(1)");
        assert_eq!(given(b"a\nb"), r#""a\nb""#);
        assert!(given(&[b'k'; 1024]).ends_with("k\"… of 1024 bytes"));
    }

    #[test]
    fn a_failure_shows_its_steps_answer_and_promise() {
        let steps = vec!["get(\"a\") → None".to_owned()];
        let failure = Failure::new("None", "a set is read").after((2, steps));
        let text = "asked     … after 2 earlier steps\n          get(\"a\") → None\n\
                     answered  None\npromised  a set is read";
        assert_eq!(failure.to_string(), text);
    }
}
