use bytes::Bytes;

use crate::checks::strange::{ALIKE, BLANKS, CONTROLS, NULS, PATHS, PUNCTUATION, QUERIES, SCRIPTS};
use crate::failure::{Verdict, same};
use crate::scratch::{Scratch, set, value};

pub(crate) async fn a_key_may_hold_punctuation(scratch: &Scratch<'_>) -> Verdict {
    are_different_keys(scratch, PUNCTUATION).await
}

pub(crate) async fn a_key_may_hold_spaces_and_quotes(scratch: &Scratch<'_>) -> Verdict {
    are_different_keys(scratch, BLANKS).await
}

pub(crate) async fn a_key_may_hold_control_characters(scratch: &Scratch<'_>) -> Verdict {
    are_different_keys(scratch, CONTROLS).await
}

pub(crate) async fn a_key_may_hold_a_nul(scratch: &Scratch<'_>) -> Verdict {
    are_different_keys(scratch, NULS).await
}

pub(crate) async fn a_key_is_no_path(scratch: &Scratch<'_>) -> Verdict {
    are_different_keys(scratch, PATHS).await
}

pub(crate) async fn a_key_is_no_query(scratch: &Scratch<'_>) -> Verdict {
    are_different_keys(scratch, QUERIES).await
}

pub(crate) async fn a_key_may_be_of_any_script(scratch: &Scratch<'_>) -> Verdict {
    are_different_keys(scratch, SCRIPTS).await
}

pub(crate) async fn keys_are_compared_byte_by_byte(scratch: &Scratch<'_>) -> Verdict {
    are_different_keys(scratch, ALIKE).await
}

pub(crate) async fn a_key_of_the_longest_length_is_a_key(scratch: &Scratch<'_>) -> Verdict {
    let longest = scratch.bucket().await?.capabilities().key_bytes;
    let mut keys: Vec<String> = ["a", "b", "\0", " ", "/"]
        .iter()
        .map(|last| format!("{}{last}", "k".repeat(longest - 1)))
        .collect();
    // The shorter ones are what remains of a truncated key.
    keys.extend((longest - 3..longest).map(|bytes| "k".repeat(bytes)));
    keys.push("🗝".repeat(longest / 4));
    keys.push("\"".repeat(longest));
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    are_different_keys(scratch, &keys).await
}

/// Checks that each key can be set, read and deleted without changing the others.
async fn are_different_keys(scratch: &Scratch<'_>, keys: &[&str]) -> Verdict {
    let bucket = scratch.bucket().await?;
    let alphabet = bucket.capabilities().alphabet;
    let keys: Vec<&str> = keys
        .iter()
        .copied()
        .filter(|key| alphabet.has(key))
        .collect();
    for (n, key) in keys.iter().enumerate() {
        let promise = "a key that is like others, but none of them, is absent until it is set";
        same(bucket.exists(key).await?, false, promise)?;
        set(&bucket, key, n.to_string()).await?;
    }
    for (n, key) in keys.iter().enumerate() {
        let read = value(&bucket, key).await?;
        same(
            read,
            Some(Bytes::from(n.to_string())),
            "a key has the value that it was set to",
        )?;
    }
    for deleted in keys.iter().step_by(2) {
        bucket.delete(deleted).await?;
    }
    for (n, key) in keys.iter().enumerate() {
        let left = (n % 2 == 1).then(|| Bytes::from(n.to_string()));
        let read = value(&bucket, key).await?;
        same(read, left, "a delete is of its own key and no other")?;
    }
    Ok(())
}
