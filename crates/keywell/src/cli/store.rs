use std::sync::Arc;

use clap::Args;
use keywell::StoreUrl;
use keywell_store::Store;

use super::Failed;

/// Which store.
#[derive(Args)]
pub(super) struct StoreArguments {
    /// The store: memory:, disk:PATH, redis://HOST:PORT.
    #[arg(
        long,
        value_name = "URL",
        env = "KEYWELL_STORE",
        default_value = "disk:.keywell"
    )]
    pub(super) store: StoreUrl,
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
