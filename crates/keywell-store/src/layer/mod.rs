//! What wraps a bucket, and is the same for every store.

mod granted;
mod limited;

pub use granted::{Grant, Granted};
pub use limited::Limited;

pub use crate::limits::Limits;
