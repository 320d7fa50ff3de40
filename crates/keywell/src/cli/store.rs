use std::sync::Arc;

use clap::Args;
use keywell::{StoreUrl, StoreUrlError};
use keywell_store::Store;

use super::Failed;
use super::usage::Unshown;

/// Which store.
#[derive(Args)]
pub(super) struct StoreArguments {
    /// The store: memory:, disk:PATH, redis://HOST:PORT; settings stand behind a question mark, as
    /// in ?layout=journal.
    #[arg(
        long,
        value_name = "URL",
        env = "KEYWELL_STORE",
        // It may have a password.
        hide_env_values = true,
        value_parser = Unshown(url),
        default_value = "disk:.keywell"
    )]
    pub(super) store: StoreUrl,
}

pub(super) fn url(text: &str) -> Result<StoreUrl, String> {
    text.parse()
        .map_err(|error: StoreUrlError| error.to_string())
}

// === impl StoreArguments ===

impl StoreArguments {
    pub(super) async fn open(&self) -> Result<Arc<dyn Store>, Failed> {
        open(&self.store).await
    }

    /// As [`open`](Self::open), but makes no store: whoever only reads has mistaken its place.
    pub(super) async fn open_existing(&self) -> Result<Arc<dyn Store>, Failed> {
        keywell::open_existing(&self.store).await.map_err(told)
    }
}

/// Opens the store at a URL, of whatever argument.
pub(super) async fn open(url: &StoreUrl) -> Result<Arc<dyn Store>, Failed> {
    keywell::open(url).await.map_err(told)
}

/// Names what a URL leads to, the same in every process and without secrets.
pub(super) fn identity(url: &StoreUrl) -> String {
    /// The settings that decide which keys are seen.
    const SEEN_BY: [&str; 4] = ["database", "db", "layout", "prefix"];
    let here = std::env::current_dir().unwrap_or_default();
    let place = keywell::relative_to(url.clone(), &here).to_string();
    let mut settings: Vec<String> = url
        .settings()
        .filter(|(name, _)| SEEN_BY.contains(name))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    settings.sort_unstable();
    format!("{place}?{}", settings.join("&"))
}

fn told(error: keywell::OpenError) -> Failed {
    match error {
        keywell::OpenError::Store { .. } => Failed::Failure(error.to_string()),
        error => Failed::Usage(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_has_what_decides_which_keys_are_seen_and_no_secret() {
        let of = |url: &str| identity(&url.parse().unwrap());
        let one = of("redis://u:hunter2@h:1/2?prefix=a&layout=flat&answer-timeout=2s");
        assert_eq!(
            one,
            of("redis://h:1/2?layout=flat&password=hunter2&prefix=a")
        );
        for other in [
            "redis://h:1/2?layout=flat",
            "redis://h:1/3?layout=flat&prefix=a",
        ] {
            assert_ne!(one, of(other), "{other}");
        }
        let here = std::env::current_dir().unwrap();
        assert_eq!(
            of("disk:x"),
            of(&format!("disk:{}", here.join("x").display()))
        );
    }
}
