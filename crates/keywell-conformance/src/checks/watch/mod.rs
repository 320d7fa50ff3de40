mod events;
mod filters;
mod listener;
mod many;
mod resume;

pub(crate) use events::*;
pub(crate) use filters::*;
pub(crate) use many::*;
pub(crate) use resume::*;

use keywell_store::Event;

pub(super) use self::listener::Listener;

/// An event as short text: `key=value`, `-key` for deleted, `~key` for expired.
fn tell(event: &Event) -> String {
    match event {
        Event::Set { key, value, .. } => format!("{key}={}", String::from_utf8_lossy(value)),
        Event::Delete { key, expired, .. } => {
            format!("{}{key}", if *expired { '~' } else { '-' })
        }
        other => format!("{other:?}"),
    }
}
