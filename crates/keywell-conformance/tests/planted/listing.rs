use keywell_conformance::paging;
use keywell_store::{Answer, Cursor, Error, Expires, Invalid, List, Page};

use crate::bug::{Bug, Caught, Inner};

/// Drops the last key of each page except the last.
struct DropsBorders;

impl Bug for DropsBorders {
    fn list(&self, inner: &Inner, request: List) -> Answer<Page> {
        let is_small = request.limit == 1;
        inner.list(request).map(move |mut page| {
            if page.cursor.is_some() && !is_small {
                page.keys.pop();
            }
            page
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_drops_keys_at_page_borders_is_caught() {
    let caught = Caught::with(DropsBorders);
    let story = caught.by(paging::a_listing_has_each_key_once).await;
    assert!(story.contains("missing"), "{story}");
    caught.by(paging::a_key_is_listed_as_it_was_written).await;
    caught
        .by(paging::keys_that_come_and_go_hide_none_that_stay)
        .await;
    caught
        .by(paging::very_many_keys_are_listed_in_bounded_memory)
        .await;
}

struct IgnoresCursors;

impl Bug for IgnoresCursors {
    fn list(&self, inner: &Inner, request: List) -> Answer<Page> {
        inner.list(List {
            cursor: None,
            ..request
        })
    }
}

#[tokio::test]
async fn a_cursor_that_is_ignored_is_caught() {
    let caught = Caught::with(IgnoresCursors);
    caught.by(paging::a_listing_has_each_key_once).await;
    caught.by(paging::a_cursor_works_on_another_handle).await;
    caught
        .by(paging::text_that_never_was_a_cursor_is_refused)
        .await;
}

/// Uses the number of listed keys as a cursor.
struct CountsForCursors;

impl Bug for CountsForCursors {
    fn list(&self, inner: &Inner, request: List) -> Answer<Page> {
        let position = request
            .cursor
            .as_ref()
            .map_or(Ok(0), |text| text.as_str().parse());
        let Ok(position) = position else {
            return Error::Invalid(Invalid::Cursor).into();
        };
        let (mut keys, mut cursor) = (Vec::new(), None);
        loop {
            let request = List {
                prefix: request.prefix.clone(),
                cursor,
                ..List::default()
            };
            let Answer::Now(Ok(page)) = inner.list(request) else {
                panic!("the memory store answers at once");
            };
            keys.extend(page.keys);
            cursor = page.cursor;
            if cursor.is_none() {
                break;
            }
        }
        let next: usize = position + request.page_keys();
        let cursor = (next < keys.len()).then(|| Cursor::from(next.to_string()));
        let keys = keys
            .into_iter()
            .skip(position)
            .take(request.page_keys())
            .collect();
        Answer::now(Page {
            keys,
            cursor,
            ..Page::default()
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_is_a_count_is_caught() {
    let caught = Caught::with(CountsForCursors);
    caught
        .by(paging::the_last_key_of_a_page_can_be_deleted)
        .await;
    caught
        .by(paging::keys_that_come_and_go_hide_none_that_stay)
        .await;
    caught
        .by(paging::a_cursor_of_another_prefix_is_refused)
        .await;
    caught
        .by(paging::a_cursor_of_another_bucket_is_refused)
        .await;
    caught
        .by(paging::text_that_never_was_a_cursor_is_refused)
        .await;
}

/// Lists all keys on one page.
struct OnePage;

impl Bug for OnePage {
    fn list(&self, inner: &Inner, request: List) -> Answer<Page> {
        let (mut keys, mut cursor) = (Vec::new(), request.cursor);
        loop {
            let request = List {
                prefix: request.prefix.clone(),
                cursor,
                ..List::default()
            };
            match inner.list(request) {
                Answer::Now(Ok(page)) => {
                    keys.extend(page.keys);
                    cursor = page.cursor;
                }
                other => return other,
            }
            if cursor.is_none() {
                return Answer::now(Page {
                    keys,
                    cursor,
                    ..Page::default()
                });
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_keys_on_one_page_are_caught() {
    let caught = Caught::with(OnePage);
    caught.by(paging::a_page_holds_no_more_than_asked_for).await;
    caught.by(paging::a_page_is_bounded_in_bytes).await;
    caught
        .by(paging::a_limit_is_brought_within_its_bounds)
        .await;
    caught
        .by(paging::very_many_keys_are_listed_in_bounded_memory)
        .await;
}

/// How a page with entries is wrong.
#[derive(Clone, Copy)]
enum Carrying {
    /// It has no entries.
    Nothing,
    /// It always has entries.
    Always,
    /// It ignores how many bytes were asked for.
    Boundless,
    /// Its entries are in another order than its keys.
    Reversed,
    /// It ends early, and the next page does not begin there.
    Cut,
    /// It does not read times to live.
    Timeless,
}

impl Bug for Carrying {
    fn list(&self, inner: &Inner, request: List) -> Answer<Page> {
        let (asked, carrying) = (request.values, *self);
        let values = match self {
            Self::Nothing => None,
            Self::Always | Self::Boundless => asked.or(Some(usize::MAX)).map(|_| usize::MAX),
            Self::Cut => asked.map(|_| usize::MAX),
            _ => asked,
        };
        inner.list(List { values, ..request }).map(move |mut page| {
            match carrying {
                Self::Boundless if asked.is_none() => page.entries.clear(),
                Self::Reversed => page.entries.reverse(),
                Self::Timeless => {
                    for entry in &mut page.entries {
                        entry.expires = Expires::Unread;
                    }
                }
                Self::Cut => {
                    let mut left = asked.unwrap_or(usize::MAX);
                    let fitting = page.entries.iter().take_while(|entry| {
                        let fits = entry.value.len() <= left;
                        left = left.saturating_sub(entry.value.len());
                        fits
                    });
                    let fitting = fitting.count().max(1);
                    page.keys.truncate(fitting);
                    page.entries.truncate(fitting);
                }
                _ => {}
            }
            page
        })
    }
}

#[tokio::test]
async fn a_page_with_wrong_entries_is_caught() {
    for carrying in [
        Carrying::Nothing,
        Carrying::Always,
        Carrying::Reversed,
        Carrying::Timeless,
    ] {
        Caught::with(carrying)
            .by(paging::a_page_carries_entries_that_are_asked_for)
            .await;
    }
    for carrying in [Carrying::Boundless, Carrying::Cut] {
        Caught::with(carrying)
            .by(paging::a_page_with_entries_is_bounded_in_bytes)
            .await;
    }
}

/// Treats a star in a prefix as a wildcard.
struct GlobPrefix;

impl Bug for GlobPrefix {
    fn list(&self, inner: &Inner, request: List) -> Answer<Page> {
        match request.prefix.split_once('*') {
            Some((prefix, _)) => inner.list(List {
                prefix: prefix.to_owned(),
                ..request
            }),
            None => inner.list(request),
        }
    }
}

#[tokio::test]
async fn a_prefix_that_is_a_pattern_is_caught() {
    let caught = Caught::with(GlobPrefix);
    caught.by(paging::a_prefix_is_no_pattern).await;
}

struct Disordered;

impl Bug for Disordered {
    fn list(&self, inner: &Inner, request: List) -> Answer<Page> {
        inner.list(request).map(|mut page| {
            page.keys.sort_by_key(|key| key.to_lowercase());
            page
        })
    }
}

#[tokio::test]
async fn an_order_that_folds_case_is_caught() {
    Caught::with(Disordered)
        .by(paging::an_ordered_listing_is_in_the_order_of_bytes)
        .await;
}
