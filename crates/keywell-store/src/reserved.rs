//! Buckets that are Keywell's own, in every store: those whose names begin with `keywell-`.
//!
//! No component opens them, whatever it is granted: what it wrote there would be taken for
//! Keywell's, and what it read there can be what other components were sent.
//!
//! They keep no history, so that what Keywell stores never pushes an event of a user out of a
//! bounded one. Where a store can be watched at all, they can be watched live: they declare
//! [`Lossy`](crate::Watching::Lossy), and a watch that falls behind delivers a gap. [`live`] makes
//! such a watch of one that ends as compacted.
//!
//! A store that keeps all its keys in one bucket, such as the flat layout of Redis, keeps
//! [those in use](buckets) beneath prefixes of that one, such as `keywell-triggers:`. There it
//! refuses such keys, and leaves them out of listings and watches.

use futures::{Stream, StreamExt as _, stream};

use crate::{Answer, BucketName, Error, Event, Invalid, Result, Watch};

/// Where triggers keep their positions, and which process has which partition.
pub const TRIGGERS: &str = "keywell-triggers";

/// Where triggers put what could not be delivered, unless they name another bucket.
pub const DEAD_LETTERS: &str = "keywell-deadletters";

/// Where the journals of durable workers are.
pub const JOURNALS: &str = "keywell-journals";

/// Which write of a durable worker came last to a store, so that an interrupted one is not repeated.
pub const RECEIPTS: &str = "keywell-receipts";

/// What the names of reserved buckets begin with.
const PREFIX: &str = "keywell-";

const USED: [&str; 4] = [TRIGGERS, DEAD_LETTERS, JOURNALS, RECEIPTS];

/// Those that every store has, also one that keeps all its keys in one bucket.
///
/// # Panics
///
/// Never: their names are names of buckets.
pub fn buckets() -> [BucketName; 4] {
    USED.map(|name| BucketName::parse(name).expect("the reserved names are names of buckets"))
}

/// Whether a bucket is reserved.
pub fn is_reserved(name: &BucketName) -> bool {
    name.as_str().starts_with(PREFIX)
}

/// The bucket in use that a key belongs to by its prefix, where all buckets lie in one.
pub fn bucket_of_key(key: &str) -> Option<&'static str> {
    USED.into_iter().find(|name| {
        let rest = key.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(':'))
    })
}

/// A live watch of a bucket that keeps only its latest events. Where one of its watches ends as
/// [compacted](Invalid::Compacted), another is opened and a gap delivered. No event has a token.
pub fn live(open: impl Fn() -> Answer<Watch> + Send + 'static) -> Answer<Watch> {
    open().map(|watch| Watch::new(None, follow(watch, open)))
}

fn follow(
    watch: Watch,
    open: impl Fn() -> Answer<Watch> + Send + 'static,
) -> impl Stream<Item = Result<Event>> + Send {
    stream::unfold((Some(watch), open), |(watch, open)| async move {
        let mut watch = watch?;
        match watch.next().await? {
            Err(Error::Invalid(Invalid::Compacted)) => match open().await {
                Ok(reopened) => Some((Ok(Event::Gap), (Some(reopened), open))),
                Err(error) => Some((Err(error), (None, open))),
            },
            Err(error) => Some((Err(error), (None, open))),
            Ok(event) => Some((Ok(event.without_token()), (Some(watch), open))),
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn every_name_that_begins_as_keywells_own_is_reserved() {
        for (name, is) in [
            (TRIGGERS, true),
            (JOURNALS, true),
            (RECEIPTS, true),
            ("keywell", false),
            ("my-keywell-triggers", false),
        ] {
            assert_eq!(is_reserved(&BucketName::parse(name).unwrap()), is, "{name}");
        }
    }

    #[test]
    fn a_live_watch_goes_on_behind_a_gap() {
        let opened = AtomicUsize::new(0);
        let watch = live(move || {
            let event = Event::Delete {
                key: opened.fetch_add(1, Ordering::Relaxed).to_string(),
                expired: false,
                token: Some(String::new().into()),
            };
            let end = if event.key() == Some("2") {
                Error::Unavailable("it is closed".into())
            } else {
                Invalid::Compacted.into()
            };
            let events = stream::iter([Ok(event), Err(end)]);
            Answer::now(Watch::new(Some(String::new().into()), events))
        });
        let watch = watch.now_or_never().unwrap().unwrap();
        assert_eq!(watch.start(), None);
        let events: Vec<_> = watch.collect().now_or_never().unwrap();
        assert_eq!(events.len(), 6, "{events:?}");
        for (at, event) in events.iter().enumerate() {
            let event = event.as_ref().ok();
            assert_eq!(event.and_then(Event::token), None);
            let key = event.and_then(Event::key);
            match at {
                5 => assert!(event.is_none()),
                1 | 3 => assert_eq!(event, Some(&Event::Gap)),
                _ => assert_eq!(key, Some(&*(at / 2).to_string())),
            }
        }
    }

    #[test]
    fn a_reserved_key_begins_with_the_name_and_a_colon() {
        for (key, bucket) in [
            ("keywell-triggers:", Some(TRIGGERS)),
            ("keywell-deadletters:letters/a", Some(DEAD_LETTERS)),
            ("keywell-journals:h/a", Some(JOURNALS)),
            ("keywell-receipts:a", Some(RECEIPTS)),
            ("keywell-triggers", None),
            ("keywell-triggersx:", None),
            ("app:keywell-triggers:", None),
            ("Keywell-triggers:", None),
            ("", None),
        ] {
            assert_eq!(bucket_of_key(key), bucket, "{key:?}");
        }
    }
}
