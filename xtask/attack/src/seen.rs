use std::fmt;
use std::time::Duration;

/// What an attack saw.
#[derive(Clone, Debug)]
#[must_use]
pub struct Seen {
    /// What may be at most, with its unit.
    pub bound: String,
    /// What was seen, with its unit.
    pub seen: String,
    /// Whether that is within the bound.
    pub held: bool,
    /// All that was not as it should be, where there is more than a figure.
    pub faults: Vec<String>,
}

// === impl Seen ===

impl Seen {
    /// Bytes of memory beside what was in use before the attack.
    pub(crate) fn memory(bound: u64, seen: u64) -> Self {
        Self {
            bound: format!("{} more", bytes(bound)),
            seen: format!("{} more", bytes(seen)),
            held: seen <= bound,
            faults: Vec::new(),
        }
    }

    /// How long something took; none where it did not end while it was waited for.
    pub(crate) fn time(what: &str, bound: Duration, seen: Option<Duration>) -> Self {
        Self {
            bound: format!("{what} within {bound:?}"),
            seen: seen.map_or("never".to_owned(), |seen| {
                format!("{:.3} s", seen.as_secs_f64())
            }),
            held: seen.is_some_and(|seen| seen <= bound),
            faults: Vec::new(),
        }
    }

    /// What was not as it should be, which is to be nothing.
    pub(crate) fn faults(bound: &str, tried: usize, faults: &[String]) -> Self {
        let seen = match faults {
            [] => format!("{tried} of {tried}"),
            [first, ..] => format!("{} of {tried}; {first}", tried.saturating_sub(faults.len())),
        };
        Self {
            bound: bound.to_owned(),
            seen,
            held: faults.is_empty(),
            faults: faults.to_vec(),
        }
    }

    /// The same, said of something else than the program.
    pub(crate) fn of(self, what: &str) -> Self {
        Self {
            bound: format!("{what} {}", self.bound),
            seen: format!("{what} {}", self.seen),
            ..self
        }
    }

    /// Both, as one line.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            bound: format!("{}, {}", self.bound, other.bound),
            seen: format!("{}, {}", self.seen, other.seen),
            held: self.held && other.held,
            faults: [self.faults, other.faults].concat(),
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bound: {}; seen: {}", self.bound, self.seen)?;
        self.faults
            .iter()
            .try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures are for people")]
fn bytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
