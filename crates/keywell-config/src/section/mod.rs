//! The keys of a `keywell.toml`: the reader takes its known keys from these tables, and what is
//! shown of a file, its schema and its page in the documentation are made from them.

mod calls;
mod component;
mod key;
mod limits;
mod link;
mod policy;
mod root;
mod secret;
mod store;
mod trigger;
mod worker;

pub use calls::{INVOKE, WORKER_TRIGGER};
pub use component::COMPONENT;
pub use key::{Key, Kind, Section};
pub use limits::LIMITS;
pub use link::{GRANT, LINK};
pub use policy::POLICY;
pub use root::{ROOT, TRIGGER};
pub use secret::SECRET;
pub use store::STORE;
pub use trigger::{COMMAND, CORS, DEAD_LETTERS, HTTP, TLS, WATCH};
pub use worker::WORKER;
