use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// A key and its value as JSON: `{"key":"k","value":"text"}`, or `{"key":"k","base64":"/w=="}`
/// where the value is no UTF-8.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line<'a> {
    key: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<Cow<'a, str>>,
}

// === impl Line ===

impl<'a> Line<'a> {
    /// The entry as it is written: as text if it is UTF-8, in base64 otherwise.
    pub fn new(key: &'a str, value: &'a [u8]) -> Self {
        let (text, base64) = match std::str::from_utf8(value) {
            Ok(text) => (Some(text.into()), None),
            Err(_) => (None, Some(STANDARD.encode(value).into())),
        };
        Self {
            key: key.into(),
            value: text,
            base64,
        }
    }

    /// The key and the value, or what is wrong with them, in a sentence. Limits are not checked.
    pub fn into_entry(self) -> Result<(String, Bytes), String> {
        let value = match (self.value, self.base64) {
            (Some(text), None) => Bytes::from(text.into_owned()),
            (None, Some(base64)) => STANDARD
                .decode(base64.as_bytes())
                .map_err(|error| format!("the field base64 is not base64: {error}"))?
                .into(),
            (Some(_), Some(_)) => return Err("both value and base64 are given; keep one".into()),
            (None, None) => return Err("neither value nor base64 is given".into()),
        };
        Ok((self.key.into_owned(), value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_comes_back_from_its_line() {
        for value in [
            &b""[..],
            b"text",
            "\"\\\n\r\t\0 \u{1f511}\u{2028}".as_bytes(),
            b"\xff\xfe\0",
            b"\xed\xa0\x80",
        ] {
            let json = serde_json::to_vec(&Line::new("a \"key\"\n\u{1f511}", value)).unwrap();
            assert!(!json.contains(&b'\n'), "it is one line");
            let line: Line = serde_json::from_slice(&json).unwrap();
            let (key, read) = line.into_entry().unwrap();
            assert_eq!((&*key, &read[..]), ("a \"key\"\n\u{1f511}", value));
        }
    }
}
