/// The longest word, in bytes, that is compared: the time grows with the product of two lengths.
const LONGEST: usize = 64;

/// Of the known words the one that was most likely meant, if any is near enough to be.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LONGEST {
        return None;
    }
    let word = word.to_lowercase().replace('_', "-");
    // A third of a word may be wrong, and two letters of any.
    let near = (word.chars().count() / 3).max(2);
    let known = known.into_iter().filter(|known| known.len() <= LONGEST);
    let distances = known.map(|candidate| (distance(&word, candidate), candidate));
    let (distance, candidate) = distances.min_by_key(|(distance, _)| *distance)?;
    // Nothing is near to a word that would have to change altogether.
    (distance <= near && distance < candidate.chars().count()).then_some(candidate)
}

/// How many letters must be put in, left out, changed, or exchanged with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut edits = changed.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                edits = edits.min(before_last[j - 2] + 1);
            }
            row.push(edits);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_is_near_to_what_was_meant_and_another_word_is_not() {
        let known = ["url", "path", "store", "read-only", "dead-letters"];
        for (typo, meant) in [
            ("pth", "path"),
            ("paht", "path"),
            ("Store", "store"),
            ("stores", "store"),
            ("read_only", "read-only"),
            ("readonly", "read-only"),
            ("deadletter", "dead-letters"),
            ("ulr", "url"),
        ] {
            assert_eq!(nearest(typo, known), Some(meant), "{typo}");
        }
        for other in ["x", "timeout", "environment", ""] {
            assert_eq!(nearest(other, known), None, "{other}");
        }
        let long = "x".repeat(LONGEST + 1);
        assert_eq!(nearest(&long, [&*long]), None);
        assert_eq!(nearest("x", [&*long]), None);
    }
}
