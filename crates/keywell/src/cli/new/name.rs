use std::ops::Deref;
use std::str::FromStr;

/// The name of a project, which Cargo takes for a package and TOML for a key.
#[derive(Clone, Debug)]
pub(super) struct ProjectName(String);

/// What Cargo or Rust have of their own, and what a project of the templates depends on.
const TAKEN: [&str; 63] = [
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "build",
    "const",
    "continue",
    "core",
    "crate",
    "deps",
    "do",
    "dyn",
    "else",
    "enum",
    "examples",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "incremental",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "proc_macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "wasip2",
    "where",
    "while",
    "wit-bindgen",
    "yield",
];

// === impl ProjectName ===

impl FromStr for ProjectName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const LONGEST: usize = 64;
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
        let is_name = text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.chars().all(is_plain)
            && text.len() <= LONGEST;
        if !is_name {
            return Err(format!(
                "a name is lower-case letters (a to z), digits, - and _, begins with a letter, and \
                 has at most {LONGEST} of them"
            ));
        }
        if TAKEN.contains(&text) {
            return Err("Rust, Cargo or a dependency has this name; choose another".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

impl Deref for ProjectName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_that_cargo_takes() {
        for name in ["a", "my-shop", "shop_2"] {
            assert_eq!(&*name.parse::<ProjectName>().unwrap(), name);
        }
        let long = "a".repeat(65);
        for name in [
            "",
            "-a",
            "2a",
            "Shop",
            "a b",
            "a/b",
            "..",
            "a.b",
            "é",
            "fn",
            "test",
            "wit-bindgen",
            &long,
        ] {
            name.parse::<ProjectName>().unwrap_err();
        }
    }
}
