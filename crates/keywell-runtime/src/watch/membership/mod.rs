//! The processes that share a trigger's events.

pub(crate) mod group;
pub(crate) mod lock_file;
pub(crate) mod record;
