mod cursors;
mod entries;
mod many;
mod meanwhile;
mod pages;
mod prefixes;

pub(crate) use cursors::*;
pub(crate) use entries::*;
pub(crate) use many::*;
pub(crate) use meanwhile::*;
pub(crate) use pages::*;
pub(crate) use prefixes::*;

use keywell_store::{Cursor, List};

/// Numbered keys, in the order of their bytes.
fn numbered(prefix: &str, keys: usize) -> Vec<String> {
    (0..keys).map(|n| format!("{prefix}{n:06}")).collect()
}

fn page(prefix: &str, cursor: Option<Cursor>, limit: usize) -> List {
    List {
        prefix: prefix.to_owned(),
        cursor,
        limit,
        ..List::default()
    }
}

fn sorted(mut keys: Vec<String>) -> Vec<String> {
    keys.sort_unstable();
    keys
}
