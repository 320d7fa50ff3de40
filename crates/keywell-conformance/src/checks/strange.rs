//! Keys that stores are known to get wrong.

use crate::scratch::Handle;

/// Characters that have a meaning in patterns, protocols and joined names.
pub(super) const PUNCTUATION: &[&str] = &[
    ":", "::", "a:b", "a:", ":a", "*", "a*", "**", "?", "a?", "[a]", "[", "]", "[^a]", "{a}",
    "{a,b}", "\\", "\\*", "a\\", "%", "_", "%25", "a%2Fb", "a/b", "#", "$", "&", "&amp;", "|", ";",
    ",", "=", "<a>", "^a$", "~", "@", "!", "(a)", "+", "-", ".", ">", "a.>", "$KV",
];

/// Blanks and quotes, also at the ends, where some stores trim them.
pub(super) const BLANKS: &[&str] = &[
    " ",
    "  ",
    " a",
    "a ",
    " a ",
    "a b",
    "a  b",
    "'",
    "''",
    "a'b",
    "\"",
    "\"a\"",
    "`",
    "a\"b'c`d",
    "\u{a0}",
    "\u{2003}",
    "\u{feff}a",
    "a\u{200b}",
];

/// Line ends and other control characters.
pub(super) const CONTROLS: &[&str] = &[
    "\n",
    "a\nb",
    "a b",
    "a\rb",
    "a\n",
    "\r\n",
    "a\r\nb",
    "\t",
    "a\tb",
    "\u{1b}[31m",
    "\u{7f}",
    "\u{1}",
    "\u{85}",
    "\u{2028}",
    "GET a\r\nSET a b\r\n",
];

/// NULs, also with text after them.
pub(super) const NULS: &[&str] = &["\0", "\0\0", "a\0", "\0a", "a\0b", "a\0c", "a"];

/// Paths that a file system or a router would resolve.
pub(super) const PATHS: &[&str] = &[
    "/",
    "//",
    "a/b",
    "a//b",
    "/a",
    "a/",
    ".",
    "..",
    "./a",
    "../a",
    "a/../b",
    "a/./b",
    "~/a",
    "C:\\a",
    "file:///a",
    "con",
    "a.",
    "..%2Fa",
];

/// Text that a query, a shell or a formatter would interpret.
pub(super) const QUERIES: &[&str] = &[
    "' OR '1'='1",
    "'; DROP TABLE entries; --",
    "\"; --",
    "/* a */",
    "-- a",
    "$(a)",
    "${a}",
    "{0}",
    "%s",
    "%n",
    "{{a}}",
    "null",
    "NULL",
    "undefined",
    "true",
    "0",
    "-1",
    "1e3",
    "NaN",
    "FLUSHALL",
    "--help",
];

/// Several scripts, and pairs that normalisation or case folding would make equal.
pub(super) const SCRIPTS: &[&str] = &[
    "é",
    "e\u{301}",
    "ß",
    "ss",
    "ẞ",
    "İ",
    "i̇",
    "ı",
    "ǅ",
    "ｋ",
    "k",
    "\u{212a}",
    "ключ",
    "キー",
    "مفتاح",
    "מפתח",
    "🗝",
    "👨‍👩‍👧",
    "👨",
    "🇧🇪",
    "\u{10ffff}",
    "\u{fffd}",
    "\u{202e}a",
    "ﬁ",
    "fi",
];

/// Pairs that a collation would treat as equal.
pub(super) const ALIKE: &[&str] = &[
    "a", "A", "a ", "a\u{301}", "aa", "AA", "aA", "1", "01", "1.0", "001", "k1", "k01", "K1", "-0",
];

/// All of the above that the bucket can hold, without duplicates.
pub(super) fn all(bucket: &Handle) -> Vec<&'static str> {
    let alphabet = bucket.capabilities().alphabet;
    let lists = [
        PUNCTUATION,
        BLANKS,
        CONTROLS,
        NULS,
        PATHS,
        QUERIES,
        SCRIPTS,
        ALIKE,
    ];
    let mut keys = lists.concat();
    keys.sort_unstable();
    keys.dedup();
    keys.retain(|key| alphabet.has(key));
    keys
}
