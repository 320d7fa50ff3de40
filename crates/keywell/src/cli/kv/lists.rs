//! The subcommands on lists.

use std::process::ExitCode;

use clap::Args;

use super::format::Format;
use super::target::key;
use super::{Sink, Stop, Target};
use crate::cli::number::whole;

/// Append an item to a list, and print the length of the list.
///
/// A key that is not there is an empty list. Of the stores, `nats-cache:` has lists.
#[derive(Args)]
#[command(after_help = "Example:\n  keywell kv push jobs resize/42 --store nats-cache://localhost")]
pub(super) struct Push {
    /// The key of the list.
    #[arg(value_name = "KEY", value_parser = key)]
    key: String,

    /// The item.
    #[arg(value_name = "ITEM", allow_negative_numbers = true)]
    item: String,
}

/// Print the items of a list, one a line.
///
/// Positions start at 0, and both are included. A negative one counts from the end: -1 is the last.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    keywell kv range jobs --store nats-cache://localhost\n  \
    keywell kv range jobs -10 --store nats-cache://localhost\n  \
    keywell kv range jobs 0 9 --store nats-cache://localhost")]
pub(super) struct Range {
    /// The key of the list.
    #[arg(value_name = "KEY", value_parser = key)]
    key: String,

    /// The first position.
    #[arg(
        value_name = "START",
        default_value_t = 0,
        value_parser = whole::<i64>(i128::from(i64::MIN)..=i128::from(i64::MAX)),
        allow_negative_numbers = true
    )]
    start: i64,

    /// The last position.
    #[arg(
        value_name = "STOP",
        default_value_t = -1,
        value_parser = whole::<i64>(i128::from(i64::MIN)..=i128::from(i64::MAX)),
        allow_negative_numbers = true
    )]
    stop: i64,

    #[command(flatten)]
    format: Format,
}

/// Delete all items of a list that equal a text, and print how many there were.
#[derive(Args)]
#[command(
    after_help = "Example:\n  keywell kv item-delete jobs resize/42 --store nats-cache://localhost"
)]
pub(super) struct ItemDelete {
    /// The key of the list.
    #[arg(value_name = "KEY", value_parser = key)]
    key: String,

    /// The text.
    #[arg(value_name = "ITEM", allow_negative_numbers = true)]
    item: String,
}

/// Delete a list or a set with all that is in it, and print how many texts it had.
#[derive(Args)]
#[command(after_help = "Example:\n  keywell kv clear jobs --store nats-cache://localhost")]
pub(super) struct Clear {
    /// The key of the list or set.
    #[arg(value_name = "KEY", value_parser = key)]
    key: String,
}

// === impl Push ===

impl Push {
    pub(super) async fn run(self, target: &Target, out: &mut Sink<'_>) -> Result<ExitCode, Stop> {
        let pushed = target.bucket.push(&self.key, &self.item).await;
        let length = pushed.map_err(target.cannot("push to", &self.key))?;
        out.put(format!("{length}\n").as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }
}

// === impl Range ===

impl Range {
    pub(super) async fn run(self, target: &Target, out: &mut Sink<'_>) -> Result<ExitCode, Stop> {
        let items = target.bucket.range(&self.key, self.start, self.stop).await;
        for item in items.map_err(target.cannot("read the list of", &self.key))? {
            self.format.print(&item, out)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

// === impl ItemDelete ===

impl ItemDelete {
    pub(super) async fn run(self, target: &Target, out: &mut Sink<'_>) -> Result<ExitCode, Stop> {
        let deleted = target.bucket.delete_item(&self.key, &self.item).await;
        let deleted = deleted.map_err(target.cannot("delete from the list of", &self.key))?;
        out.put(format!("{deleted}\n").as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }
}

// === impl Clear ===

impl Clear {
    pub(super) async fn run(self, target: &Target, out: &mut Sink<'_>) -> Result<ExitCode, Stop> {
        let cleared = target.bucket.clear(&self.key).await;
        let texts = cleared.map_err(target.cannot("clear", &self.key))?;
        out.put(format!("{texts}\n").as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }
}
