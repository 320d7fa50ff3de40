//! The state folder of a user: named configuration as plain files, and secrets encrypted at rest.
//!
//! ```
//! use keywell_state::{ConfigSet, Name, State};
//!
//! # let folder = tempfile::tempdir()?;
//! let state = State::new(folder.path().join("keywell"));
//!
//! let name: Name = "redis".parse()?;
//! let set: ConfigSet = [("url", "redis://127.0.0.1:6379")].into_iter().collect();
//! state.config_sets().put(&name, &set)?;
//! assert_eq!(state.config_sets().get(&name)?, Some(set));
//!
//! let name: Name = "redis-password".parse()?;
//! let secrets = state.secrets(None);
//! secrets.put(&name, b"hunter2")?;
//! assert_eq!(secrets.get(&name)?.unwrap().expose(), "hunter2");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The files
//!
//! | File | |
//! |---|---|
//! | `config/NAME.toml` | a configuration set: a table of texts |
//! | `secrets/NAME.age` | a secret: a file that `age` and `rage` read too |
//! | `secrets.key` | the key of the secrets: an `age` identity, mode 0600 |
//!
//! Everything is made for this user alone, and appears whole. Nothing is locked: of two processes
//! that write one name at the same time, one wins. A folder or file that others may write to is
//! refused, and a key that others may read.
//!
//! The feature `age`, on by default, has the encryption. Without it there are no secrets: each one
//! that is asked for is a [`KeyError`].
//!
//! # What it does not do
//!
//! It does not hide secrets from this user, who has the key, or from root. It does not bind a file to
//! its name: who may write to the folder can exchange two secrets. The folder is opened at each call,
//! and reading makes nothing.

#![forbid(unsafe_code)]

mod config_set;
mod config_sets;
mod error;
mod files;
mod home;
#[cfg(feature = "age")]
mod key;
#[cfg(not(feature = "age"))]
#[path = "no_key.rs"]
mod key;
mod key_file;
mod name;
// Without `age` no key exists, so nothing after it is reached.
#[cfg_attr(not(feature = "age"), allow(unused_assignments))]
mod secrets;
mod state;

pub use config_set::{ConfigSet, ConfigSetError};
pub use config_sets::ConfigSets;
pub use error::Error;
pub use key::{Key, KeyError};
pub use name::{Name, NameError};
pub use secrets::Secrets;
pub use state::State;
