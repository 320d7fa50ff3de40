use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use keywell_store::{Expires, Set};

/// A key and its value, as in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// The value.
    pub value: Bytes,
    /// When it expires, if it does.
    pub expiry: Option<Expiry>,
    /// Its line, from 1.
    pub line: u64,
}

/// When an entry expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// At this time, in seconds since 1970 (UTC): `expiration`.
    At(u64),
    /// This long after it is written: `expiration_ttl`.
    After(Duration),
}

// === impl Expiry ===

impl Expiry {
    /// The time to live of an entry that is written now; `None` if it has expired.
    pub fn ttl(self, now: SystemTime) -> Option<Duration> {
        match self {
            Self::After(ttl) => Some(ttl),
            Self::At(seconds) => {
                let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
                let left = Duration::from_secs(seconds).checked_sub(now)?;
                // Stores refuse shorter times to live.
                (left >= Duration::from_millis(1)).then_some(left)
            }
        }
    }

    /// The time at which an entry expires that was read at `read`, in seconds since 1970 (UTC),
    /// rounded up; `None` for one that does not.
    pub(crate) fn at(expires: Expires, read: SystemTime) -> Option<i64> {
        let Expires::In(left) = expires else {
            return None;
        };
        let read = read.duration_since(UNIX_EPOCH).unwrap_or_default();
        let at = read.saturating_add(left);
        let seconds = at.as_secs() + u64::from(at.subsec_nanos() > 0);
        Some(i64::try_from(seconds).unwrap_or(i64::MAX))
    }

    /// Checks that stores accept the time to live; the error is a sentence.
    pub(crate) fn check(self, now: SystemTime) -> Result<(), String> {
        let Some(ttl) = self.ttl(now) else {
            return Ok(());
        };
        Set::expiring(ttl).map(drop).map_err(|error| match self {
            Self::After(_) => format!("expiration_ttl, in seconds: {error}"),
            Self::At(_) => format!("expiration, in seconds after 1970 began: {error}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_counted_from_now() {
        let now = UNIX_EPOCH + Duration::from_millis(99_500);
        let ttl = |expiry: Expiry| expiry.ttl(now);
        assert_eq!(ttl(Expiry::At(100)), Some(Duration::from_millis(500)));
        assert_eq!(ttl(Expiry::At(99)), None);
        assert_eq!(ttl(Expiry::At(0)), None);
        let minute = Duration::from_mins(1);
        assert_eq!(ttl(Expiry::After(minute)), Some(minute));
        let last = UNIX_EPOCH + Duration::from_micros(99_999_500);
        assert_eq!(Expiry::At(100).ttl(last), None);
    }

    #[test]
    fn a_time_is_rounded_up_to_a_second() {
        let read = UNIX_EPOCH + Duration::from_millis(99_500);
        let at = |millis| Expiry::at(Expires::In(Duration::from_millis(millis)), read);
        assert_eq!(at(0), Some(100));
        assert_eq!(at(500), Some(100));
        assert_eq!(at(501), Some(101));
        assert_eq!(Expiry::at(Expires::Never, read), None);
        assert_eq!(Expiry::at(Expires::Unread, read), None);
    }
}
