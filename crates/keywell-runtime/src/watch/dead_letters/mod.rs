//! Events that could not be delivered: what is kept of them, and where.
//!
//! A letter stays until it is removed or was delivered. Its JSON is a stored format: what an earlier
//! release wrote is read.

mod letter;
mod letters;

pub use letter::DeadLetter;
pub use letters::{DeadLetters, LetterPage};
