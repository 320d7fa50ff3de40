use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::{BoxFuture, Error, Setting, SettingError, SettingKind, Settings, Store, StoreUrl};

/// A kind of store: how its URLs are written, which settings they take, and how it is opened.
///
/// Each store crate implements it once, on a unit type. Everything that a program says about a
/// kind of store (errors, help, completion, the tables of the documentation) is made from this.
pub trait Provider: Send + Sync {
    /// Its short name, which is also the heading of its settings: `memory`, `redis`.
    fn name(&self) -> &'static str;

    /// What it keeps its data in, as one line.
    fn summary(&self) -> &'static str;

    /// The schemes of its URLs, in lower case; the first is the usual one.
    fn schemes(&self) -> &'static [&'static str];

    /// The forms of its URLs; the first is the usual one.
    fn forms(&self) -> &'static [UrlForm];

    /// The settings that its URLs take.
    fn settings(&self) -> &'static [Setting];

    /// Whether its data lives in this process, and is gone with it.
    fn is_in_process(&self) -> bool {
        false
    }

    /// Whether its data is still there once no process has it open. If not, a command that opens it
    /// alone finds nothing and leaves nothing.
    fn outlives_processes(&self) -> bool {
        !self.is_in_process()
    }

    /// The folder of a store on this machine that one process at a time has open; others find that
    /// process there.
    fn folder(&self, url: &StoreUrl) -> Option<PathBuf> {
        let _ = url;
        None
    }

    /// The place of a URL with what is relative in it taken from a folder. Settings that are paths
    /// are taken from it, too.
    fn resolve(&self, place: &str, folder: &Path) -> String {
        let _ = folder;
        place.to_owned()
    }

    /// A URL of this kind as it may be shown, without its settings and its login.
    fn shown(&self, url: &StoreUrl) -> String {
        url.to_string()
    }

    /// Checks a URL as far as that is possible without opening anything.
    ///
    /// # Errors
    ///
    /// [`OpenError::Setting`] or [`OpenError::Place`], as [`open`](Self::open) has them.
    fn check(&self, url: &StoreUrl) -> Result<(), OpenError>;

    /// Opens the store at a URL, from within a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`OpenError`], whose text has no secret.
    fn open(&self, url: &StoreUrl, making: Making) -> Opening;
}

/// A store that is being opened.
pub type Opening = BoxFuture<Result<Arc<dyn Store>, OpenError>>;

/// A form of a kind of store's URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UrlForm {
    /// The form, with names in capitals for what varies: `disk:PATH`.
    pub form: &'static str,
    /// What it leads to, as one line.
    pub help: &'static str,
}

/// Whether a store is created where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Making {
    /// It is created.
    Allowed,
    /// Opening it fails, for callers that only read.
    Refused,
}

/// Why a store cannot be opened. The text shows no login and no value of a setting.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A kind of store has this scheme, and its feature is off.
    #[error("this build has no store for {scheme}:; build it with `--features {feature}`")]
    NotBuilt {
        /// The scheme asked for.
        scheme: String,
        /// The feature of the crate `keywell` that adds the store.
        feature: &'static str,
    },
    /// No kind of store has this scheme.
    #[error("unknown store scheme {scheme}:; {hint}")]
    UnknownScheme {
        /// The scheme asked for.
        scheme: String,
        /// The scheme that was most likely meant, or else the forms of URLs that are known.
        hint: String,
    },
    /// A setting is unknown, or its value is not allowed.
    #[error("the store {url}: {error}")]
    Setting {
        /// The store.
        url: String,
        /// Which setting, and what is wrong with it.
        error: SettingError,
    },
    /// The place is not one for this scheme.
    #[error("the store {url} {problem}")]
    Place {
        /// The store.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The store itself fails to open.
    #[error("cannot open the store {url}: {}", reason(source))]
    Store {
        /// The store.
        url: String,
        /// Its reason.
        source: Error,
    },
}

// === impl dyn Provider ===

impl dyn Provider + '_ {
    /// A URL of this kind with what is relative in it taken from a folder: its place, and the
    /// settings that are paths.
    pub fn resolved(&self, url: StoreUrl, folder: &Path) -> StoreUrl {
        let place = self.resolve(url.place(), folder);
        let is_path = |name: &str| {
            let mut settings = self.settings().iter();
            settings.any(|setting| setting.kind == SettingKind::Path && setting.is_called(name))
        };
        url.resolved(place, is_path, folder)
    }

    /// The settings of a URL, read and checked by this kind's table.
    ///
    /// # Errors
    ///
    /// [`OpenError::Setting`].
    pub fn read_settings(&self, url: &StoreUrl) -> Result<Settings, OpenError> {
        let settings = Settings::read(self.settings(), url.settings());
        settings.map_err(|error| OpenError::Setting {
            url: self.shown(url),
            error,
        })
    }
}

// An unopened store is unavailable anyway, so only the cause is of interest.
fn reason(error: &Error) -> String {
    match error {
        Error::Unavailable(failure) => failure.to_string(),
        error => error.to_string(),
    }
}
