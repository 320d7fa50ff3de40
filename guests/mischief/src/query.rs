//! The parameters of a request.

pub struct Query<'a>(&'a str);

// === impl Query ===

impl<'a> Query<'a> {
    pub fn new(query: &'a str) -> Self {
        Self(query)
    }

    /// The parameter as it was sent.
    pub fn given(&self, name: &str) -> Option<&'a str> {
        self.0
            .split('&')
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }

    /// The parameter decoded; `key` has itself as default, others are empty.
    pub fn text(&self, name: &str) -> String {
        match self.given(name) {
            Some(value) => decode(value),
            None if name == "key" => name.into(),
            None => String::new(),
        }
    }

    /// The parameter as a number; 1 when it is left out or is none.
    pub fn number(&self, name: &str) -> u64 {
        self.given(name)
            .and_then(|text| text.parse().ok())
            .unwrap_or(1)
    }
}

/// Resolves `%41` and `+`. What is malformed stands for itself.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let (byte, tail) = match (first, tail) {
            (b'+', _) => (b' ', tail),
            (b'%', [high, low, after @ ..]) => match (nibble(*high), nibble(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, after),
                _ => (b'%', tail),
            },
            _ => (*first, tail),
        };
        bytes.push(byte);
        rest = tail;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16)?.try_into().ok()
}
