/// A pattern of Redis that matches this text and nothing else.
pub(crate) fn literal(text: &str) -> Vec<u8> {
    let mut pattern = Vec::with_capacity(text.len());
    for byte in text.bytes() {
        if matches!(byte, b'*' | b'?' | b'[' | b']' | b'\\') {
            pattern.push(b'\\');
        }
        pattern.push(byte);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn punctuation_stands_for_itself() {
        assert_eq!(literal(r"a*b?[c]\é"), r"a\*b\?\[c\]\\é".as_bytes());
    }
}
