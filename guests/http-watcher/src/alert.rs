//! What is sent for a change. It knows nothing of WebAssembly, so its tests run anywhere.

/// A change of a key, as an alert describes it.
#[derive(Clone, Copy)]
pub struct KeyChange<'a> {
    pub key: &'a str,
    /// What it was set to; none if it was deleted.
    pub value: Option<&'a [u8]>,
}

/// What to make of a change.
pub struct Template {
    pub url: String,
    pub method: String,
    pub body: Option<String>,
    pub content_type: String,
}

/// A request, ready to be sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Alert {
    pub method: String,
    pub is_https: bool,
    pub authority: String,
    pub path_with_query: String,
    pub body: Option<String>,
    pub content_type: String,
    /// Whether the value stands in it as base64, because it is no UTF-8.
    pub is_base64: bool,
}

/// How a text is written where it is put.
#[derive(Clone, Copy)]
enum Escape {
    /// As a component of a query.
    Percent,
    /// Within the quotes of a JSON string.
    Json,
    None,
}

const URL: &str = "http://localhost:3001/alert?{key}={value}";

// === impl Template ===

impl Template {
    /// The template that variables describe; what they leave out is as usual.
    ///
    /// | Variable | Usually |
    /// |---|---|
    /// | `ALERT_URL` | `http://localhost:3001/alert?{key}={value}` |
    /// | `ALERT_METHOD` | `GET`, or `POST` with a body |
    /// | `ALERT_BODY` | none |
    /// | `ALERT_CONTENT_TYPE` | `text/plain; charset=utf-8` |
    ///
    /// In the URL and in the body `{key}`, `{value}` and `{operation}` stand for what changed:
    /// the operation is `SET` or `DEL`, and the value of what is gone is `nil`. In the URL they are
    /// percent-encoded, as in a body of the type `application/x-www-form-urlencoded`; in one whose
    /// type is JSON (`application/json`, `text/json`, or any that ends in `+json`) they are escaped for
    /// the quotes around them.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let given = |name| variable(name).filter(|value| !value.is_empty());
        let body = given("ALERT_BODY");
        let method = if body.is_some() { "POST" } else { "GET" };
        let content_type = "text/plain; charset=utf-8";
        Self {
            url: given("ALERT_URL").unwrap_or_else(|| URL.into()),
            method: given("ALERT_METHOD").unwrap_or_else(|| method.into()),
            body,
            content_type: given("ALERT_CONTENT_TYPE").unwrap_or_else(|| content_type.into()),
        }
    }

    /// The request for a change.
    ///
    /// # Errors
    ///
    /// What is wrong with the URL, without showing it.
    pub fn alert(&self, change: KeyChange<'_>) -> Result<Alert, String> {
        let (value, is_base64) = match change.value {
            None => ("nil".to_owned(), false),
            Some(value) => match std::str::from_utf8(value) {
                Ok(text) => (text.to_owned(), false),
                Err(_) => (base64(value), true),
            },
        };
        let operation = if change.value.is_some() { "SET" } else { "DEL" };
        let fill = |template: &str, escape: Escape| {
            let places = [
                ("{key}", change.key),
                ("{value}", &value),
                ("{operation}", operation),
            ];
            fill(template, &places, escape)
        };
        let url = fill(&self.url, Escape::Percent);
        // A fragment is not sent.
        let url = url.split('#').next().unwrap_or(&url);
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let is_https = match scheme {
            "http" => false,
            "https" => true,
            _ => return Err("ALERT_URL begins with http:// or https://, and this does not".into()),
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if without_login(authority).is_empty() {
            return Err("ALERT_URL names no host behind http:// or https://".into());
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Alert {
            method: self.method.clone(),
            is_https,
            authority: authority.to_owned(),
            path_with_query: format!("{slash}{path}"),
            body: self
                .body
                .as_deref()
                .map(|body| fill(body, Escape::of(&self.content_type))),
            content_type: self.content_type.clone(),
            is_base64,
        })
    }
}

