//! What a `keywell.toml` says, and what is said of one that is wrong.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod file;
mod lacking;
mod links;
mod lookup;
mod mistakes;
mod problems;
mod reading;
mod secrets;

use std::path::Path;

use keywell_config::{ConfigError, Plan};

fn read(text: &str) -> Result<Plan, ConfigError> {
    Plan::from_toml(Path::new("apps/keywell.toml"), text)
}
