use super::sorted;
use crate::checks::strange;
use crate::failure::{Verdict, same};
use crate::scratch::{Scratch, fill, keys};

pub(crate) async fn a_prefix_selects_what_begins_with_it(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let written = [
        "a", "ab", "ab/", "ab/1", "ab/2", "aB", "abc", "b", "b/ab", " ab", "é", "éa",
    ];
    fill(&bucket, &written).await?;
    for prefix in ["", "a", "ab", "ab/", "ab/1", "b", "é", " "] {
        selects(scratch, &written, prefix).await?;
    }
    // A prefix of the last character has no upper bound.
    let last = ["\u{10ffff}", "\u{10ffff}\u{10ffff}", "\u{10ffff}a", "z"];
    fill(&bucket, &last).await?;
    selects(scratch, &[&written[..], &last].concat(), "\u{10ffff}").await
}

pub(crate) async fn a_prefix_is_no_pattern(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    let written = strange::all(&bucket);
    fill(&bucket, &written).await?;
    for prefix in strange::PUNCTUATION.iter().chain(strange::QUERIES) {
        selects(scratch, &written, prefix).await?;
    }
    for prefix in strange::NULS.iter().chain(strange::BLANKS) {
        selects(scratch, &written, prefix).await?;
    }
    Ok(())
}

async fn selects(scratch: &Scratch<'_>, written: &[&str], prefix: &str) -> Verdict {
    let bucket = scratch.bucket().await?;
    let expected = written.iter().filter(|key| key.starts_with(prefix));
    let expected = sorted(expected.map(|key| (*key).to_owned()).collect());
    for limit in [2, 1000] {
        let listed = sorted(keys(&bucket, prefix, limit).await?);
        let promise = "a prefix selects the keys whose bytes begin with its own";
        same(&listed, &expected, promise)?;
    }
    Ok(())
}

pub(crate) async fn a_prefix_that_no_key_has_lists_nothing(scratch: &Scratch<'_>) -> Verdict {
    let bucket = scratch.bucket().await?;
    fill(&bucket, &["a", "b", "bb"]).await?;
    let long = "b".repeat(bucket.capabilities().key_bytes);
    for prefix in ["c", "A", "a ", "bbb", "*", "\0", &long] {
        let listed = keys(&bucket, prefix, 10).await?;
        same(listed, Vec::new(), "a prefix that no key has lists nothing")?;
    }
    Ok(())
}
