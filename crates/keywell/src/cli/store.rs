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

fn url(text: &str) -> Result<StoreUrl, String> {
    text.parse()
        .map_err(|error: StoreUrlError| error.to_string())
}

// === impl StoreArguments ===

impl StoreArguments {
    pub(super) async fn open(&self) -> Result<Arc<dyn Store>, Failed> {
        keywell::open(&self.store).await.map_err(told)
    }

    /// As [`open`](Self::open), but makes no store: whoever only reads has mistaken its place.
    pub(super) async fn open_existing(&self) -> Result<Arc<dyn Store>, Failed> {
        keywell::open_existing(&self.store).await.map_err(told)
    }
}

fn told(error: keywell::OpenError) -> Failed {
    match error {
        keywell::OpenError::Store { .. } => Failed::Failure(error.to_string()),
        error => Failed::Usage(error.to_string()),
    }
}
