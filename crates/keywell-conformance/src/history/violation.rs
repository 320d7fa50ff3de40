use std::fmt;

use super::known::Known;
use super::operation::Operation;

/// A part of a key's history that no order of its operations explains.
#[derive(Clone, Debug)]
pub struct Violation {
    key: String,
    before: Option<Known>,
    operations: Vec<Operation>,
    asked: usize,
}

// === impl Violation ===

impl Violation {
    pub(super) fn new(
        key: &str,
        before: Option<Known>,
        mut operations: Vec<Operation>,
        asked: usize,
    ) -> Self {
        operations.sort_by_key(|operation| operation.invoked);
        Self {
            key: key.to_owned(),
            before,
            operations,
            asked,
        }
    }

    /// The key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The operations, in the order in which they were asked.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }
}

/// A table with a row an operation. Bars show which overlap: one cell for each moment at which some
/// operation was asked or answered.
impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            key,
            before,
            operations,
            asked,
        } = self;
        writeln!(
            f,
            "no order of these operations on {key:?} explains every answer ({} of {asked}):",
            operations.len()
        )?;
        match before {
            None => writeln!(f, "  it was absent")?,
            Some(Known::Absent) => writeln!(f, "  it was absent by then")?,
            Some(Known::Held(value, None)) => writeln!(f, "  it held {value:?}")?,
            Some(Known::Held(value, Some(version))) => {
                writeln!(f, "  it held {value:?} #{version}")?;
            }
        }
        let mut moments: Vec<u64> = operations
            .iter()
            .flat_map(|operation| {
                [
                    Some(operation.invoked),
                    operation.answer().map(|(_, at)| at),
                ]
            })
            .flatten()
            .collect();
        moments.sort_unstable();
        moments.dedup();
        let asked: Vec<String> = operations.iter().map(|o| o.asked.to_string()).collect();
        let width = asked.iter().map(|asked| asked.chars().count()).max();
        for (operation, asked) in operations.iter().zip(asked) {
            let end = operation.answer().map_or(u64::MAX, |(_, at)| at);
            let bar: String = moments
                .iter()
                .map(|moment| match moment {
                    _ if *moment < operation.invoked || *moment > end => ' ',
                    _ if *moment == operation.invoked => '[',
                    _ if *moment == end => ']',
                    _ => '-',
                })
                .collect();
            let open = if end == u64::MAX { '>' } else { ' ' };
            write!(
                f,
                "  {bar}{open} client {:<2} {asked:<1$}  ",
                operation.client,
                width.unwrap_or(0)
            )?;
            match &operation.told {
                Some((told, _)) => writeln!(f, "{told}")?,
                None => writeln!(f, "no answer")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for Violation {}
