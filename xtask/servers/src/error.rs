use std::path::PathBuf;
use std::time::Duration;

/// What a server did, or why it did not.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a server could not be started, sent a command, or ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A program is not installed.
    #[error("{0}")]
    Missing(String),
    /// `KEYWELL_TEST_STORES` leaves out the store whose server this is.
    #[error("KEYWELL_TEST_STORES leaves out {0}, whose server this test starts; use cargo-nextest")]
    LeftOut(&'static str),
    /// The server ended instead of starting.
    #[error("the server did not start, see its words:\n{log}")]
    NotStarted {
        /// The end of its log.
        log: String,
    },
    /// It is not running: it was killed, and not restarted.
    #[error("the server is not running")]
    NotRunning,
    /// It is running already.
    #[error("the server is running already")]
    Running,
    /// Something that had to happen did not.
    #[error("not within {within:?}: {what}")]
    Late {
        /// What was waited for, and what was there instead.
        what: String,
        /// How long it was waited for.
        within: Duration,
    },
    /// The server answered with an error.
    #[error("the server answered: {0}")]
    Refused(String),
    /// The server answered what it never should.
    #[error("the server's answer is not of its protocol: {0}")]
    Protocol(String),
    /// A command of the server's own tools failed.
    #[error("`{command}` failed: {output}")]
    Tool {
        /// The command.
        command: String,
        /// What it printed.
        output: String,
    },
    /// A file or folder of the server.
    #[error("{}: {source}", path.display())]
    File {
        /// Where.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The connection, or the system.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A certificate could not be made.
    #[error("a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
}

// === impl Error ===

impl Error {
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
