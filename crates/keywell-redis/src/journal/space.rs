use keywell_store::BucketName;

/// The names of what one shard of a bucket has in Redis.
///
/// All of them have the same hash tag, so that a cluster keeps them in one slot.
#[derive(Clone, Debug)]
pub(crate) struct Space {
    /// `:keywell:{orders}`, or `:keywell:{orders:2/8}` of a bucket with several shards.
    base: String,
}

// === impl Space ===

impl Space {
    /// How many keys that are no values a script is given.
    pub(crate) const HEAD: usize = 5;

    pub(crate) fn new(prefix: &str, bucket: &BucketName, shard: usize, shards: usize) -> Self {
        let bucket = escape(bucket.as_str());
        let base = if shards == 1 {
            format!("{prefix}{{{bucket}}}")
        } else {
            format!("{prefix}{{{bucket}:{shard}/{shards}}}")
        };
        Self { base }
    }

    /// Meta, index, versions, due and stream: what every script that writes gets first.
    pub(crate) fn head(&self) -> [String; Self::HEAD] {
        ["meta", "index", "versions", "due", "stream"].map(|what| self.of(what))
    }

    pub(crate) fn index(&self) -> String {
        self.of("index")
    }

    pub(crate) fn versions(&self) -> String {
        self.of("versions")
    }

    pub(crate) fn due(&self) -> String {
        self.of("due")
    }

    pub(crate) fn stream(&self) -> String {
        self.of("stream")
    }

    /// The value of a key.
    pub(crate) fn value(&self, key: &str) -> String {
        format!("{}={key}", self.base)
    }

    /// How many bytes of a value's name are not its key.
    pub(crate) fn skip(&self) -> usize {
        self.base.len() + 1
    }

    fn of(&self, what: &str) -> String {
        format!("{}:{what}", self.base)
    }
}

/// A bucket's name without what has a meaning in the names of a space.
fn escape(bucket: &str) -> String {
    let mut escaped = String::with_capacity(bucket.len());
    for character in bucket.chars() {
        match character {
            '%' => escaped.push_str("%25"),
            ':' => escaped.push_str("%3A"),
            '{' => escaped.push_str("%7B"),
            '}' => escaped.push_str("%7D"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn space(bucket: &str, shard: usize, shards: usize) -> Space {
        let bucket = BucketName::parse(bucket).unwrap();
        Space::new(":keywell:", &bucket, shard, shards)
    }

    #[test]
    fn names_of_different_spaces_never_meet() {
        let buckets = [
            "a", "a:b", "a%3Ab", "a:0/2", "{a}", "a}", "a=b", "a}=k", "a}:meta", "%",
        ];
        let mut names = HashSet::new();
        let mut bytes = 0;
        for bucket in buckets {
            for (shard, shards) in [(0, 1), (0, 2), (1, 2)] {
                let space = space(bucket, shard, shards);
                let values = ["k", ":meta", "meta", "=k", ""].map(|key| space.value(key));
                bytes += Space::HEAD + values.len();
                names.extend(space.head());
                names.extend(values);
            }
        }
        assert_eq!(names.len(), bytes);
    }

    #[test]
    fn all_names_of_a_space_have_one_hash_tag() {
        let space = space("a{b}c", 1, 4);
        for name in [space.value("x{y}"), space.stream()] {
            let (_, behind) = name.split_once('{').unwrap();
            let (tag, _) = behind.split_once('}').unwrap();
            assert_eq!(tag, "a%7Bb%7Dc:1/4");
        }
        assert_eq!(space.value("key")[space.skip()..], *"key");
    }
}
