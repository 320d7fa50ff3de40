use keywell_client::TlsError;
use keywell_store::{Error, Failure, Invalid, SettingError};
use tokio_postgres::error::SqlState;

/// Why a store in PostgreSQL did not open. No text of it has a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A setting, or the URL, is not as it has to be.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// A certificate or key cannot be used.
    #[error("a file for TLS cannot be used: {0}")]
    Tls(#[from] TlsError),
    /// No server can be reached, or it refuses us.
    #[error(transparent)]
    Unavailable(Error),
    /// The server is older than 13.
    #[error("the server is PostgreSQL {0}, and the store needs 13 or newer")]
    Old(String),
    /// The database cannot hold all text.
    #[error("the database has the encoding {0}, and the store needs UTF8; choose another database")]
    Encoding(String),
    /// There are no tables, and [`Options::existing`](crate::Options::existing) forbids to create
    /// them.
    #[error("there is no store in the schema {0}")]
    Missing(String),
    /// The schema has tables that are not those of a store.
    #[error("the schema {0} has tables that Keywell did not make; set another `schema`")]
    Foreign(String),
    /// The tables are of a later version of Keywell.
    #[error(
        "the schema {schema} has version {found}, and this Keywell knows versions up to {known}; update \
         Keywell"
    )]
    Newer {
        /// The schema of the tables.
        schema: String,
        /// Their version.
        found: i32,
        /// The newest version that is known.
        known: usize,
    },
}

// === impl OpenError ===

impl From<Error> for OpenError {
    fn from(error: Error) -> Self {
        Self::Unavailable(error)
    }
}

impl From<tokio_postgres::Error> for OpenError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Unavailable(refused(error))
    }
}

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Unavailable(error) => error,
            OpenError::Foreign(_) | OpenError::Newer { .. } => {
                Self::Corrupt(Failure::new(error.to_string()))
            }
            error => Self::Unavailable(Failure::new(error.to_string())),
        }
    }
}

/// The error where nothing was written: a read, a login, or a write that was not sent.
pub(crate) fn refused(error: tokio_postgres::Error) -> Error {
    let Some(code) = error.code() else {
        return Error::Unavailable(Failure::caused_by("PostgreSQL", error));
    };
    match code.code() {
        // Raised by the function `apply`.
        "KW001" => Invalid::NotANumber.into(),
        "KW002" => Invalid::Overflow.into(),
        _ if *code == SqlState::INSUFFICIENT_PRIVILEGE => {
            tracing::warn!(%error, "PostgreSQL refuses an operation to the role");
            Error::AccessDenied("the role of the database may not do this".into())
        }
        // The server does not show the functions and tables of a schema that the role may not use.
        _ if [SqlState::UNDEFINED_FUNCTION, SqlState::UNDEFINED_TABLE].contains(code) => {
            let what = "the store's tables are missing, or the role may not use its schema";
            Error::Corrupt(Failure::caused_by(what, error))
        }
        // Connections, logins, transactions rolled back, resources, intervention of an operator, the
        // system, and a database or a state that is not there now.
        other => match &other[..2] {
            "08" | "25" | "28" | "3D" | "40" | "53" | "55" | "57" | "58" => {
                Error::Unavailable(Failure::caused_by("PostgreSQL", error))
            }
            // A table or function of the store is of another shape, or data is damaged.
            "42" | "XX" => Error::Corrupt(Failure::caused_by("a table of the store", error)),
            _ => Error::Internal(Failure::caused_by("PostgreSQL", error)),
        },
    }
}

/// The error of a write that was sent.
pub(crate) fn sent(error: tokio_postgres::Error) -> Error {
    let is_answered = error.code().is_some_and(|code| !ends_connection(code));
    if is_answered {
        refused(error)
    } else {
        Error::Ambiguous(Failure::caused_by("PostgreSQL", error))
    }
}

/// Whether a connection cannot be used after an error.
pub(crate) fn breaks(error: &tokio_postgres::Error) -> bool {
    let breaks = |code: &SqlState| {
        // A server that has become a replica is left, too, and statements that no longer fit.
        ends_connection(code)
            || *code == SqlState::READ_ONLY_SQL_TRANSACTION
            || *code == SqlState::FEATURE_NOT_SUPPORTED
    };
    error.code().is_none_or(breaks)
}

/// Whether the server ends the connection with this error, at a moment that says nothing of a write.
fn ends_connection(code: &SqlState) -> bool {
    [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
    ]
    .contains(code)
        || code.code().starts_with("08")
}
