use std::time::{Duration, SystemTime};

use keywell_store::Expires;

/// The time of day, in milliseconds since 1970: processes that share a file agree on no other clock.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}

/// When an entry expires that was stored with this end; `None` if it has.
pub(crate) fn expires(end: Option<i64>, now: i64) -> Option<Expires> {
    let Some(end) = end else {
        return Some(Expires::Never);
    };
    let left = u64::try_from(end.saturating_sub(now)).ok()?;
    (left > 0).then(|| Expires::In(Duration::from_millis(left)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_gone_at_the_very_millisecond() {
        assert_eq!(expires(None, i64::MAX), Some(Expires::Never));
        let left = Duration::from_millis(3);
        assert_eq!(expires(Some(10), 7), Some(Expires::In(left)));
        assert_eq!(expires(Some(10), 10), None);
        assert_eq!(expires(Some(i64::MIN), i64::MAX), None);
    }
}
