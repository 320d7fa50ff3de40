use std::path::{Path, PathBuf};
use std::sync::Arc;

use keywell_store::{
    Error, Failure, Making, OpenError, Opening, Provider, Setting, SettingKind, Store, StoreUrl,
    UrlForm,
};

use crate::{DiskStore, Options};

/// The provider of stores on disk, at `disk:PATH`.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiskProvider;

// === impl DiskProvider ===

impl DiskProvider {
    fn options(self, url: &StoreUrl, making: Making) -> Result<Options, OpenError> {
        if let Some(problem) = folder_problem(url) {
            return Err(OpenError::Place {
                url: self.shown(url),
                problem,
            });
        }
        let settings = (&self as &dyn Provider).read_settings(url)?;
        let mut options = DiskStore::builder();
        if let Some(events) = settings.number("history") {
            options = options.history_events(events);
        }
        if let Some(bytes) = settings.number("history-bytes") {
            options = options.history_bytes(bytes);
        }
        if let Some(bytes) = settings.number("cache") {
            options = options.cache_bytes(bytes);
        }
        Ok(match making {
            Making::Allowed => options,
            Making::Refused => options.existing(),
        })
    }
}

impl Provider for DiskProvider {
    fn name(&self) -> &'static str {
        "disk"
    }

    fn summary(&self) -> &'static str {
        "in a folder on this machine, for one process at a time"
    }

    fn schemes(&self) -> &'static [&'static str] {
        &["disk"]
    }

    fn forms(&self) -> &'static [UrlForm] {
        &[UrlForm {
            form: "disk:PATH",
            help: "a folder, which is created where there is none",
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
                "cache",
                SettingKind::Size,
                "64MiB",
                "how many bytes of the file are held in memory",
            ),
        ];
        SETTINGS
    }

    fn folder(&self, url: &StoreUrl) -> Option<PathBuf> {
        Some(url.place().into())
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
        let is_path =
            !place.contains("://") && (!place.starts_with("//") || place[2..].starts_with('/'));
        if is_path {
            format!("{}:{place}", url.scheme())
        } else {
            url.to_string()
        }
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
fn folder_problem(url: &StoreUrl) -> Option<String> {
    let place = url.place();
    if place.is_empty() {
        return Some("has no place; write disk:PATH, where PATH is a folder".to_owned());
    }
    if let Some(slashed) = place.strip_prefix("//") {
        // As it is shown, for what looks like a login in it may be one.
        let shown = url.to_string();
        let shown = shown.trim_start_matches("disk://");
        let path = shown.trim_start_matches('/');
        return Some(if slashed.starts_with('/') {
            format!("is a path, which takes no // before it; write disk:/{path}")
        } else {
            format!(
                "has a host, and disk has none; write disk:{path}, or disk:/{path} for a path from \
                 the root on"
            )
        });
    }
    if place.starts_with('~') {
        let behind = place.trim_start_matches(|character| character != '/');
        return Some(format!(
            "begins with ~, which only a shell replaces; write disk:/HOME{behind} with your home \
             folder as /HOME, or disk:./{place} for a folder of that name"
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_place_is_taken_from_a_folder() {
        let joined = Path::new("apps").join("data");
        #[cfg(windows)]
        for place in [r"C:\data", "C:/data", r"\\server\share\data"] {
            assert_eq!(DiskProvider.resolve(place, r"D:\apps".as_ref()), place);
        }
        #[cfg(unix)]
        assert_eq!(DiskProvider.resolve("/data", "apps".as_ref()), "/data");
        for (place, there) in [
            ("data", joined.to_str().unwrap()),
            ("", ""),
            ("~/data", "~/data"),
        ] {
            assert_eq!(DiskProvider.resolve(place, "apps".as_ref()), there);
        }
    }

    #[test]
    fn a_path_is_shown_whole_and_a_login_is_not() {
        for (url, shown) in [
            ("disk:a@b", "disk:a@b"),
            (r"disk:C:\data\a@b", r"disk:C:\data\a@b"),
            ("disk:C:/data?cache=1", "disk:C:/data"),
            ("disk:/data/a:b@c?cache=1", "disk:/data/a:b@c"),
            ("disk:///a@b", "disk:///a@b"),
            ("disk:redis://u:hunter2@h", "disk:h"),
            ("disk://u:hunter2@h", "disk://h"),
        ] {
            assert_eq!(DiskProvider.shown(&url.parse().unwrap()), shown);
        }
    }
}
