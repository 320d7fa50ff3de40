//! The resources of the generations whose values are resources: `outgoing-value`, `incoming-value`
//! and `error`.
//!
//! - A value is charged to the instance's [`Budget`](crate::Budget) from its first byte until its
//!   resource and every stream of it are dropped, or its bytes are consumed.
//! - Where there is no room for another handle, an error or a new outgoing value is still answered:
//!   its representation is one of a few that have no entry, so that a guest meets an error and no
//!   trap.

mod incoming;
mod outgoing;
mod slabs;
mod trace;

pub(crate) use incoming::{IncomingHandle, IncomingValue, no_stream};
pub(crate) use outgoing::{OutgoingHandle, OutgoingValue};
pub(crate) use slabs::Values;
pub(crate) use trace::{ErrorHandle, Trace};
