use arbitrary::Arbitrary;
use keywell_store::{Cursor, Error, Invalid};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    bucket: &'a str,
    prefix: &'a str,
    other_bucket: &'a str,
    other_prefix: &'a str,
    /// Where the sealed text is changed, and what is put there.
    at: u16,
    put: char,
    forged: &'a str,
    position: &'a [u8],
}

/// A cursor opens where it was sealed, and nowhere else; text that never was one opens nowhere.
pub fn cursors(data: &[u8]) {
    let Some(input) = crate::input::read::<Input<'_>>(data) else {
        return;
    };
    let here = (input.bucket, input.prefix);
    let cursor = Cursor::seal(input.bucket, input.prefix, input.position);
    assert_eq!(open(cursor.as_str(), here).as_deref(), Some(input.position));

    let elsewhere = (input.other_bucket, input.other_prefix);
    if elsewhere != here {
        assert_eq!(open(cursor.as_str(), elsewhere), None);
    }

    let mut text: Vec<char> = cursor.as_str().chars().collect();
    let at = usize::from(input.at) % text.len();
    text[at] = input.put;
    let changed: String = text.iter().collect();
    let cut: String = text[..at].iter().collect();
    let doubled = cursor.as_str().repeat(2);
    for text in [&*changed, &cut, &doubled, input.forged] {
        if text != cursor.as_str() {
            only_what_was_sealed(text, here);
        }
    }
}

/// A checksum of 64 bits is not met by chance, so what opens is another sealed cursor, which
/// has one text alone.
fn only_what_was_sealed(text: &str, here: (&str, &str)) {
    if let Some(position) = open(text, here) {
        assert_eq!(Cursor::seal(here.0, here.1, &position).as_str(), text);
    }
}

fn open(text: &str, (bucket, prefix): (&str, &str)) -> Option<Vec<u8>> {
    match Cursor::from(text.to_owned()).position(bucket, prefix) {
        Ok(position) => Some(position),
        Err(Error::Invalid(Invalid::Cursor)) => None,
        Err(other) => panic!("{text:?} is refused as {other}"),
    }
}
