use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// What passes over the keys found beyond their pages, for the pages that follow.
///
/// A cursor does not need it: without its window, a page is a pass of its own. At most
/// [`Windows::MAX`] are kept, of at most 8 MiB of keys each.
#[derive(Debug, Default)]
pub(crate) struct Windows(Mutex<Vec<Window>>);

/// Keys that follow one another, as they were at one time.
#[derive(Debug)]
struct Window {
    scope: String,
    prefix: String,
    keys: Vec<String>,
    /// There were no more behind them.
    is_whole: bool,
    made: Instant,
}

// === impl Windows ===

impl Windows {
    const MAX: usize = 4;
    /// A window that is older shows too little of what was written since.
    const LIFE: Duration = Duration::from_secs(10);

    pub(super) fn keep(&self, scope: String, prefix: String, keys: Vec<String>, is_whole: bool) {
        let mut windows = self.0.lock();
        windows.retain(|window| {
            let is_replaced = window.scope == scope && window.prefix == prefix;
            window.made.elapsed() < Self::LIFE && !is_replaced
        });
        if windows.len() == Self::MAX {
            windows.remove(0);
        }
        windows.push(Window {
            scope,
            prefix,
            keys,
            is_whole,
            made: Instant::now(),
        });
    }

    /// One key more than a page has, behind this one, or all that there are.
    pub(super) fn find(
        &self,
        scope: &str,
        prefix: &str,
        last: &[u8],
        limit: usize,
    ) -> Option<Vec<String>> {
        let windows = self.0.lock();
        let window = windows.iter().find(|window| {
            window.scope == scope && window.prefix == prefix && window.made.elapsed() < Self::LIFE
        })?;
        let at = window
            .keys
            .binary_search_by(|key| key.as_bytes().cmp(last))
            .ok()?;
        let rest = &window.keys[at + 1..];
        if rest.len() <= limit && !window.is_whole {
            return None;
        }
        Some(rest.iter().take(limit + 1).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(range: std::ops::Range<u32>) -> Vec<String> {
        range.map(|n| format!("{n:03}")).collect()
    }

    #[test]
    fn a_window_gives_pages_as_long_as_it_has_all_of_them() {
        let windows = Windows::default();
        windows.keep("s".to_owned(), String::new(), keys(0..10), false);
        let find = |last: &str, limit| windows.find("s", "", last.as_bytes(), limit);
        assert_eq!(find("003", 5), Some(keys(4..10)));
        assert_eq!(find("004", 5), None, "the sixth may be missing");
        assert_eq!(find("0035", 2), None, "not a place where a page ended");
        assert_eq!(windows.find("t", "", b"003", 5), None);
        assert_eq!(windows.find("s", "0", b"003", 5), None);
        windows.keep("s".to_owned(), String::new(), keys(0..10), true);
        assert_eq!(find("004", 5), Some(keys(5..10)));
        assert_eq!(find("009", 5), Some(Vec::new()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_window_does_not_live_long_and_there_are_few() {
        let windows = Windows::default();
        for n in 0..5 {
            windows.keep(n.to_string(), String::new(), keys(0..10), true);
        }
        assert!(windows.find("0", "", b"003", 5).is_none());
        assert!(windows.find("1", "", b"003", 5).is_some());
        tokio::time::advance(Windows::LIFE).await;
        assert!(windows.find("1", "", b"003", 5).is_none());
    }
}