// === impl Alert ===

impl Alert {
    /// The host and the port, without a login.
    pub fn host(&self) -> &str {
        without_login(&self.authority)
    }
}

// === impl Escape ===

impl Escape {
    /// How texts are written in a body of this type.
    fn of(content_type: &str) -> Self {
        let essence = content_type.split(';').next().unwrap_or_default();
        match &*essence.trim().to_ascii_lowercase() {
            "application/json" | "text/json" => Self::Json,
            "application/x-www-form-urlencoded" => Self::Percent,
            other if other.ends_with("+json") => Self::Json,
            _ => Self::None,
        }
    }
}

fn without_login(authority: &str) -> &str {
    authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host)
}

/// Puts texts in their places. What is put in is not looked at again, so a key may have `{value}`
/// in it.
fn fill(template: &str, places: &[(&str, &str)], escape: Escape) -> String {
    let mut filled = String::new();
    let mut rest = template;
    while let Some(brace) = rest.find('{') {
        filled.push_str(&rest[..brace]);
        rest = &rest[brace..];
        if let Some((name, text)) = places.iter().find(|(name, _)| rest.starts_with(name)) {
            put(text, escape, &mut filled);
            rest = &rest[name.len()..];
        } else {
            filled.push('{');
            rest = &rest[1..];
        }
    }
    filled.push_str(rest);
    filled
}

fn put(text: &str, escape: Escape, filled: &mut String) {
    use std::fmt::Write as _;

    match escape {
        Escape::None => filled.push_str(text),
        Escape::Percent => {
            for byte in text.bytes() {
                match byte {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                        filled.push(char::from(byte));
                    }
                    byte => {
                        let _ = write!(filled, "%{byte:02X}");
                    }
                }
            }
        }
        Escape::Json => {
            for char in text.chars() {
                match char {
                    '"' | '\\' => filled.extend(['\\', char]),
                    '\n' => filled.push_str("\\n"),
                    char if char.is_control() => {
                        let _ = write!(filled, "\\u{:04x}", u32::from(char));
                    }
                    char => filled.push(char),
                }
            }
        }
    }
}

