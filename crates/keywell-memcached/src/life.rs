//! Times to live, as Memcached takes them: seconds, or beyond 30 days the time of day at which they
//! end, up to the 19th of January 2038, which is as far as its numbers go. A key that lives longer is
//! kept without an end, and its flags say when it ends: so a reading knows.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use keywell_store::{Expires, Result, Set};

/// The longest time that is counted from the write: 30 days.
const RELATIVE: u64 = 30 * 24 * 60 * 60;
/// The last time of day that Memcached takes, in seconds since 1970.
const LAST: u64 = i32::MAX as u64;
/// Flags count seconds from the year 2020 on, in seconds since 1970.
const FLAGS_FROM: u64 = 1_577_836_800;

/// How long an item lives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Life {
    /// What Memcached is given; 0 for no end.
    pub(crate) time: u64,
    /// 0, or when it ends past the last time of day that Memcached takes.
    pub(crate) flags: u32,
}

// === impl Life ===

impl Life {
    /// That of a value that is set so now.
    pub(crate) fn of(how: Set, now: SystemTime) -> Result<Self> {
        let seconds = how.ttl_millis()?.map(|millis| millis.div_ceil(1000));
        Ok(seconds.map_or(Self { time: 0, flags: 0 }, |seconds| {
            Self::lasting(seconds, now)
        }))
    }

    fn lasting(seconds: u64, now: SystemTime) -> Self {
        if seconds <= RELATIVE {
            return Self {
                time: seconds,
                flags: 0,
            };
        }
        let end = since_1970(now) + seconds;
        if end <= LAST {
            return Self {
                time: end,
                flags: 0,
            };
        }
        let flags = u32::try_from(end - FLAGS_FROM).unwrap_or(u32::MAX);
        Self { time: 0, flags }
    }

    /// That of an item of which Memcached says that so many seconds are left, or -1, to write it
    /// again. The seconds are whole, so it may end a second later.
    pub(crate) fn going_on(left: i64, flags: u32, now: SystemTime) -> Self {
        match u64::try_from(left) {
            Ok(left) => Self {
                flags,
                ..Self::lasting(left.max(1), now)
            },
            Err(_) => Self { time: 0, flags },
        }
    }

    /// What is left of an item's life.
    pub(crate) fn expires(left: i64, flags: u32, now: SystemTime) -> Expires {
        if let Ok(left) = u64::try_from(left) {
            return Expires::In(Duration::from_secs(left));
        }
        // Other clients have smaller numbers there.
        let end = FLAGS_FROM + u64::from(flags);
        if end <= LAST {
            return Expires::Never;
        }
        let since_1970 = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        Expires::In(Duration::from_secs(end).saturating_sub(since_1970))
    }
}

fn since_1970(now: SystemTime) -> u64 {
    now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_life_is_an_absolute_time_and_a_longer_one_is_in_the_flags() {
        let now = UNIX_EPOCH + Duration::from_millis(1_800_000_000_900);
        let of = |seconds| Life::of(Set::expiring(Duration::from_secs(seconds)).unwrap(), now);
        let life = |time, flags| Life { time, flags };
        assert_eq!(Life::of(Set::default(), now).unwrap(), life(0, 0));
        let millis = Set::expiring(Duration::from_millis(1)).unwrap();
        assert_eq!(Life::of(millis, now).unwrap(), life(1, 0));
        assert_eq!(of(RELATIVE).unwrap(), life(2_592_000, 0));
        assert_eq!(of(RELATIVE + 1).unwrap(), life(1_802_592_001, 0));
        assert_eq!(of(347_483_647).unwrap(), life(LAST, 0));
        assert_eq!(of(347_483_648).unwrap(), life(0, 569_646_848));
        let longest = Life::of(Set::expiring(Set::MAX_TTL).unwrap(), now).unwrap();
        let Expires::In(left) = Life::expires(-1, longest.flags, now) else {
            panic!("{longest:?} has an end");
        };
        assert!(left <= Set::MAX_TTL && left + Duration::from_secs(1) > Set::MAX_TTL);
        // Flags of other clients are no ends.
        assert_eq!(Life::expires(-1, 16, now), Expires::Never);
        assert_eq!(
            Life::expires(7, 16, now),
            Expires::In(Duration::from_secs(7))
        );
        assert_eq!(Life::going_on(-1, 16, now), life(0, 16));
        assert_eq!(Life::going_on(7, 16, now), life(7, 16));
    }
}
