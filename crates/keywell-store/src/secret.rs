use std::fmt;

/// Text that may be secret: a password, a URL with a login, a token.
///
/// `Debug` does not show it, and it has no `Display`, so that it cannot reach a log or a message by
/// accident. Whatever needs the text calls [`expose`](Self::expose), which is easy to search for.
/// Its memory is not cleared when it is dropped.
///
/// ```
/// use keywell_store::Secret;
///
/// let password = Secret::from("hunter2".to_owned());
/// assert_eq!(format!("{password:?}"), "Secret(..)");
/// assert_eq!(password.expose(), "hunter2");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

// === impl Secret ===

impl Secret {
    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
