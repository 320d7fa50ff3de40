use std::sync::Arc;

/// Why there is no answer.
#[derive(Clone, Debug)]
pub(crate) enum Lost {
    /// Certainly not sent.
    NotSent(Arc<str>),
    /// Sent, or partly: it may have been executed.
    MaybeSent(Arc<str>),
    /// Answered by more bytes than the caller can hold.
    TooLarge { bytes: usize, max: usize },
}

// === impl Lost ===

impl Lost {
    pub(crate) fn not_sent(reason: &'static str) -> Self {
        Self::NotSent(reason.into())
    }

    /// Why, for people.
    pub(crate) fn reason(self) -> Arc<str> {
        match self {
            Self::NotSent(reason) | Self::MaybeSent(reason) => reason,
            Self::TooLarge { bytes, max } => {
                format!("the reply has {bytes} bytes, more than the {max} allowed").into()
            }
        }
    }

    pub(super) fn abandoned() -> Self {
        Self::MaybeSent("the connection was closed".into())
    }
}
