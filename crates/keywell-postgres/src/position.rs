use keywell_store::{Cursor, Error, Invalid, Result, ResumeToken};

/// How far a watch has read: all that was visible in a snapshot and, of what became visible from
/// there to a later one, all up to a version.
///
/// Transactions commit in another order than that of their versions, so no version says that
/// everything before it is there. A snapshot does (`pg_snapshot`). Within two of them, the order of
/// versions is that of the writes of each key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) from: String,
    /// The later snapshot, while what lies between is being read.
    pub(crate) to: Option<String>,
    pub(crate) offset: i64,
}

// === impl Position ===

impl Position {
    /// Behind everything that is visible in a snapshot.
    pub(crate) fn at(snapshot: String) -> Self {
        Self {
            from: snapshot,
            to: None,
            offset: 0,
        }
    }

    /// Behind a version of what lies between this position and a later snapshot.
    pub(crate) fn within(&self, to: &str, offset: i64) -> Self {
        Self {
            from: self.from.clone(),
            to: Some(to.to_owned()),
            offset,
        }
    }

    /// The token of a position. It is sealed like a cursor: both have a checksum over their scope.
    pub(crate) fn token(&self, scope: &str) -> ResumeToken {
        let to = self.to.as_deref().unwrap_or_default();
        let text = format!("{}/{to}/{}", self.from, self.offset);
        ResumeToken::from(String::from(Cursor::seal(scope, "", text.as_bytes())))
    }

    pub(crate) fn parse(token: &ResumeToken, scope: &str) -> Result<Self> {
        let parse = || {
            let cursor = Cursor::from(token.as_str().to_owned());
            let text = String::from_utf8(cursor.position(scope, "").ok()?).ok()?;
            let mut parts = text.splitn(3, '/');
            let (from, to) = (parts.next()?.to_owned(), parts.next()?.to_owned());
            let offset = parts.next()?.parse().ok()?;
            Some(Self {
                from,
                to: Some(to).filter(|to| !to.is_empty()),
                offset,
            })
        };
        parse().ok_or(Error::Invalid(Invalid::Token))
    }

    /// The first transaction number that was not assigned yet in the last snapshot of it.
    pub(crate) fn end(&self) -> u64 {
        let last = self.to.as_ref().unwrap_or(&self.from);
        let end = last.split(':').nth(1);
        end.and_then(|end| end.parse().ok()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_reads_back_from_its_token_in_its_own_scope() {
        let at = Position::at("10:20:10,14".to_owned());
        let within = at.within("20:31:", 7);
        for position in [at, within] {
            let token = position.token("scope");
            assert_eq!(Position::parse(&token, "scope").unwrap(), position);
            assert!(Position::parse(&token, "other").is_err());
        }
    }

    #[test]
    fn the_end_is_that_of_the_last_snapshot() {
        let at = Position::at("10:20:10,14".to_owned());
        assert_eq!(at.end(), 20);
        assert_eq!(at.within("20:31:", 7).end(), 31);
    }
}
