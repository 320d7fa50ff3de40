//! Events that could not be delivered.

pub(crate) mod letter;
pub(crate) mod letters;

pub use letter::{DeadLetter, Operation};
pub use letters::{DeadLetters, LetterPage};
