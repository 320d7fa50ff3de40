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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_split_at_its_first_parenthesis() {
        for (text, name, arguments) in [
            ("f()", "f", "()"),
            (
                " a:b/c@1.0.0-rc.1+x.{f} (1, \"(\") ",
                "a:b/c@1.0.0-rc.1+x.{f}",
                "(1, \"(\")",
            ),
            ("[method]a.b(", "[method]a.b", "("),
        ] {
            assert_eq!(Written::parse(text).unwrap(), Written { name, arguments });
        }
        for text in ["", "f", "()", "f g()", "\"f\"()", "f\n", "é()"] {
            let error = Written::parse(text).unwrap_err();
            assert!(matches!(error, CallError::NoCall(_)), "{text}: {error}");
        }
    }
}
