//! Digests that name records. They are stored, so the same texts have the same digest in every release.

use sha2::{Digest as _, Sha256};

/// A digest of texts, in 16 characters. Where one of them ends counts: `a:b` and `c` are not `a` and
/// `b:c`.
pub(crate) fn digest(texts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    let hash = hash.finalize();
    let first = hash.first_chunk().expect("a hash has 32 bytes");
    format!("{:016x}", u64::from_be_bytes(*first))
}

#[cfg(test)]
mod tests {
    use super::digest;

    #[test]
    fn a_digest_is_of_each_text() {
        let one = digest(&["a:b", "c"]);
        assert_eq!(one.len(), 16);
        assert_eq!(one, digest(&["a:b", "c"]));
        for other in [&["a", "b:c"][..], &["a:bc", ""], &["a:b", "c", ""]] {
            assert_ne!(one, digest(other), "{other:?}");
        }
    }
}
