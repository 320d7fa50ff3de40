//! Which write caused which event: what stops a component that triggers itself for ever.
//!
//! An event is never counted with fewer hops than led to it, as far as its writes went through the
//! layer of this process within the last five minutes.

mod layer;
mod ledger;

pub(crate) use layer::layer;
pub(crate) use ledger::{Causes, Chain, Place, poll};
