//! The stores on NATS: reads from memory, `JetStream`, and copies of the cache that become equal.

mod bounded;
mod converging;
mod copy;
mod jetstream;
mod reads;
mod repair;
mod traffic;

use keywell_servers::program;

use crate::Done;
use crate::effort::Effort;
use crate::group::Group;
use crate::row::Row;

type Measure = fn(&Effort) -> Done<Vec<Row>>;

const PARTS: [(&str, Measure); 4] = [
    ("reads from memory", reads::rows),
    ("JetStream", jetstream::rows),
    ("copies that become equal", converging::rows),
    ("repair", repair::rows),
];

#[expect(
    clippy::unnecessary_wraps,
    reason = "other groups fail, where this one notes what it cannot measure"
)]
pub(crate) fn group(effort: &Effort) -> Done<Group> {
    let mut group = Group::new("nats", "NATS");
    if let Err(missing) = program::nats() {
        group.miss(&missing.to_string());
        return Ok(group);
    }
    for (what, measure) in PARTS {
        eprintln!("  {what} ...");
        match measure(effort) {
            Ok(rows) => group.rows.extend(rows),
            Err(error) => group.miss(&format!("{what}: {error}")),
        }
    }
    Ok(group)
}
