//! Listing: pages of keys, in the order of their bytes.

use keywell_store::{Cursor, Error, Invalid, List, Page, Result};

/// Some keys of one shard, in order.
#[derive(Debug, Default)]
pub(crate) struct Run {
    pub(crate) keys: Vec<String>,
    /// How far it was looked, where there may be more behind it; `None` at the end of the shard.
    pub(crate) upto: Option<String>,
}

/// The range of keys that a page may have, as `ZRANGEBYLEX` takes its ends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) first: Vec<u8>,
    pub(crate) last: Vec<u8>,
}

// === impl Range ===

impl Range {
    /// What is left to list. `scope` is what the cursor has to be good for.
    ///
    /// # Errors
    ///
    /// [`Invalid::Cursor`].
    pub(crate) fn of(request: &List, scope: &str) -> Result<Self> {
        let prefix = &request.prefix;
        let first = match &request.cursor {
            None if prefix.is_empty() => b"-".to_vec(),
            None => [b"[", prefix.as_bytes()].concat(),
            Some(cursor) => {
                let last = cursor.position(scope, prefix)?;
                if !last.starts_with(prefix.as_bytes()) {
                    return Err(Error::Invalid(Invalid::Cursor));
                }
                [b"(", &last[..]].concat()
            }
        };
        Ok(Self {
            first,
            last: end_of(prefix),
        })
    }
}

/// The end of all that begins with a prefix.
fn end_of(prefix: &str) -> Vec<u8> {
    let mut bytes = prefix.as_bytes().to_vec();
    // No byte of UTF-8 is 0xff, so the last one can be raised.
    match bytes.last_mut() {
        None => b"+".to_vec(),
        Some(last) => {
            *last += 1;
            bytes.insert(0, b'(');
            bytes
        }
    }
}

/// Joins runs of all shards to a page, which ends where the shortest run does.
pub(crate) fn join(runs: Vec<Run>, request: &List, scope: &str) -> Page {
    let bound = runs.iter().filter_map(|run| run.upto.clone()).min();
    let mut keys: Vec<String> = runs.into_iter().flat_map(|run| run.keys).collect();
    keys.sort_unstable();
    let mut upto = bound;
    if let Some(bound) = &upto {
        keys.truncate(keys.partition_point(|key| key <= bound));
    }
    let room = request.room(&keys);
    if room < keys.len() {
        keys.truncate(room);
        upto = keys.last().cloned();
    }
    Page {
        keys,
        entries: Vec::new(),
        cursor: upto.map(|upto| Cursor::seal(scope, &request.prefix, upto.as_bytes())),
    }
}

#[cfg(test)]
mod tests {
    use keywell_store::MAX_PAGE_BYTES;

    use super::*;

    fn run(keys: &[&str], upto: Option<&str>) -> Run {
        Run {
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            upto: upto.map(str::to_owned),
        }
    }

    fn limited(limit: usize) -> List {
        List {
            limit,
            ..List::default()
        }
    }

    #[test]
    fn a_page_of_several_shards_ends_where_the_shortest_run_does() {
        let runs = vec![
            run(&["a", "d", "e"], Some("e")),
            run(&["b"], Some("c")),
            run(&["bb", "z"], None),
        ];
        let page = join(runs, &limited(10), "here");
        assert_eq!(page.keys, ["a", "b", "bb"]);
        let after = page.cursor.unwrap().position("here", "").unwrap();
        assert_eq!(after, b"c", "nothing up to there is left in any shard");
    }

    #[test]
    fn a_page_has_no_more_keys_than_asked_for() {
        let runs = vec![run(&["a", "c"], None), run(&["b", "d"], None)];
        let page = join(runs, &limited(3), "here");
        assert_eq!(page.keys, ["a", "b", "c"]);
        assert_eq!(page.cursor.unwrap().position("here", "").unwrap(), b"c");
    }

    #[test]
    fn the_last_page_has_no_cursor() {
        let runs = vec![run(&["a"], None), run(&["b"], None)];
        let page = join(runs, &limited(2), "here");
        assert_eq!((page.keys.len(), page.cursor), (2, None));
    }

    #[test]
    fn a_page_is_bounded_in_bytes_and_has_at_least_one_key() {
        let long = |letter: &str| letter.repeat(MAX_PAGE_BYTES);
        let runs = vec![run(&[&long("a"), &long("b")], None)];
        assert_eq!(join(runs, &limited(10), "here").keys, [long("a")]);
    }

    #[test]
    fn a_range_holds_what_begins_with_its_prefix() {
        let range = |prefix: &str| {
            let request = List {
                prefix: prefix.to_owned(),
                ..List::default()
            };
            Range::of(&request, "here").unwrap()
        };
        let is = |first: &[u8], last: &[u8]| Range {
            first: first.to_vec(),
            last: last.to_vec(),
        };
        assert_eq!(range(""), is(b"-", b"+"));
        assert_eq!(range("k/"), is(b"[k/", b"(k0"));
        assert_eq!(range("a\0"), is(b"[a\0", b"(a\x01"));
        assert_eq!(range("\u{7f}"), is(b"[\x7f", b"(\x80"));
    }

    #[test]
    fn a_cursor_out_of_its_prefix_is_refused() {
        let request = List {
            prefix: "k/".to_owned(),
            cursor: Some(Cursor::seal("here", "k/", b"z")),
            ..List::default()
        };
        assert!(Range::of(&request, "here").is_err());
    }
}
