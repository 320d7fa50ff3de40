//! The subcommands on sets.

use std::process::ExitCode;

use clap::Args;

use super::format::Format;
use super::target::key;
use super::{Sink, Stop, Target};

/// Add a member to a set, and print whether it is new to it.
///
/// A key that is not there is an empty set. Of the stores, `nats-cache:` has sets.
#[derive(Args)]
#[command(after_help = "Example:\n  keywell kv set-add online ann --store nats-cache://localhost")]
pub(super) struct SetAdd {
    /// The key of the set.
    #[arg(value_name = "KEY", value_parser = key)]
    key: String,

    /// The member.
    #[arg(value_name = "MEMBER", allow_negative_numbers = true)]
    member: String,
}

/// Remove a member from a set, and print whether it was there.
#[derive(Args)]
#[command(
    after_help = "Example:\n  keywell kv set-remove online ann --store nats-cache://localhost"
)]
pub(super) struct SetRemove {
    /// The key of the set.
    #[arg(value_name = "KEY", value_parser = key)]
    key: String,

    /// The member.
    #[arg(value_name = "MEMBER", allow_negative_numbers = true)]
    member: String,
}

/// Print the members of a set, one a line, in the order of their bytes.
#[derive(Args)]
#[command(after_help = "Example:\n  keywell kv set-query online --store nats-cache://localhost")]
pub(super) struct SetQuery {
    /// The key of the set.
    #[arg(value_name = "KEY", value_parser = key)]
    key: String,

    #[command(flatten)]
    format: Format,
}

/// Print the members that are in one of several sets, one a line, in the order of their bytes.
#[derive(Args)]
#[command(
    after_help = "Example:\n  keywell kv set-union online away --store nats-cache://localhost"
)]
pub(super) struct SetUnion {
    /// The keys of the sets.
    #[arg(value_name = "KEY", value_parser = key, required = true)]
    keys: Vec<String>,

    #[command(flatten)]
    format: Format,
}

/// Print the members that are in each of several sets, one a line, in the order of their bytes.
#[derive(Args)]
#[command(
    after_help = "Example:\n  keywell kv set-intersection online paid --store nats-cache://localhost"
)]
pub(super) struct SetIntersection {
    /// The keys of the sets.
    #[arg(value_name = "KEY", value_parser = key, required = true)]
    keys: Vec<String>,

    #[command(flatten)]
    format: Format,
}

// === impl SetAdd ===

impl SetAdd {
    pub(super) async fn run(self, target: &Target, out: &mut Sink<'_>) -> Result<ExitCode, Stop> {
        let added = target.bucket.set_add(&self.key, &self.member).await;
        let is_new = added.map_err(target.cannot("add to the set of", &self.key))?;
        out.put(format!("{is_new}\n").as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }
}

// === impl SetRemove ===

impl SetRemove {
    pub(super) async fn run(self, target: &Target, out: &mut Sink<'_>) -> Result<ExitCode, Stop> {
        let removed = target.bucket.set_remove(&self.key, &self.member).await;
        let was_there = removed.map_err(target.cannot("remove from the set of", &self.key))?;
        out.put(format!("{was_there}\n").as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }
}

// === impl SetQuery ===

impl SetQuery {
    pub(super) async fn run(self, target: &Target, out: &mut Sink<'_>) -> Result<ExitCode, Stop> {
        let members = target.bucket.set_query(&self.key).await;
        for member in members.map_err(target.cannot("read the set of", &self.key))? {
            self.format.print(&member, out)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

// === impl SetUnion ===

impl SetUnion {
    pub(super) async fn run(self, target: &Target, out: &mut Sink<'_>) -> Result<ExitCode, Stop> {
        let keys: Vec<&str> = self.keys.iter().map(String::as_str).collect();
        let members = target.bucket.set_union(&keys).await;
        let members = members.map_err(target.cannot("read the sets from", keys[0]))?;
        for member in members {
            self.format.print(&member, out)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

// === impl SetIntersection ===

impl SetIntersection {
    pub(super) async fn run(self, target: &Target, out: &mut Sink<'_>) -> Result<ExitCode, Stop> {
        let keys: Vec<&str> = self.keys.iter().map(String::as_str).collect();
        let members = target.bucket.set_intersection(&keys).await;
        let members = members.map_err(target.cannot("read the sets from", keys[0]))?;
        for member in members {
            self.format.print(&member, out)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
