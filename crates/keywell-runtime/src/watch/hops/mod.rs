//! Which write caused which event: what stops a component that triggers itself for ever.

pub(crate) mod layer;
pub(crate) mod ledger;

pub(crate) use ledger::Causes;
