use std::path::PathBuf;
use std::sync::Arc;

use keywell_store::{
    Making, OpenError, Opening, Provider, Setting, SettingKind, Store, StoreUrl, UrlForm,
};

use crate::{History, MemoryStore, preset};

/// The provider of stores in memory, at `memory:`.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryProvider;

// === impl MemoryProvider ===

impl MemoryProvider {
    /// An empty store at a URL, and the export file that it is to begin with.
    fn store(url: &StoreUrl) -> Result<(MemoryStore, Option<PathBuf>), OpenError> {
        let provider: &dyn Provider = &Self;
        if !url.place().is_empty() {
            return Err(OpenError::Place {
                url: url.to_string(),
                problem: "has a place, and memory has none; write memory:".to_owned(),
            });
        }
        let settings = provider.read_settings(url)?;
        let preset = settings.text("preset").map(PathBuf::from);
        let store = match settings.number("max-bytes") {
            None => MemoryStore::new(),
            Some(max_bytes) => {
                let usual = History::default();
                let history = History {
                    bytes: usual.bytes.min(max_bytes),
                    ..usual
                };
                MemoryStore::bounded(max_bytes, history)
            }
        };
        Ok((store, preset))
    }
}

impl Provider for MemoryProvider {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn summary(&self) -> &'static str {
        "in this process, and gone with it"
    }

    fn schemes(&self) -> &'static [&'static str] {
        &["memory"]
    }

    fn forms(&self) -> &'static [UrlForm] {
        &[UrlForm {
            form: "memory:",
            help: "a store of its own, empty at first",
        }]
    }

    fn settings(&self) -> &'static [Setting] {
        const SETTINGS: &[Setting] = &[
            Setting::new(
                "max-bytes",
                SettingKind::Size,
                "no bound",
                "how many bytes its buckets may hold together",
            ),
            Setting::new(
                "preset",
                SettingKind::Path,
                "none",
                "an export file, whose keys the bucket `default` has at first",
            ),
        ];
        SETTINGS
    }

    fn is_in_process(&self) -> bool {
        true
    }

    fn check(&self, url: &StoreUrl) -> Result<(), OpenError> {
        Self::store(url).map(drop)
    }

    fn open(&self, url: &StoreUrl, _: Making) -> Opening {
        let made = Self::store(url);
        let url = url.to_string();
        Box::pin(async move {
            let (store, preset) = made?;
            if let Some(preset) = preset {
                let filled = preset::fill(&store, preset).await;
                filled.map_err(|source| OpenError::Store { url, source })?;
            }
            Ok(Arc::new(store) as Arc<dyn Store>)
        })
    }
}
