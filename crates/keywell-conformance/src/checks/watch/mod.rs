mod events;
mod filters;
mod listener;
mod many;
mod resume;

pub(crate) use events::*;
pub(crate) use filters::*;
pub(crate) use many::*;
pub(crate) use resume::*;

pub(super) use self::listener::Listener;
