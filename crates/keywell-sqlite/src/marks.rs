use rusqlite::Connection;

use crate::history::History;

/// The row of the table `keywell`.
#[derive(Clone, Debug)]
pub(crate) struct Marks {
    /// The version of the last write.
    pub(crate) sequence: i64,
    pub(crate) changes: Extent,
    /// Of the changes of reserved buckets.
    pub(crate) reserved: Extent,
}

/// How much of the changes is kept in a table.
#[derive(Clone, Debug)]
pub(crate) struct Extent {
    pub(crate) events: i64,
    pub(crate) bytes: i64,
    /// The last version that the table has lost, or never had.
    pub(crate) floor: i64,
}

// === impl Marks ===

impl Marks {
    pub(crate) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mut select = connection.prepare_cached(
            "SELECT sequence, events, bytes, floor, reserved_events, reserved_bytes, reserved_floor \
             FROM keywell",
        )?;
        select.query_row([], |row| {
            Ok(Self {
                sequence: row.get(0)?,
                changes: Extent {
                    events: row.get(1)?,
                    bytes: row.get(2)?,
                    floor: row.get(3)?,
                },
                reserved: Extent {
                    events: row.get(4)?,
                    bytes: row.get(5)?,
                    floor: row.get(6)?,
                },
            })
        })
    }

    pub(crate) fn save(&self, connection: &Connection) -> rusqlite::Result<()> {
        let Self {
            sequence,
            changes,
            reserved,
        } = self;
        let mut update = connection.prepare_cached(
            "UPDATE keywell SET sequence = ?1, events = ?2, bytes = ?3, floor = ?4, \
             reserved_events = ?5, reserved_bytes = ?6, reserved_floor = ?7",
        )?;
        update.execute([
            *sequence,
            changes.events,
            changes.bytes,
            changes.floor,
            reserved.events,
            reserved.bytes,
            reserved.floor,
        ])?;
        Ok(())
    }
}

// === impl Extent ===

impl Extent {
    pub(crate) fn is_within(&self, history: History) -> bool {
        let within = |have: i64, most: u64| u64::try_from(have).unwrap_or(0) <= most;
        within(self.events, history.events) && within(self.bytes, history.bytes)
    }
}
