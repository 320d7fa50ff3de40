use super::error::CallError;

/// A call as it is written, `NAME(ARGUMENTS)`, split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written<'a> {
    /// The name of the function.
    pub name: &'a str,
    /// The arguments with the parentheses.
    arguments: &'a str,
}

// === impl Written ===

impl<'a> Written<'a> {
    /// Splits a call.
    ///
    /// # Errors
    ///
    /// [`CallError::NoCall`].
    pub fn parse(text: &'a str) -> Result<Self, CallError> {
        let text = text.trim();
        let start = text.find('(');
        match start.map(|start| text.split_at(start)) {
            Some((name, arguments)) if is_name(name.trim_end()) => Ok(Self {
                name: name.trim_end(),
                arguments,
            }),
            _ => {
                let shown: String = text.chars().take(60).collect();
                Err(CallError::NoCall(shown))
            }
        }
    }

    /// The arguments, parentheses included.
    pub fn arguments(&self) -> &'a str {
        self.arguments
    }

    /// What is between the parentheses.
    pub(super) fn inner(&self) -> Option<&'a str> {
        let inner = self.arguments.strip_prefix('(')?;
        inner.strip_suffix(')')
    }
}

/// Whether these are characters of a name, with those of an interface, a version and braces.
fn is_name(text: &str) -> bool {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || "-_:/@.+{}[]%#".contains(c);
    !text.is_empty() && text.chars().all(is_of_name)
}
