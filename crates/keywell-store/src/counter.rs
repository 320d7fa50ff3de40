//! Counters are the decimal text of an `i64`, in every store: `42`, `-7`.
//!
//! Read as Redis reads them, so that a counter can move between stores: an optional minus, digits
//! without leading zeros, no blanks, no plus. A missing counter counts from zero.

use bytes::Bytes;

use crate::{Error, Invalid, Result};

/// Adds to the counter that a key holds, or to zero where there is none.
///
/// # Errors
///
/// [`Invalid::NotANumber`] or [`Invalid::Overflow`].
pub fn add(value: Option<&[u8]>, delta: i64) -> Result<i64> {
    let old = value.map_or(Ok(0), number)?;
    old.checked_add(delta)
        .ok_or(Error::Invalid(Invalid::Overflow))
}

/// Reads a counter.
///
/// # Errors
///
/// [`Invalid::NotANumber`] where the value is not the decimal text of an `i64`.
pub fn number(value: &[u8]) -> Result<i64> {
    let digits = value.strip_prefix(b"-").unwrap_or(value);
    let canonical = match digits {
        [] => false,
        [b'0'] => value.len() == 1,
        [first, ..] => *first != b'0',
    };
    if !canonical || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Error::Invalid(Invalid::NotANumber));
    }
    std::str::from_utf8(value)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or(Error::Invalid(Invalid::NotANumber))
}

/// A counter as it is stored.
pub fn text(number: i64) -> Bytes {
    Bytes::from(number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_decimal_text_is_a_number() {
        for good in [
            "0",
            "42",
            "-7",
            "9223372036854775807",
            "-9223372036854775808",
        ] {
            assert_eq!(text(number(good.as_bytes()).unwrap()), good.as_bytes());
        }
        for bad in [
            "",
            "-",
            "+1",
            " 1",
            "1 ",
            "01",
            "-0",
            "1.0",
            "0x1",
            "9223372036854775808",
            "٣",
        ] {
            assert!(number(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn both_ends_of_the_range_hold() {
        let overflow = |value: i64, delta| add(Some(&text(value)), delta).unwrap_err().to_string();
        assert_eq!(add(Some(&text(i64::MAX - 1)), 1).unwrap(), i64::MAX);
        assert_eq!(add(Some(&text(i64::MIN + 1)), -1).unwrap(), i64::MIN);
        assert!(overflow(i64::MAX, 1).contains("range"));
        assert!(overflow(i64::MIN, -1).contains("range"));
    }
}
