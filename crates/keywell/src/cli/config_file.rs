use std::fs::File;
use std::io::Read as _;

/// A file of configuration values, a line `KEY=VALUE` each.
#[derive(Clone)]
pub(super) struct ConfigFile(Vec<(String, String)>);

// === impl ConfigFile ===

impl ConfigFile {
    const MAX_BYTES: u64 = 1 << 20;

    /// Reads a file. Empty lines and those that begin with `#` are skipped; spaces around a key and
    /// around a value are no part of it.
    ///
    /// # Errors
    ///
    /// Why it cannot be read, or which line is wrong. No value is shown.
    pub(super) fn read(path: &str) -> Result<Self, String> {
        let mut text = String::new();
        File::open(path)
            .and_then(|file| file.take(Self::MAX_BYTES + 1).read_to_string(&mut text))
            .map_err(|error| error.to_string())?;
        if text.len() as u64 > Self::MAX_BYTES {
            return Err(format!("it is larger than {} bytes", Self::MAX_BYTES));
        }
        Self::parse(&text)
    }

    /// The values, in the order of the file.
    pub(super) fn values(&self) -> &[(String, String)] {
        &self.0
    }

    fn parse(text: &str) -> Result<Self, String> {
        // The byte order mark that some editors begin a file with.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = text.lines().enumerate();
        let lines = lines.map(|(at, line)| (at + 1, line.trim()));
        let values = lines
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
            .map(|(number, line)| match line.split_once('=') {
                Some((key, value)) if !key.trim_end().is_empty() => {
                    Ok((key.trim_end().to_owned(), value.trim_start().to_owned()))
                }
                _ => Err(format!("line {number}: write KEY=VALUE")),
            });
        values.collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_value_a_comment_or_wrong() {
        let file = ConfigFile::parse("\u{feff}# a comment\r\n\na = 1\r\nb.c=x=y\nd=\n").unwrap();
        let expected = [("a", "1"), ("b.c", "x=y"), ("d", "")];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(file.values(), expected);
        for (wrong, line) in [("a=1\nsecret", 2), ("=x", 1)] {
            let error = ConfigFile::parse(wrong).err().unwrap();
            assert_eq!(error, format!("line {line}: write KEY=VALUE"));
        }
    }
}
