use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use clap::Args;
use keywell::{StoreUrl, StoreUrlError};
use keywell_config::{Secret, StorePlan};
use keywell_control::RemoteStore;
use keywell_store::Store;

use super::usage::Unshown;
use crate::cli::failed::Failed;

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
        value_parser = Unshown::new(url).suggesting(schemes),
        hide_possible_values = true,
        default_value = "disk:.keywell"
    )]
    pub(super) store: GivenUrl,
}

/// The URL of a store, and the text that it was given as, for a plan.
#[derive(Clone)]
pub(super) struct GivenUrl {
    text: Secret,
    url: StoreUrl,
}

/// What completion offers for a store: the beginnings of URLs.
pub(super) fn schemes() -> Vec<&'static str> {
    let forms = keywell::PROVIDERS
        .iter()
        .flat_map(|provider| provider.forms());
    let beginning = |form: &'static str| {
        let end = form.find(|c: char| c.is_ascii_uppercase() || c == '[');
        &form[..end.unwrap_or(form.len())]
    };
    forms.map(|form| beginning(form.form)).collect()
}

pub(super) fn url(text: &str) -> Result<GivenUrl, String> {
    let url = text.parse();
    let url = url.map_err(|error: StoreUrlError| error.to_string())?;
    let text = text.to_owned().into();
    Ok(GivenUrl { text, url })
}

// === impl GivenUrl ===

impl GivenUrl {
    /// Whether it was given as this text.
    pub(super) fn is(&self, text: &str) -> bool {
        self.text.expose() == text
    }

    /// Has the store in a plan.
    pub(super) fn plan(&self) -> StorePlan {
        StorePlan::new(self.text.expose())
    }
}

impl fmt::Display for GivenUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

impl Deref for GivenUrl {
    type Target = StoreUrl;

    fn deref(&self) -> &StoreUrl {
        &self.url
    }
}

// === impl StoreArguments ===

impl StoreArguments {
    /// Refuses a store that would be empty now and gone in the end.
    pub(super) fn check_lasting(&self) -> Result<(), Failed> {
        match keywell::provider(self.store.scheme()) {
            Some(provider) if provider.is_in_process() => Err(Failed::Usage(format!(
                "the store {} lives inside one process, and this one would begin with an empty \
                 one; name a store that lasts, such as disk:data",
                provider.shown(&self.store)
            ))),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether both lead to the same data, as far as their URLs show.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let folder = |store: &StoreUrl| {
            let folder = keywell::provider(store.scheme())?.folder(store)?;
            folder.canonicalize().ok()
        };
        let identities = keywell::identity(&self.store) == keywell::identity(&other.store);
        identities || folder(&self.store).is_some_and(|one| folder(&other.store) == Some(one))
    }

    /// The store, by way of the process that has it open if one does, else opened here.
    ///
    /// Of a store that is gone with the last process that has it open, there is to be one.
    pub(super) async fn reach(&self) -> Result<Arc<dyn Store>, Failed> {
        let provider = keywell::provider(self.store.scheme());
        if provider.is_some_and(|provider| !provider.outlives_processes()) {
            return self.reach_existing().await;
        }
        self.reach_or(keywell::open(&self.store)).await
    }

    /// As [`reach`](Self::reach), but makes no store: a caller that only reads has mistaken its place.
    pub(super) async fn reach_existing(&self) -> Result<Arc<dyn Store>, Failed> {
        self.reach_or(keywell::open_existing(&self.store)).await
    }

    async fn reach_or(
        &self,
        open: impl Future<Output = Result<Arc<dyn Store>, keywell::OpenError>>,
    ) -> Result<Arc<dyn Store>, Failed> {
        if let Some(store) = self.remote().await? {
            return Ok(store);
        }
        match open.await {
            Ok(store) => Ok(store),
            // A process may have opened it meanwhile.
            Err(error) => self.remote().await?.ok_or_else(|| failed(error)),
        }
    }

    /// The store by way of the process that has it open.
    async fn remote(&self) -> Result<Option<Arc<dyn Store>>, Failed> {
        let Some(provider) = keywell::provider(self.store.scheme()) else {
            return Ok(None);
        };
        provider.check(&self.store).map_err(failed)?;
        let Some(folder) = provider.folder(&self.store) else {
            return Ok(None);
        };
        let found = RemoteStore::find(&folder).await;
        Ok(found.map(|store| Arc::new(store) as Arc<dyn Store>))
    }

    #[cfg(feature = "conformance")]
    pub(super) async fn open(&self) -> Result<Arc<dyn Store>, Failed> {
        keywell::open(&self.store).await.map_err(failed)
    }
}

fn failed(error: keywell::OpenError) -> Failed {
    match error {
        keywell::OpenError::Store { .. } => Failed::Failure(error.to_string()),
        error => Failed::Usage(error.to_string()),
    }
}
