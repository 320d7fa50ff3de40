use keywell_client::TlsError;
use keywell_store::{Error, Failure, SettingError};

/// Why a store on Redis did not open. No text of it has a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A setting, or the URL, is not as it has to be.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// A certificate or key cannot be used.
    #[error("a file for TLS cannot be used: {0}")]
    Tls(#[from] TlsError),
    /// The server cannot be reached, or refuses us.
    #[error("{0}")]
    Unavailable(String),
}

// === impl OpenError ===

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Self {
        Self::Unavailable(Failure::new(error.to_string()))
    }
}
