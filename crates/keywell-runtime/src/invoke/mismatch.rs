use std::fmt;

use wasmtime::component::Type;

use super::signature;

/// A value that is not of its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Where it is within the argument, the innermost step first.
    path: Vec<Step>,
    expected: String,
    came: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    At(usize),
    In(String),
}

// === impl Mismatch ===

impl Mismatch {
    /// The most characters of what came that are shown.
    const SHOWN: usize = 60;

    pub(super) fn new(expected: impl Into<String>, came: &str) -> Self {
        Self {
            path: Vec::new(),
            expected: expected.into(),
            came: shortened(came),
        }
    }

    /// What came is none of the values of a type.
    pub(super) fn of(kind: &Type, came: &str) -> Self {
        Self::new(signature::of_type(kind), came)
    }

    /// The same, in an element of a list or a tuple.
    pub(super) fn at(mut self, index: usize) -> Self {
        self.path.push(Step::At(index));
        self
    }

    /// The same, in a field of a record or in a case.
    pub(super) fn within(mut self, name: &str) -> Self {
        self.path.push(Step::In(name.to_owned()));
        self
    }

    /// Where it is, below what it is in: `.home[2]`; empty, if it is the whole.
    pub fn place(&self) -> String {
        let steps = self.path.iter().rev();
        let steps = steps.map(|step| match step {
            Step::At(index) => format!("[{index}]"),
            Step::In(name) => format!(".{name}"),
        });
        steps.collect()
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { expected, came, .. } = self;
        write!(f, "expected {expected}, not {came}")
    }
}

fn shortened(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(Mismatch::SHOWN) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_begins_at_the_outermost_step_and_what_is_long_is_cut() {
        let mismatch = Mismatch::of(&Type::U8, &"1".repeat(100))
            .at(2)
            .within("home");
        assert_eq!(mismatch.place(), ".home[2]");
        let expected = format!("expected u8, not {}… (100 bytes)", "1".repeat(60));
        assert_eq!(mismatch.to_string(), expected);
    }
}
