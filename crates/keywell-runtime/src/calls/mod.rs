//! Calls from one component to another, whose export answers an import.
//!
//! Each call has an instance of the callee, with the callee's own grants, configuration and limits,
//! in a Wasmtime store of its own. What passes between the two is values: an interface with
//! resources, streams or futures is refused when the caller is made ready, and so is one whose
//! functions differ.
//!
//! 1. A callee needs no place in the room: it counts within the place of the call that a trigger
//!    made. The pool has [`Options::chain`](crate::Options::chain) instances for each place, and no
//!    call has more at once, so a callee waits for nothing that its caller holds.
//! 2. Callees are made before their callers, so that calls never lead in a circle.
//! 3. A callee runs within the poll of its caller. It ends when the caller does, takes turns as
//!    other guests do, and its writes count as those of the delivery that led to them.
//! 4. It has as long as its own timeout allows, and no longer than its caller has left.
//! 5. The values count in the budgets of both while the callee runs.

mod callee;
mod import;
mod signature;
pub(crate) mod weight;

pub use callee::Callee;
pub use import::Import;
pub(crate) use import::{answers, check, link};
pub(crate) use signature::held_in;
