//! Which keys there are. The interface takes any text, so text of any characters is a must; how long it may be is not said.

use crate::scratch::Scratch;
use crate::verdict::{Kept, refused, show};

behaviours! { "keys":
    Must "store.bucket.set" keys_with_glob_characters_are_plain_keys,
    Must "store.bucket.set" keys_with_colons_and_slashes_are_kept_apart,
    Must "store.bucket.set" keys_with_spaces_and_quotes_are_kept_apart,
    Must "store.bucket.set" keys_with_newlines_and_tabs_are_kept_apart,
    Must "store.bucket.set" keys_with_nul_are_kept_apart,
    Must "store.bucket.set" keys_beyond_ascii_are_kept_apart,
    Must "store.bucket.set" upper_and_lower_case_are_two_keys,
    Must "store.bucket.set" a_key_and_its_beginning_are_two_keys,
    May "store.bucket.set" keys_of_1024_bytes_are_kept_apart,
    May "store.bucket.get" the_empty_key_is_an_error,
}

fn keys_with_glob_characters_are_plain_keys(scratch: &Scratch) -> Kept {
    kept_apart(scratch, &["*", "a", "?", "b", "[ab]", "a*", "^a", "{a,b}"])
}

fn keys_with_colons_and_slashes_are_kept_apart(scratch: &Scratch) -> Kept {
    let keys = [
        ":", "a:b", "a::b", "a", "b", "/", "a/b", "a//b", "/a/b", "../a", ".", "a.b",
    ];
    kept_apart(scratch, &keys)
}

fn keys_with_spaces_and_quotes_are_kept_apart(scratch: &Scratch) -> Kept {
    let keys = [
        " ",
        "a b",
        "a  b",
        "a b ",
        "'",
        "\"",
        "`",
        "' OR 1=1 --",
        "\\",
        "%20",
        "a%20b",
        "$(a)",
        "a&b=c",
    ];
    kept_apart(scratch, &keys)
}

fn keys_with_newlines_and_tabs_are_kept_apart(scratch: &Scratch) -> Kept {
    kept_apart(
        scratch,
        &[
            "\n", "\r\n", "\t", "a\nb", "a\r\nb", "ab", "\u{1}", "\u{7f}",
        ],
    )
}

fn keys_with_nul_are_kept_apart(scratch: &Scratch) -> Kept {
    kept_apart(scratch, &["\0", "a", "a\0", "a\0b", "\0a"])
}

/// Two ways to write é are two texts.
fn keys_beyond_ascii_are_kept_apart(scratch: &Scratch) -> Kept {
    let keys = [
        "caf\u{e9}",
        "cafe\u{301}",
        "cafe",
        "straße",
        "strasse",
        "茶",
        "🫖",
        "\u{200b}",
        "\u{feff}",
        "\u{10ffff}",
    ];
    kept_apart(scratch, &keys)
}

fn upper_and_lower_case_are_two_keys(scratch: &Scratch) -> Kept {
    kept_apart(scratch, &["tea", "Tea", "TEA", "É", "é"])
}

fn a_key_and_its_beginning_are_two_keys(scratch: &Scratch) -> Kept {
    kept_apart(scratch, &["t", "te", "tea", "tea "])
}

fn keys_of_1024_bytes_are_kept_apart(scratch: &Scratch) -> Kept {
    let [a, b] = ["a", "b"].map(|end| scratch.long(1024, end));
    kept_apart(scratch, &[&a, &b])
}

/// Asked and not written: the key would be outside the scratch.
fn the_empty_key_is_an_error(scratch: &Scratch) -> Kept {
    let bucket = scratch.open()?.bucket;
    refused("get of \"\"", bucket.get(""), show)?;
    refused("exists of \"\"", bucket.exists(""), bool::to_string)
}

/// Gives each key its own value, then deletes one after the other.
fn kept_apart(scratch: &Scratch, keys: &[&str]) -> Kept {
    let bucket = scratch.open()?;
    for (n, key) in keys.iter().enumerate() {
        bucket.lacks(key)?;
        bucket.set(key, format!("value {n}"))?;
    }
    for gone in 0..=keys.len() {
        for (n, key) in keys.iter().enumerate() {
            if n < gone {
                bucket.lacks(key)?;
            } else {
                bucket.has(key, format!("value {n}"))?;
            }
        }
        if let Some(key) = keys.get(gone) {
            bucket.delete(key)?;
        }
    }
    Ok(())
}
