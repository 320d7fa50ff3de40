//! What the documents of keys are called.
//!
//! Cosmos DB takes no `/`, `\`, `?` and `#` in an `id`, no space at its end, and 1,023 bytes
//! ([quotas](https://learn.microsoft.com/azure/cosmos-db/concepts-limits)). So an `id` is the bytes of
//! the key, six bits a character, as base64 is, but with the characters in the order of ASCII:
//! `-`, digits, capitals, `_`, small letters; without padding. Names then sort as keys do, whatever
//! the service's order of other characters is.
//!
//! ```
//! assert_eq!(keywell_cosmos::names::id("user/42"), "SMC_RXwoBV");
//! assert_eq!(keywell_cosmos::names::key("SMC_RXwoBV").as_deref(), Some("user/42"));
//! ```

use base64::Engine as _;
use base64::alphabet::Alphabet;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};

/// The longest name that Cosmos DB takes, in bytes.
const ID_BYTES: usize = 1023;
/// The longest key, in bytes.
pub(crate) const KEY_BYTES: usize = ID_BYTES * 6 / 8;

const CHARACTERS: &str = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";

const ORDERED: Alphabet = match Alphabet::new(CHARACTERS) {
    Ok(alphabet) => alphabet,
    Err(_) => panic!("64 different characters are an alphabet"),
};

const ENGINE: GeneralPurpose = GeneralPurpose::new(&ORDERED, NO_PAD);

/// The name of a key's document.
pub fn id(key: &str) -> String {
    ENGINE.encode(key)
}

/// The key of a document; `None` for a name that is none of ours.
pub fn key(id: &str) -> Option<String> {
    let key = ENGINE.decode(id).ok()?;
    String::from_utf8(key).ok().filter(|key| !key.is_empty())
}

/// The names of the keys that begin with a prefix: from the first up to before the second.
pub(crate) fn range(prefix: &str) -> (String, String) {
    let mut end = prefix.as_bytes().to_vec();
    // No byte of UTF-8 is the largest that there is.
    let end = match end.last_mut() {
        Some(last) => {
            *last += 1;
            ENGINE.encode(end)
        }
        None => "~".to_owned(),
    };
    (id(prefix), end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 14] = [
        "\0",
        "\0\0",
        "a",
        "a\0",
        "a/",
        "a/b",
        "aa",
        "ab",
        "b ",
        "z",
        "é",
        "日本",
        "🗝",
        "\u{10ffff}",
    ];

    #[test]
    fn names_are_taken_and_sort_as_keys_do() {
        assert!(KEYS.is_sorted());
        let ids: Vec<String> = KEYS.iter().map(|key| id(key)).collect();
        assert!(ids.is_sorted_by(|one, other| one < other), "{ids:?}");
        for (id, known) in ids.iter().zip(KEYS) {
            assert_eq!(key(id).as_deref(), Some(known));
            assert!(!id.contains(['/', '\\', '?', '#', ' ']));
        }
        let longest = "🗝".repeat(KEY_BYTES / 4) + "key";
        assert_eq!(longest.len(), KEY_BYTES);
        assert!(id(&longest).len() <= ID_BYTES);
    }

    #[test]
    fn a_range_has_the_keys_of_a_prefix_alone() {
        for prefix in KEYS.iter().chain(&[""]) {
            let (first, end) = range(prefix);
            for key in KEYS {
                let is_in = (&first..&end).contains(&&id(key));
                assert_eq!(is_in, key.starts_with(prefix), "{prefix:?} {key:?}");
            }
        }
    }

    #[test]
    fn what_another_program_wrote_is_no_key() {
        for id in ["", "a", "not ours", "SMC_RXwoBV=", "zzzz", "--1"] {
            assert_eq!(key(id), None, "{id:?}");
        }
    }
}
