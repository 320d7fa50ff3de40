use keywell_store::{Cursor, Error, Invalid, Result, ResumeToken};

/// How far a watch has read: all that was visible in a snapshot and, of what became visible from
/// there to a later one, all up to a version.
///
/// Transactions commit in another order than that of their versions, so no version says that
/// everything before it is there. A snapshot does (`pg_snapshot`). Within two of them, the order of
/// versions is that of the writes of each key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) from: Snapshot,
    /// The later snapshot, while what lies between is being read.
    pub(crate) to: Option<Snapshot>,
    pub(crate) offset: i64,
}

/// Which transactions were visible at an instant: those of earlier epochs, and of this one those that
/// `pg_snapshot` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) epoch: i64,
    pub(crate) text: String,
}

// === impl Snapshot ===

impl Snapshot {
    /// `EPOCH@XMIN:XMAX:XIP,XIP`; `None` if it is not of this form.
    fn parse(text: &str) -> Option<Self> {
        let (epoch, text) = text.split_once('@')?;
        let snapshot = Self {
            epoch: epoch.parse().ok()?,
            text: text.to_owned(),
        };
        let (first, end) = snapshot.bounds()?;
        let open = text.splitn(3, ':').nth(2)?;
        let open = open.split(',').filter(|_| !open.is_empty());
        let open: Vec<u64> = open.map(str::parse).collect::<Result<_, _>>().ok()?;
        let is_valid = first > 0
            && first <= end
            && open.is_sorted()
            && open.iter().all(|open| (first..end).contains(open));
        is_valid.then_some(snapshot)
    }

    /// The first transaction that was not visible, and the first number that was not assigned yet.
    fn bounds(&self) -> Option<(u64, u64)> {
        let mut parts = self.text.split(':');
        let (first, end) = (parts.next()?, parts.next()?);
        Some((first.parse().ok()?, end.parse().ok()?))
    }

    /// Whether at least so many transactions became visible from this to a later one.
    fn is_behind(&self, later: &Self, transactions: u64) -> bool {
        let (first, end) = self.bounds().unwrap_or_default();
        let (later_first, later_end) = later.bounds().unwrap_or_default();
        self.epoch != later.epoch
            || later_first.saturating_sub(first) >= transactions
            || later_end.saturating_sub(end) >= transactions
    }
}

impl std::fmt::Display for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.epoch, self.text)
    }
}

// === impl Position ===

impl Position {
    /// Behind everything that is visible in a snapshot.
    pub(crate) fn at(snapshot: Snapshot) -> Self {
        Self {
            from: snapshot,
            to: None,
            offset: 0,
        }
    }

    /// Behind a version of what lies between this position and a later snapshot.
    pub(crate) fn within(&self, to: &Snapshot, offset: i64) -> Self {
        Self {
            from: self.from.clone(),
            to: Some(to.clone()),
            offset,
        }
    }

    /// Whether at least so many transactions became visible from this to a later one.
    pub(crate) fn is_behind(&self, later: &Self, transactions: u64) -> bool {
        let last = |position: &Self| position.to.clone().unwrap_or_else(|| position.from.clone());
        last(self).is_behind(&last(later), transactions)
    }

    /// The token of a position. It is sealed like a cursor: both have a checksum over their scope.
    pub(crate) fn token(&self, scope: &str) -> ResumeToken {
        let to = self.to.as_ref().map(Snapshot::to_string);
        let text = format!("{}/{}/{}", self.from, to.unwrap_or_default(), self.offset);
        ResumeToken::from(String::from(Cursor::seal(scope, "", text.as_bytes())))
    }

    pub(crate) fn parse(token: &ResumeToken, scope: &str) -> Result<Self> {
        let parse = || {
            let cursor = Cursor::from(token.as_str().to_owned());
            let text = String::from_utf8(cursor.position(scope, "").ok()?).ok()?;
            let mut parts = text.splitn(3, '/');
            let (from, to) = (parts.next()?, parts.next()?);
            Some(Self {
                from: Snapshot::parse(from)?,
                to: match to {
                    "" => None,
                    to => Some(Snapshot::parse(to)?),
                },
                offset: parts.next()?.parse().ok()?,
            })
        };
        parse().ok_or(Error::Invalid(Invalid::Token))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(text: &str) -> Snapshot {
        Snapshot::parse(text).unwrap()
    }

    #[test]
    fn a_position_reads_back_from_its_token_in_its_own_scope() {
        let at = Position::at(snapshot("3@10:20:10,14"));
        let within = at.within(&snapshot("4@20:31:"), 7);
        for position in [at, within] {
            let token = position.token("scope");
            assert_eq!(Position::parse(&token, "scope").unwrap(), position);
            assert!(Position::parse(&token, "other").is_err());
        }
    }

    #[test]
    fn what_the_server_would_not_read_is_no_snapshot() {
        for text in [
            "",
            "1:1:",
            "1@",
            "1@1:2",
            "x@1:2:",
            "1@2:1:",
            "1@0:1:",
            "1@1:9:3,2",
            "1@1:9:9",
            "1@1:9:x",
        ] {
            assert_eq!(Snapshot::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_position_is_behind_by_what_ended_and_by_what_began() {
        let at = Position::at(snapshot("1@10:20:10,14"));
        let is_behind = |later: &str| at.is_behind(&Position::at(snapshot(later)), 5);
        assert!(!is_behind("1@10:24:10,14"));
        assert!(is_behind("1@10:25:10,14"));
        assert!(!is_behind("1@14:20:14"));
        assert!(is_behind("1@15:20:"));
        assert!(is_behind("2@10:20:"));
    }
}
