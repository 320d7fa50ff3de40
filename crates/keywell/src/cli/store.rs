use std::sync::Arc;

use clap::Args;
use keywell::StoreUrl;
use keywell_store::Store;

use super::Failed;

/// Which store.
#[derive(Args)]
pub(super) struct StoreArguments {
    /// The store: memory: or disk:PATH.
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
        keywell::open(&self.store)
            .await
            .map_err(|error| match error {
                keywell::OpenError::Store { .. } => Failed::Failure(error.to_string()),
                error => Failed::Usage(error.to_string()),
            })
    }
}
