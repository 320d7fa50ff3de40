//! What subscriptions are read as, for any text.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use keywell_runtime::watch::{Subscriptions, WatchedOperation};
use proptest::prelude::*;

/// Text in which entries, and nearly entries, are likely.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("SET".to_owned()),
        Just("DEL".to_owned()),
        "[@,=*?\\\\ ]",
        "[ab]{1,2}",
        "\\PC",
    ];
    proptest::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
}

/// A pattern of a key, as it is written, and whether a key fits it, decided by trying everything.
fn fits(pattern: &[char], key: &[char]) -> bool {
    match pattern {
        [] => key.is_empty(),
        ['*', rest @ ..] => (0..=key.len()).any(|taken| fits(rest, &key[taken..])),
        ['?', rest @ ..] => !key.is_empty() && fits(rest, &key[1..]),
        [char, rest @ ..] => key.first() == Some(char) && fits(rest, &key[1..]),
    }
}

proptest! {
    #[test]
    fn what_is_malformed_is_so_at_a_place_in_the_text(text in text()) {
        match Subscriptions::parse(&text) {
            Ok(read) => {
                prop_assert_eq!(read.to_string(), text.clone());
                prop_assert_eq!(Subscriptions::parse(&read.to_string()).unwrap(), read);
            }
            Err(error) => {
                let places = 1..=text.chars().count() + 1;
                prop_assert!(places.contains(&error.position), "{}", error);
            }
        }
    }

    #[test]
    fn a_store_is_asked_for_all_that_is_subscribed_to(text in text(), key in "[ab@=*?\\\\, ]{1,6}") {
        let Ok(read) = Subscriptions::parse(&text) else { return Ok(()) };
        let matches = [WatchedOperation::Set, WatchedOperation::Delete].map(|operation| read.matches(operation, &key));
        if matches.contains(&true) {
            prop_assert!(read.filter().matches(&key), "{:?}", read.filter());
        }
        for named in read.named_keys() {
            prop_assert!(read.filter().matches(named));
        }
    }

    #[test]
    fn a_glob_is_about_the_keys_that_fit_it(pattern in "[ab*?]{1,8}", key in "[ab]{0,8}") {
        let read = Subscriptions::parse(&format!("SET@{pattern}")).unwrap();
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        let fits = fits(&chars(&pattern), &chars(&key));
        prop_assert_eq!(read.matches(WatchedOperation::Set, &key), fits);
        prop_assert!(!read.matches(WatchedOperation::Delete, &key));
    }

    #[test]
    fn a_literal_is_about_its_key_alone(key in "[ab*?= ]{1,8}", other in "[ab*?= ]{1,8}") {
        let read = Subscriptions::parse(&format!("DEL@={key}")).unwrap();
        prop_assert!(read.matches(WatchedOperation::Delete, &key));
        prop_assert_eq!(read.named_keys(), [&*key]);
        prop_assert_eq!(read.matches(WatchedOperation::Delete, &other), key == other);
    }
}