/// Base64 with padding (RFC 4648).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |n: usize| u32::from(group.get(n).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for n in 0..4 {
            let digit = bits >> (18 - 6 * n) & 63;
            text.push(if n <= group.len() {
                char::from(DIGITS[digit as usize])
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(variables: &[(&str, &str)]) -> Template {
        Template::from_variables(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn alert(variables: &[(&str, &str)], key: &str, value: Option<&[u8]>) -> Alert {
        template(variables).alert(KeyChange { key, value }).unwrap()
    }

    #[test]
    fn usually_the_key_and_the_value_are_a_query() {
        let alert = alert(&[], "foo", Some(b"bar"));
        assert_eq!((&*alert.method, alert.is_https), ("GET", false));
        assert_eq!(alert.authority, "localhost:3001");
        assert_eq!(alert.path_with_query, "/alert?foo=bar");
        assert_eq!((alert.body, alert.is_base64), (None, false));
    }

    #[test]
    fn of_what_is_gone_the_value_is_nil() {
        assert_eq!(alert(&[], "foo", None).path_with_query, "/alert?foo=nil");
    }

    #[test]
    fn every_character_arrives_as_it_is() {
        for (key, value, path) in [
            (
                "café & b",
                "a=b?c#d",
                "/alert?caf%C3%A9%20%26%20b=a%3Db%3Fc%23d",
            ),
            ("a+b/c", "100%", "/alert?a%2Bb%2Fc=100%25"),
            ("{value}", "{key}", "/alert?%7Bvalue%7D=%7Bkey%7D"),
            ("\n\0", "\u{1f511}", "/alert?%0A%00=%F0%9F%94%91"),
            ("-._~", "", "/alert?-._~="),
        ] {
            assert_eq!(
                alert(&[], key, Some(value.as_bytes())).path_with_query,
                path
            );
        }
    }

    #[test]
    fn a_value_that_is_no_text_is_base64() {
        for (value, text) in [
            (&b"\xff"[..], "%2Fw%3D%3D"),
            (b"\xff\xfe", "%2F%2F4%3D"),
            (b"\xff\xfe\xfd", "%2F%2F79"),
            (b"\xff\x00\x10\x83", "%2FwAQgw%3D%3D"),
        ] {
            let alert = alert(&[], "k", Some(value));
            assert_eq!(alert.path_with_query, format!("/alert?k={text}"));
            assert!(alert.is_base64);
        }
    }

    #[test]
    fn the_request_is_what_the_variables_say() {
        let variables = [
            ("ALERT_URL", "https://example.com?op={operation}&{x}#top"),
            ("ALERT_BODY", "{\"key\":\"{key}\",\"value\":\"{value}\"}"),
            ("ALERT_CONTENT_TYPE", "application/json; charset=utf-8"),
        ];
        let made = alert(&variables, "a\"b", Some(b"\\\n\x01"));
        assert_eq!((&*made.method, made.is_https), ("POST", true));
        assert_eq!(
            (&*made.authority, &*made.path_with_query),
            ("example.com", "/?op=SET&{x}")
        );
        let body = made.body.unwrap();
        assert_eq!(body, "{\"key\":\"a\\\"b\",\"value\":\"\\\\\\n\\u0001\"}");
        let form = [
            ("ALERT_BODY", "{key}={value}"),
            ("ALERT_CONTENT_TYPE", "application/x-www-form-urlencoded"),
            ("ALERT_METHOD", "PUT"),
        ];
        let made = alert(&form, "a&b", None);
        assert_eq!(
            (&*made.method, made.body.as_deref()),
            ("PUT", Some("a%26b=nil"))
        );
        let made = alert(&[("ALERT_BODY", "{operation} {key}")], "a&b", None);
        assert_eq!(made.body.as_deref(), Some("DEL a&b"));
    }

    #[test]
    fn what_is_json_by_any_of_its_names_is_escaped_as_json() {
        for (content_type, body) in [
            ("Application/JSON", "a\\\"b"),
            ("application/json ;charset=utf-8", "a\\\"b"),
            ("application/cloudevents+json", "a\\\"b"),
            ("application/vnd.x+JSON; version=1", "a\\\"b"),
            ("text/json", "a\\\"b"),
            ("Application/X-WWW-Form-Urlencoded", "a%22b"),
            ("application/jsonx", "a\"b"),
            ("text/plain; x=+json", "a\"b"),
        ] {
            let variables = [
                ("ALERT_BODY", "{key}"),
                ("ALERT_CONTENT_TYPE", content_type),
            ];
            let made = alert(&variables, "a\"b", None);
            assert_eq!(made.body.as_deref(), Some(body), "{content_type}");
            assert_eq!(made.content_type, content_type);
        }
    }

    #[test]
    fn an_invalid_url_is_reported_without_secrets() {
        for (url, problem) in [
            ("localhost:3001/hunter2", "begins with http:// or https://"),
            ("ftp://u:hunter2@x", "begins with http:// or https://"),
            ("http://", "names no host"),
            ("http:///alert/hunter2", "names no host"),
            ("http://u:hunter2@/alert", "names no host"),
        ] {
            let template = template(&[("ALERT_URL", url)]);
            let change = KeyChange {
                key: "hunter2",
                value: Some(b"hunter2"),
            };
            let error = template.alert(change).unwrap_err();
            assert!(error.contains(problem), "{url}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_login_is_no_part_of_the_host() {
        for (url, host) in [
            ("http://u:p@x:1/a", "x:1"),
            ("http://u:p@q@x/a@b", "x"),
            ("http://x?u@v", "x"),
        ] {
            assert_eq!(alert(&[("ALERT_URL", url)], "k", None).host(), host);
        }
    }
}
