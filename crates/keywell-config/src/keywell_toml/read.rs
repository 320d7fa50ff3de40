/// What became of a key.
pub(super) enum Read<T> {
    /// It is not given.
    Absent,
    /// It is given and wrong, which was reported: what follows from it is not reported again.
    Wrong,
    /// It is this.
    Is(T),
}

// === impl Read ===

impl<T> Read<T> {
    pub(super) fn ok(self) -> Option<T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Absent | Self::Wrong => None,
        }
    }

    pub(super) fn and_then<U>(self, read: impl FnOnce(T) -> Option<U>) -> Read<U> {
        match self {
            Self::Absent => Read::Absent,
            Self::Wrong => Read::Wrong,
            Self::Is(value) => read(value).map_or(Read::Wrong, Read::Is),
        }
    }

    pub(super) fn is_wrong(&self) -> bool {
        matches!(self, Self::Wrong)
    }
}
