use std::path::{Path, PathBuf};
use std::sync::Arc;

use oci_client::RegistryOperation;
use tokio::task::spawn_blocking;

use crate::cache::Cache;
use crate::digest::Digest;
use crate::error::{Error, Problem};
use crate::manifest::{self, Chosen, Layer};
use crate::options::ImageOptions;
use crate::reference::ImageReference;
use crate::session::Session;

/// Images of registries, and a folder that keeps them. See the [front page](crate) for what it
/// guarantees.
pub struct Images {
    cache: Arc<Cache>,
    options: ImageOptions,
}

/// An image whose component is on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// The component.
    pub file: PathBuf,
    /// The digest of the image: that of its manifest.
    pub digest: Digest,
}

/// Where manifests and layers come from that are not kept.
#[derive(Clone, Copy)]
enum Source<'a> {
    Nowhere,
    Registry(&'a Session, &'a (dyn Fn(u64, u64) + Sync)),
}

// === impl Images ===

impl Images {
    /// Opens the folder, and makes it where it is missing.
    ///
    /// # Errors
    ///
    /// When it cannot be made, or when others may write to it.
    pub fn open(folder: &Path, options: ImageOptions) -> Result<Self, std::io::Error> {
        Ok(Self {
            cache: Arc::new(Cache::open(folder)?),
            options,
        })
    }

    /// Resolves a reference, and downloads what is not kept yet. `progress` is called with how many
    /// bytes of the layer arrived, and of how many.
    ///
    /// # Errors
    ///
    /// [`Error`], with the reference and the reason.
    pub async fn pull(
        &self,
        reference: &ImageReference,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<Pulled, Error> {
        let pulled = self.resolve(reference, progress).await;
        pulled.map_err(|problem| Error {
            action: "pull",
            reference: reference.to_string(),
            problem,
        })
    }

    /// The image as it is kept, without asking its registry; none if not all of it is there.
    ///
    /// # Errors
    ///
    /// [`Error`], with the reference and the reason.
    pub async fn kept(&self, reference: &ImageReference) -> Result<Option<Pulled>, Error> {
        let kept = self.kept_image(reference).await;
        kept.map_err(|problem| Error {
            action: "read",
            reference: reference.to_string(),
            problem,
        })
    }

    async fn resolve(
        &self,
        reference: &ImageReference,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<Pulled, Problem> {
        if reference.digest().is_some()
            && let Some(kept) = self.kept_image(reference).await?
        {
            return Ok(kept);
        }
        match self.newest(reference, progress).await {
            Err(problem) if problem.is_outage() => match self.kept_image(reference).await? {
                Some(kept) => {
                    let digest = &kept.digest;
                    tracing::warn!("using {digest}, which {reference} was last: {problem}");
                    Ok(kept)
                }
                None => Err(problem),
            },
            pulled => pulled,
        }
    }

    async fn newest(
        &self,
        reference: &ImageReference,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<Pulled, Problem> {
        let session = Session::open(reference, &self.options, RegistryOperation::Pull).await?;
        let (digest, manifest) = session.manifest(reference.digest()).await?;
        let (kept, bytes) = (digest.clone(), manifest.clone());
        self.with_cache(move |cache| cache.keep_manifest(&kept, &bytes))
            .await?;
        let source = Source::Registry(&session, progress);
        let Some(file) = self.component(&digest, source).await? else {
            let problem = "its manifests list each other".to_owned();
            return Err(Problem::Unfit(problem));
        };
        let (tag, kept) = (reference.clone(), digest.clone());
        let keep = self.with_cache(move |cache| {
            cache.keep_tag(&tag, &kept)?;
            cache.shrink();
            Ok(())
        });
        keep.await?;
        Ok(Pulled { file, digest })
    }

    async fn kept_image(&self, reference: &ImageReference) -> Result<Option<Pulled>, Problem> {
        let digest = if let Some(digest) = reference.digest() {
            Some(digest.clone())
        } else {
            let reference = reference.clone();
            self.with_cache(move |cache| cache.tag(&reference)).await?
        };
        let Some(digest) = digest else {
            return Ok(None);
        };
        let file = self.component(&digest, Source::Nowhere).await?;
        Ok(file.map(|file| Pulled { file, digest }))
    }

    /// The file of the component of a manifest.
    async fn component(
        &self,
        digest: &Digest,
        source: Source<'_>,
    ) -> Result<Option<PathBuf>, Problem> {
        let Some(manifest) = self.manifest(digest, source).await? else {
            return Ok(None);
        };
        let layer = match manifest::choose(&manifest)? {
            Chosen::Layer(layer) => layer,
            Chosen::Manifest(digest) => {
                let Some(manifest) = self.manifest(&digest, source).await? else {
                    return Ok(None);
                };
                match manifest::choose(&manifest)? {
                    Chosen::Layer(layer) => layer,
                    Chosen::Manifest(_) => return Ok(None),
                }
            }
        };
        self.layer(layer, source).await
    }

    async fn manifest(
        &self,
        digest: &Digest,
        source: Source<'_>,
    ) -> Result<Option<Vec<u8>>, Problem> {
        let wanted = digest.clone();
        let kept = self
            .with_cache(move |cache| cache.manifest(&wanted))
            .await?;
        let session = match (kept, source) {
            (Some(manifest), _) => return Ok(Some(manifest)),
            (None, Source::Nowhere) => return Ok(None),
            (None, Source::Registry(session, _)) => session,
        };
        let (digest, manifest) = session.manifest(Some(digest)).await?;
        let manifest = manifest.to_vec();
        let kept = self.with_cache(move |cache| {
            cache.keep_manifest(&digest, &manifest)?;
            Ok(manifest)
        });
        kept.await.map(Some)
    }

    async fn layer(&self, layer: Layer, source: Source<'_>) -> Result<Option<PathBuf>, Problem> {
        let digest = layer.digest.clone();
        let kept = self.with_cache(move |cache| cache.layer(&digest)).await?;
        let (session, progress) = match (kept, source) {
            (Some(file), _) => return Ok(Some(file)),
            (None, Source::Nowhere) => return Ok(None),
            (None, Source::Registry(session, progress)) => (session, progress),
        };
        let wasm = session.layer(&layer, progress).await?;
        manifest::check_start(&wasm)?;
        let keep = self.with_cache(move |cache| cache.keep_layer(&layer.digest, &wasm));
        keep.await.map(Some)
    }

    /// Does something with the folder, on a thread that may wait.
    async fn with_cache<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Cache) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, Problem> {
        let cache = self.cache.clone();
        let done = spawn_blocking(move || act(&cache)).await;
        Ok(done.map_err(std::io::Error::other)??)
    }
}
