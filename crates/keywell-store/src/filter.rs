/// Which keys a watch is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Filter {
    /// Every key of the bucket.
    All,
    /// This key.
    Key(String),
    /// Every key that begins with this.
    Prefix(String),
    /// Every key that one of these matches; no key if the list is empty. A change is delivered once,
    /// however many of them match its key.
    AnyOf(Vec<Filter>),
}

// === impl Filter ===

impl Filter {
    /// Whether the watch is about this key.
    pub fn matches(&self, key: &str) -> bool {
        match self {
            Self::All => true,
            Self::Key(exact) => key == exact,
            Self::Prefix(prefix) => key.starts_with(prefix.as_str()),
            Self::AnyOf(filters) => filters.iter().any(|filter| filter.matches(key)),
        }
    }

    /// The same keys, each with this in front.
    #[must_use]
    pub fn behind(self, prefix: &str) -> Self {
        let longer = |key: String| format!("{prefix}{key}");
        match self {
            Self::All if prefix.is_empty() => Self::All,
            Self::All => Self::Prefix(prefix.to_owned()),
            Self::Key(key) => Self::Key(longer(key)),
            Self::Prefix(beginning) => Self::Prefix(longer(beginning)),
            Self::AnyOf(filters) => Self::AnyOf(
                filters
                    .into_iter()
                    .map(|filter| filter.behind(prefix))
                    .collect(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_of_several_is_about_what_any_of_them_is_about() {
        let several = Filter::AnyOf(vec![Filter::Key("a".into()), Filter::Prefix("b/".into())]);
        for (key, about) in [("a", true), ("b/1", true), ("b", false), ("ab/", false)] {
            assert_eq!(several.matches(key), about, "{key}");
        }
        assert!(!Filter::AnyOf(Vec::new()).matches("a"));
    }

    #[test]
    fn behind_a_prefix_the_same_keys_match() {
        let several = [
            Filter::All,
            Filter::Key("k".into()),
            Filter::Prefix("k".into()),
        ];
        for filter in several
            .iter()
            .cloned()
            .chain([Filter::AnyOf(several.to_vec())])
        {
            let behind = filter.clone().behind("p/");
            for key in ["k", "k1", "x"] {
                assert_eq!(behind.matches(&format!("p/{key}")), filter.matches(key));
                assert!(!behind.matches(&format!("q/{key}")));
            }
        }
    }
}
