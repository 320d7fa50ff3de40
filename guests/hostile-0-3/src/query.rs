//! The parameters of a request.

pub struct Query<'a>(&'a str);

// === impl Query ===

impl<'a> Query<'a> {
    pub fn new(query: &'a str) -> Self {
        Self(query)
    }

    /// The parameter as it was sent, or nothing.
    pub fn text(&self, name: &str) -> &'a str {
        self.0
            .split('&')
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
            .unwrap_or_default()
    }

    /// The parameter as a number; 1 when it is left out or is none.
    pub fn number(&self, name: &str) -> u64 {
        self.text(name).parse().unwrap_or(1)
    }
}
