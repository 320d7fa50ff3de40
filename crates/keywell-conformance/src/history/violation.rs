use std::fmt;

use super::known::Known;
use super::operation::Operation;
use super::session::Contradiction;

/// A part of a key's history that breaks the promise of its store.
#[derive(Clone, Debug)]
pub struct Violation {
    key: String,
    broken: Broken,
    operations: Vec<Operation>,
    /// How many operations on the key the history has.
    total: usize,
}

/// What is wrong with a part of a history.
#[derive(Clone, Debug)]
enum Broken {
    /// No order of the operations explains every response, starting at this state.
    Order(Option<Known>),
    /// One client's view of the key contradicts itself in this way.
    Session(&'static str),
}

// === impl Violation ===

impl Violation {
    pub(super) fn without_order(
        key: &str,
        before: Option<Known>,
        operations: Vec<Operation>,
        total: usize,
    ) -> Self {
        Self::new(key, Broken::Order(before), operations, total)
    }

    pub(super) fn in_a_session(key: &str, found: Contradiction, total: usize) -> Self {
        let broken = Broken::Session(found.what);
        Self::new(key, broken, found.operations, total)
    }

    fn new(key: &str, broken: Broken, mut operations: Vec<Operation>, total: usize) -> Self {
        operations.sort_by_key(|operation| operation.invoked);
        Self {
            key: key.to_owned(),
            broken,
            operations,
            total,
        }
    }

    /// The key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The operations, in the order of their requests.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }
}

/// A table with one row per operation. Bars show which operations overlap: one cell for each time
/// of a request or a response.
impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            key,
            broken,
            operations,
            total,
        } = self;
        let shown = operations.len();
        let before = match broken {
            Broken::Order(before) => {
                let what = "explains every response";
                writeln!(
                    f,
                    "no order of these operations on {key:?} {what} ({shown} of {total}):"
                )?;
                before
            }
            Broken::Session(what) => {
                let client = operations.last().map_or(0, |last| last.client);
                writeln!(
                    f,
                    "client {client} {what} of {key:?} ({shown} of {total} operations):"
                )?;
                return self.rows(f);
            }
        };
        match before {
            None => writeln!(f, "  the key was absent")?,
            Some(Known::Absent) => writeln!(f, "  the key was absent by then")?,
            Some(Known::Held(value, None)) => writeln!(f, "  the key held {value:?}")?,
            Some(Known::Held(value, Some(version))) => {
                writeln!(f, "  the key held {value:?} #{version}")?;
            }
        }
        self.rows(f)
    }
}

impl Violation {
    /// One row per operation.
    fn rows(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operations = &self.operations;
        let mut moments: Vec<u64> = operations
            .iter()
            .flat_map(|operation| {
                [
                    Some(operation.invoked),
                    operation.outcome().map(|(_, at)| at),
                ]
            })
            .flatten()
            .collect();
        moments.sort_unstable();
        moments.dedup();
        let requests: Vec<String> = operations.iter().map(|o| o.request.to_string()).collect();
        let width = requests.iter().map(|request| request.chars().count()).max();
        for (operation, request) in operations.iter().zip(requests) {
            let end = operation.outcome().map_or(u64::MAX, |(_, at)| at);
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
                "  {bar}{open} client {:<2} {request:<1$}  ",
                operation.client,
                width.unwrap_or(0)
            )?;
            match &operation.response {
                Some((response, _)) => writeln!(f, "{response}")?,
                None => writeln!(f, "no response")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for Violation {}
