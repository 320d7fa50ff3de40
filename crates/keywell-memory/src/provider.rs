use std::sync::Arc;

use keywell_store::{
    Making, OpenError, Opening, Provider, Setting, SettingKind, Store, StoreUrl, UrlForm,
};

use crate::{History, MemoryStore};

/// The provider of stores in memory, at `memory:`.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryProvider;

// === impl MemoryProvider ===

impl MemoryProvider {
    fn store(url: &StoreUrl) -> Result<MemoryStore, OpenError> {
        let provider: &dyn Provider = &Self;
        if !url.place().is_empty() {
            return Err(OpenError::Place {
                url: url.to_string(),
                problem: "has a place, and memory has none; write memory:".to_owned(),
            });
        }
        let settings = provider.read_settings(url)?;
        Ok(match settings.number("max-bytes") {
            None => MemoryStore::new(),
            Some(max_bytes) => {
                let usual = History::default();
                let history = History {
                    bytes: usual.bytes.min(max_bytes),
                    ..usual
                };
                MemoryStore::bounded(max_bytes, history)
            }
        })
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
        const SETTINGS: &[Setting] = &[Setting::new(
            "max-bytes",
            SettingKind::Size,
            "no bound",
            "how many bytes its buckets may hold together",
        )];
        SETTINGS
    }

    fn is_in_process(&self) -> bool {
        true
    }

    fn check(&self, url: &StoreUrl) -> Result<(), OpenError> {
        Self::store(url).map(drop)
    }

    fn open(&self, url: &StoreUrl, _: Making) -> Opening {
        let store = Self::store(url).map(|store| Arc::new(store) as Arc<dyn Store>);
        Box::pin(std::future::ready(store))
    }
}
