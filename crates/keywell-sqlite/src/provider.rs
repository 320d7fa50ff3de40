use std::path::{Path, PathBuf};
use std::sync::Arc;

use keywell_store::{
    Error, Failure, Making, OpenError, Opening, Provider, Setting, SettingKind, Store, StoreUrl,
    UrlForm,
};

use crate::{Options, SqliteStore};

/// The provider of stores in `SQLite` files, at `sqlite:PATH`.
#[derive(Clone, Copy, Debug, Default)]
pub struct SqliteProvider;

// === impl SqliteProvider ===

impl SqliteProvider {
    fn options(self, url: &StoreUrl, making: Making) -> Result<Options, OpenError> {
        if let Some(problem) = place_problem(url) {
            return Err(OpenError::Place {
                url: self.shown(url),
                problem,
            });
        }
        let settings = (&self as &dyn Provider).read_settings(url)?;
        let mut options = SqliteStore::builder();
        if let Some(events) = settings.number("history") {
            options = options.history_events(events);
        }
        if let Some(bytes) = settings.number("history-bytes") {
            options = options.history_bytes(bytes);
        }
        if let Some(bytes) = settings.number("cache") {
            options = options.cache_bytes(bytes);
        }
        if let Some(timeout) = settings.duration("busy-timeout") {
            options = options.busy_timeout(timeout);
        }
        if let Some(interval) = settings.duration("poll-interval") {
            options = options.poll_interval(interval);
        }
        if settings.text("durability") == Some("process") {
            options = options.unsynced();
        }
        Ok(match making {
            Making::Allowed => options,
            Making::Refused => options.existing(),
        })
    }
}

impl Provider for SqliteProvider {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn summary(&self) -> &'static str {
        "in a SQLite file on this machine, for several processes"
    }

    fn schemes(&self) -> &'static [&'static str] {
        &["sqlite"]
    }

    fn forms(&self) -> &'static [UrlForm] {
        &[UrlForm {
            form: "sqlite:PATH",
            help: "a file, which is created where there is none",
        }]
    }

    fn settings(&self) -> &'static [Setting] {
        const SETTINGS: &[Setting] = &[
            Setting::new(
                "history",
                SettingKind::Number(0..=u64::MAX),
                "100000",
                "how many events are kept for watches that resume; with 0, buckets cannot be watched",
            ),
            Setting::new(
                "history-bytes",
                SettingKind::Size,
                "64MiB",
                "how many bytes these events may have together; 0 keeps none",
            ),
            Setting::new(
                "durability",
                SettingKind::Choice(&["synced", "process"]),
                "synced",
                "whether an acknowledged write survives the loss of power, or only the end of the process",
            ),
            Setting::new(
                "busy-timeout",
                SettingKind::Duration(0..=3_600_000),
                "5s",
                "how long a call waits for a lock that another process holds",
            ),
            Setting::new(
                "poll-interval",
                SettingKind::Duration(1..=60_000),
                "50ms",
                "how often a watched store looks for what other processes wrote",
            ),
            Setting::new(
                "cache",
                SettingKind::Size,
                "8MiB",
                "how many bytes of the file each connection holds in memory",
            ),
        ];
        SETTINGS
    }

    /// A place that begins with `~` stays as it is: it is not a path, and opening refuses it.
    fn resolve(&self, place: &str, folder: &Path) -> String {
        if place.is_empty() || place.starts_with('~') {
            return place.to_owned();
        }
        // Joined to a folder, an absolute path stays as it is.
        folder.join(place).to_string_lossy().into_owned()
    }

    fn shown(&self, url: &StoreUrl) -> String {
        // What looks like the URL of a server may have a login.
        let place = url.place();
        if place.contains("://") || place.starts_with("//") {
            return url.to_string();
        }
        format!("{}:{place}", url.scheme())
    }

    fn check(&self, url: &StoreUrl) -> Result<(), OpenError> {
        self.options(url, Making::Refused).map(drop)
    }

    fn open(&self, url: &StoreUrl, making: Making) -> Opening {
        let options = self.options(url, making);
        let path = PathBuf::from(url.place());
        let url = self.shown(url);
        Box::pin(async move {
            let options = options?;
            // It waits for the disk, which must not block a thread that others need.
            let opened = tokio::task::spawn_blocking(move || options.open(path)).await;
            let refused = |source| OpenError::Store { url, source };
            match opened {
                Ok(Ok(store)) => Ok(Arc::new(store) as Arc<dyn Store>),
                Ok(Err(error)) => Err(refused(error.into())),
                Err(error) => {
                    let what = "the thread that opens the store ended early";
                    Err(refused(Error::Internal(Failure::caused_by(what, error))))
                }
            }
        })
    }
}

/// What is wrong with the place of a URL, and how it is written.
fn place_problem(url: &StoreUrl) -> Option<String> {
    let place = url.place();
    if place.is_empty() {
        return Some("has no place; write sqlite:PATH, where PATH is a file".to_owned());
    }
    if place.starts_with("//") {
        let slashes = "begins with //, which a path does not";
        return Some(format!(
            "{slashes}; write sqlite:/PATH for a path from the root on, or sqlite:PATH"
        ));
    }
    if place == ":memory:" {
        return Some("is no file; write memory: for a store in memory".to_owned());
    }
    if place.ends_with(std::path::is_separator) {
        return Some("is a folder; write the path of a file".to_owned());
    }
    if place.starts_with('~') {
        let behind = place.trim_start_matches(|character| character != '/');
        return Some(format!(
            "begins with ~, which only a shell replaces; write sqlite:/HOME{behind} with your home \
             folder as /HOME, or sqlite:./{place} for a file of that name"
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_is_no_path_of_a_file_is_refused_with_the_right_form() {
        for (url, form) in [
            ("sqlite:", "write sqlite:PATH"),
            ("sqlite::memory:", "write memory:"),
            ("sqlite:data/", "the path of a file"),
            ("sqlite:~/x?cache=1", "write sqlite:/HOME/x with"),
            ("sqlite:///x", "write sqlite:/PATH"),
            ("sqlite://u:hunter2@x", "write sqlite:/PATH"),
            ("sqlite:x?durability=none", "setting durability"),
        ] {
            let error = SqliteProvider.check(&url.parse().unwrap()).unwrap_err();
            let error = error.to_string();
            assert!(
                error.contains(form) && !error.contains("hunter2"),
                "{error}"
            );
        }
        let url = "sqlite:a/b.db?durability=process&busy-timeout=1s&poll-interval=10ms";
        SqliteProvider.check(&url.parse().unwrap()).unwrap();
        assert_eq!(SqliteProvider.resolve("x.db", "apps".as_ref()), "apps/x.db");
    }
}
