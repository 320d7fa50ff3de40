/// A method of a bucket, as calls are counted and faults are scripted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each is the method of this name")]
pub enum Method {
    Get,
    Exists,
    Set,
    Delete,
    Swap,
    Increment,
    GetMany,
    SetMany,
    DeleteMany,
    List,
    Watch,
    /// A check or a write of a transaction.
    Transact,
    /// An operation on a list or a set.
    Collect,
}

/// All methods, in their order.
pub const METHODS: [Method; 13] = [
    Method::Get,
    Method::Exists,
    Method::Set,
    Method::Delete,
    Method::Swap,
    Method::Increment,
    Method::GetMany,
    Method::SetMany,
    Method::DeleteMany,
    Method::List,
    Method::Watch,
    Method::Transact,
    Method::Collect,
];

// === impl Method ===

impl Method {
    /// Its name, as in `get-many`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Exists => "exists",
            Self::Set => "set",
            Self::Delete => "delete",
            Self::Swap => "swap",
            Self::Increment => "increment",
            Self::GetMany => "get-many",
            Self::SetMany => "set-many",
            Self::DeleteMany => "delete-many",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Transact => "transact",
            Self::Collect => "collect",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_method_has_a_place_of_its_own() {
        for (at, method) in METHODS.into_iter().enumerate() {
            assert_eq!(method as usize, at);
        }
    }
}
