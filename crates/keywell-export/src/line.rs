use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use keywell_store::Expires;
use serde::{Deserialize, Serialize};

use crate::{Entry, Expiry};

/// A key and its value as JSON: `{"key":"k","value":"text"}`, or `{"key":"k","base64":"/w=="}`
/// if the value is not UTF-8.
///
/// A line that is read may have `expiration` (seconds since 1970, UTC) or `expiration_ttl` (seconds
/// after the write), as in the bulk format of Cloudflare's KV. A line that is written has
/// `expiration` if its entry expires, so that a copy expires when the original does, whenever it is
/// imported. The format has whole seconds; they are rounded up, so a copy expires up to a second
/// later, and never earlier by the clocks that wrote and read it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line<'a> {
    key: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration_ttl: Option<u64>,
}

// === impl Line ===

impl<'a> Line<'a> {
    /// The line of an entry: text if the value is UTF-8, base64 otherwise.
    pub fn new(key: &'a str, value: &'a [u8]) -> Self {
        let (text, base64) = match std::str::from_utf8(value) {
            Ok(text) => (Some(text.into()), None),
            Err(_) => (None, Some(STANDARD.encode(value).into())),
        };
        Self {
            key: key.into(),
            value: text,
            base64,
            expiration: None,
            expiration_ttl: None,
        }
    }

    /// Adds when the entry expires. It was read at `read`, or a little later.
    #[must_use]
    pub fn with_expiry(self, expires: Expires, read: SystemTime) -> Self {
        Self {
            expiration: Expiry::at(expires, read),
            ..self
        }
    }

    /// The entry of the line with this number, or what is wrong with it, in a sentence. Limits are not
    /// checked.
    pub fn into_entry(self, line: u64) -> Result<Entry, String> {
        let value = match (self.value, self.base64) {
            (Some(text), None) => Bytes::from(text.into_owned()),
            (None, Some(base64)) => STANDARD
                .decode(base64.as_bytes())
                .map_err(|error| format!("the field base64 is not base64: {error}"))?
                .into(),
            (Some(_), Some(_)) => return Err("both value and base64 are given; keep one".into()),
            (None, None) => return Err("neither value nor base64 is given".into()),
        };
        let expiry = match (self.expiration, self.expiration_ttl) {
            (None, None) => None,
            // A time before 1970 is past, as 1970 is.
            (Some(at), None) => Some(Expiry::At(u64::try_from(at).unwrap_or(0))),
            (None, Some(ttl)) => Some(Expiry::After(Duration::from_secs(ttl))),
            (Some(_), Some(_)) => {
                return Err("both expiration and expiration_ttl are given; keep one".into());
            }
        };
        Ok(Entry {
            key: self.key.into_owned(),
            value,
            expiry,
            line,
        })
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
            let entry = line.into_entry(7).unwrap();
            let expected = Entry {
                key: "a \"key\"\n\u{1f511}".to_owned(),
                value: Bytes::from_static(value),
                expiry: None,
                line: 7,
            };
            assert_eq!(entry, expected);
        }
    }

    #[test]
    fn a_time_to_live_comes_back_from_its_line() {
        let read = SystemTime::UNIX_EPOCH + Duration::from_millis(1_578_435_000_250);
        for (left, at) in [(750, 1_578_435_001), (751, 1_578_435_002)] {
            let expires = Expires::In(Duration::from_millis(left));
            let line = Line::new("k", b"v").with_expiry(expires, read);
            let json = serde_json::to_string(&line).unwrap();
            let expected = format!("{{\"key\":\"k\",\"value\":\"v\",\"expiration\":{at}}}");
            assert_eq!(json, expected);
            let line: Line = serde_json::from_str(&json).unwrap();
            let expiry = line.into_entry(1).unwrap().expiry.unwrap();
            assert_eq!(expiry, Expiry::At(at));
            let copied = expiry.ttl(read).unwrap();
            assert!(copied >= Duration::from_millis(left), "{copied:?}");
            assert!(copied < Duration::from_millis(left + 1000), "{copied:?}");
        }
        let line = Line::new("k", b"v").with_expiry(Expires::Never, read);
        let json = serde_json::to_string(&line).unwrap();
        assert_eq!(json, "{\"key\":\"k\",\"value\":\"v\"}");
    }

    #[test]
    fn a_line_may_say_when_it_expires() {
        for (rest, expiry) in [
            ("", None),
            (
                ",\"expiration\":1578435000",
                Some(Expiry::At(1_578_435_000)),
            ),
            (",\"expiration\":-1", Some(Expiry::At(0))),
            (
                ",\"expiration_ttl\":300",
                Some(Expiry::After(Duration::from_mins(5))),
            ),
            (",\"expiration\":null", None),
        ] {
            let json = format!("{{\"key\":\"k\",\"value\":\"v\"{rest}}}");
            let line: Line = serde_json::from_str(&json).unwrap();
            assert_eq!(line.into_entry(1).unwrap().expiry, expiry, "{json}");
        }
    }
}
