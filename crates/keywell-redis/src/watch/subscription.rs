//! Which channels and patterns a watch subscribes to.
//!
//! Together they cover every key of the filter, each by exactly one subscription.

use keywell_store::Filter;

use crate::plain::{Keys, literal};

/// A subscription at a server.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Subscription {
    /// The events of one key.
    Channel(Vec<u8>),
    /// The events of all keys that match.
    Pattern(Vec<u8>),
}

// === impl Subscription ===

impl Subscription {
    pub(super) fn subscribe(&self) -> [&[u8]; 2] {
        match self {
            Self::Channel(channel) => [b"SUBSCRIBE", channel],
            Self::Pattern(pattern) => [b"PSUBSCRIBE", pattern],
        }
    }

    pub(super) fn unsubscribe(&self) -> [&[u8]; 2] {
        match self {
            Self::Channel(channel) => [b"UNSUBSCRIBE", channel],
            Self::Pattern(pattern) => [b"PUNSUBSCRIBE", pattern],
        }
    }
}

/// The prefix of the channels of a database's keys.
pub(super) fn channel_prefix(database: u32) -> String {
    format!("__keyspace@{database}__:")
}

/// The subscriptions of a filter. No two of them cover the same key, so that an event comes once.
pub(super) fn subscriptions(database: u32, keys: &Keys, filter: &Filter) -> Vec<Subscription> {
    let mut exact = Vec::new();
    let mut prefixes = Vec::new();
    gather(filter, &mut exact, &mut prefixes);
    prefixes.sort_unstable();
    // Sorted, a prefix comes right behind the shorter one that covers it, or behind others so covered.
    prefixes.dedup_by(|next, kept| next.starts_with(*kept));
    exact.sort_unstable();
    exact.dedup();
    exact.retain(|key| !prefixes.iter().any(|prefix| key.starts_with(prefix)));
    let channel = format!("{}{}", channel_prefix(database), keys.prefix());
    let patterns = prefixes.iter().map(|prefix| {
        let mut pattern = literal(&format!("{channel}{prefix}"));
        pattern.push(b'*');
        Subscription::Pattern(pattern)
    });
    let channels = exact
        .iter()
        .map(|key| Subscription::Channel(format!("{channel}{key}").into_bytes()));
    patterns.chain(channels).collect()
}

/// The keys that a filter names exactly.
pub(super) fn named_keys(filter: &Filter) -> Vec<&str> {
    let mut exact = Vec::new();
    gather(filter, &mut exact, &mut Vec::new());
    exact.sort_unstable();
    exact.dedup();
    exact
}

fn gather<'a>(filter: &'a Filter, exact: &mut Vec<&'a str>, prefixes: &mut Vec<&'a str>) {
    match filter {
        Filter::Key(key) => exact.push(key),
        Filter::Prefix(prefix) => prefixes.push(prefix),
        Filter::AnyOf(filters) => {
            for filter in filters {
                gather(filter, exact, prefixes);
            }
        }
        // `All`; and a filter that this store does not know yet, which gets all that it may mean.
        _ => prefixes.push(""),
    }
}

#[cfg(test)]
mod tests {
    use keywell_store::BucketName;

    use super::*;

    fn of(filter: &Filter) -> Vec<String> {
        let keys = Keys::new(&BucketName::default(), None).unwrap();
        subscriptions(3, &keys, filter)
            .iter()
            .map(|subscription| {
                let [how, what] = subscription.subscribe();
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                format!("{} {}", text(how), text(what))
            })
            .collect()
    }

    #[test]
    fn filters_become_escaped_patterns_of_the_database() {
        assert_eq!(of(&Filter::All), ["PSUBSCRIBE __keyspace@3__:default:*"]);
        assert_eq!(
            of(&Filter::Prefix("a*[".into())),
            [r"PSUBSCRIBE __keyspace@3__:default:a\*\[*"]
        );
        assert_eq!(
            of(&Filter::Key("a*b".into())),
            ["SUBSCRIBE __keyspace@3__:default:a*b"]
        );
    }

    #[test]
    fn several_filters_at_once_share_no_key() {
        let key = |key: &str| Filter::Key(key.to_owned());
        let prefix = |prefix: &str| Filter::Prefix(prefix.to_owned());
        let several = Filter::AnyOf(vec![
            key("ab"),
            prefix("b/"),
            key("b/1"),
            prefix("b/2"),
            prefix("b"),
            key("ab"),
            prefix("b/"),
        ]);
        let expected = [
            "PSUBSCRIBE __keyspace@3__:default:b*",
            "SUBSCRIBE __keyspace@3__:default:ab",
        ];
        assert_eq!(of(&several), expected);
        assert!(of(&Filter::AnyOf(Vec::new())).is_empty());
        let all = Filter::AnyOf(vec![key("x"), Filter::All]);
        assert_eq!(of(&all), of(&Filter::All));
    }
}
