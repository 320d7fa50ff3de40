//! Arguments and results in WAVE, the notation of values of the component model.

mod read;
#[cfg(test)]
mod tests;
mod write;

pub use self::read::{MAX_BYTES, arguments};
pub use self::write::to_text;
