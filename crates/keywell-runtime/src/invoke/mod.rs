//! Calls of any function that a component exports, in an interface or not.
//!
//! [`Functions`] has what a component exports, and finds a function by a name that a person writes.
//! [`Written`] splits a call, `NAME(ARGUMENTS)`. Arguments and results are values of Wasmtime, read
//! and written as WAVE ([`wave`]) or as JSON ([`json`]). An [`Invoker`] calls: each time in an
//! instance of its own, or in a [`Session`], which keeps its instance.
//!
//! 1. A malformed call is a [`CallError`], found before there is an instance. A call that fails is
//!    an [`InvokeError`].
//! 2. A function that takes or returns a resource, a stream or a future is listed and refused: such
//!    a handle means nothing outside its instance.
//! 3. Values are bounded: those that come by the length of their text and its depth, those that a
//!    component returns by the bytes that the host may hold for an instance.

mod call;
mod error;
mod exports;
#[cfg(test)]
mod fixture;
mod function;
mod invoker;
pub mod json;
mod mismatch;
mod name;
mod offered;
pub mod schema;
mod signature;
pub mod wave;

pub use wasmtime::component::{Type, Val};

pub use self::call::Written;
pub use self::error::CallError;
pub use self::exports::Functions;
pub use self::function::{Function, Parameter};
pub use self::invoker::{InvokeError, Invoker, Session};
pub(crate) use self::invoker::{TooLarge, call_in, reason};
pub use self::mismatch::Mismatch;
pub use self::offered::{NotOffered, offered, path};
pub use self::signature::of_type;
