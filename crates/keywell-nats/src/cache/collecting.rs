//! Operations on lists and sets, by the copy of this process.

use keywell_store::{Capabilities, Collect, Collected, Result, ValueBytes};

use super::node::Node;
use super::replica::collections;

/// Does an operation whose keys are those of the cache.
pub(super) fn collect(
    node: &Node,
    declared: &Capabilities,
    operation: Collect,
) -> Result<Collected> {
    if let Some(text) = operation.text() {
        declared.limits().check_value(text.len())?;
    }
    let count = |count: usize| Collected::Count(count as u64);
    match operation {
        Collect::Push { key, item } => {
            let length = node.write(|replica, now| collections::push(replica, &key, &item, now));
            length.map(count)
        }
        Collect::DeleteItem { key, item } => {
            let deleted = node.write(|replica, _| collections::delete_item(replica, &key, &item));
            deleted.map(count)
        }
        Collect::Clear { key } => {
            let cleared = node.write(|replica, _| collections::clear(replica, &key));
            cleared.map(count)
        }
        Collect::Add { key, member } => {
            let added = node.write(|replica, now| collections::add(replica, &key, &member, now));
            added.map(Collected::Changed)
        }
        Collect::Remove { key, member } => {
            let removed = node.write(|replica, _| collections::remove(replica, &key, &member));
            removed.map(Collected::Changed)
        }
        Collect::Range {
            key,
            start,
            stop,
            max,
        } => {
            let hold = holding(max);
            let items = node.read(|replica| collections::range(replica, &key, (start, stop), hold));
            items.map(Collected::Texts)
        }
        Collect::Members { keys, of, max } => {
            let hold = holding(max);
            let members = node.read(|replica| collections::members(replica, &keys, of, hold));
            members.map(Collected::Texts)
        }
    }
}

/// Counts texts against what the caller can hold.
fn holding(max: usize) -> impl FnMut(&str) -> Result<()> {
    let mut bytes = ValueBytes::new(max);
    move |text| bytes.add(Collect::bytes_of(text))
}
