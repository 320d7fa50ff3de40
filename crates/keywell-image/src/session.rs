use bytes::Bytes;
use oci_client::manifest::{
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE,
    OCI_IMAGE_MEDIA_TYPE,
};
use oci_client::secrets::RegistryAuth;
use oci_client::{Reference, RegistryOperation};
use reqwest::Response;

use crate::digest::{Digest, Digester};
use crate::error::Problem;
use crate::http::{Http, body};
use crate::login::{Login, find};
use crate::manifest::Layer;
use crate::options::ImageOptions;
use crate::reference::ImageReference;
use crate::registry::Registry;
use crate::token::authorize;

/// A conversation with the registry of one image, logged in.
pub(crate) struct Session {
    pub(crate) registry: Registry,
    pub(crate) reference: Reference,
    /// The credentials that the registry requires.
    pub(crate) auth: RegistryAuth,
    pub(crate) http: Http,
}

/// The most bytes of a manifest, as registries have it.
const MAX_MANIFEST: usize = 4 << 20;

const MANIFESTS: [&str; 4] = [
    OCI_IMAGE_MEDIA_TYPE,
    IMAGE_MANIFEST_MEDIA_TYPE,
    OCI_IMAGE_INDEX_MEDIA_TYPE,
    IMAGE_MANIFEST_LIST_MEDIA_TYPE,
];

const DIGEST_HEADER: &str = "docker-content-digest";

// === impl Session ===

impl Session {
    pub(crate) async fn open(
        reference: &ImageReference,
        options: &ImageOptions,
        operation: RegistryOperation,
    ) -> Result<Self, Problem> {
        let name = reference.registry().to_owned();
        let login = find(&name, options.patience).await?;
        let (login, source) = match login {
            Some(Login {
                credentials,
                source,
            }) => (Some(credentials), Some(source)),
            None => (None, None),
        };
        let registry = Registry::new(name, source, options.patience);
        let reference = reference.parsed().clone();
        let http = Http::new(&reference, options, &registry)?;
        let auth = authorize(&http, &registry, &reference, login, operation);
        let auth = registry.within_patience(auth).await?;
        Ok(Self {
            registry,
            reference,
            auth,
            http,
        })
    }

    /// Reads the manifest of this digest, or that of the reference.
    pub(crate) async fn manifest(
        &self,
        digest: Option<&Digest>,
    ) -> Result<(Digest, Bytes), Problem> {
        let named = digest.map(Digest::to_string);
        let named = named.as_deref().or(self.reference.tag());
        let path = format!("manifests/{}", named.unwrap_or("latest"));
        let read = async {
            let answer = self.get(&path, &MANIFESTS.join(", ")).await?;
            let announced = answer.headers().get(DIGEST_HEADER);
            let announced = announced.and_then(|value| Digest::parse(value.to_str().ok()?));
            let body = body(answer, MAX_MANIFEST, &self.registry).await?;
            Ok((announced, body))
        };
        let (announced, manifest) = self.registry.within_patience(read).await?;
        let Some(manifest) = manifest else {
            let problem = format!("its manifest has more than {MAX_MANIFEST} bytes");
            return Err(Problem::Unfit(problem));
        };
        let found = Digest::of(&manifest);
        let wanted = digest.into_iter().chain(&announced);
        match wanted.into_iter().find(|digest| **digest != found) {
            Some(digest) => Err(Problem::Damaged {
                what: "its manifest",
                reason: format!("{found} came for {digest}"),
            }),
            None => Ok((found, manifest.into())),
        }
    }

    /// Downloads a layer. `progress` is called with how many bytes arrived, and of how many.
    pub(crate) async fn layer(
        &self,
        layer: &Layer,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<Vec<u8>, Problem> {
        let damaged = |reason| Problem::Damaged {
            what: "its layer",
            reason,
        };
        // By its digest alone: a manifest may name other places, which are not looked at.
        let path = format!("blobs/{}", layer.digest);
        let answer = self.get(&path, "*/*");
        let mut answer = self.registry.within_patience(answer).await?;
        let (mut wasm, mut digester) = (Vec::new(), Digester::default());
        let arrived = |wasm: &Vec<u8>| wasm.len() as u64;
        loop {
            let piece = async {
                let piece = answer.chunk().await;
                piece.map_err(|error| self.registry.failed(&error))
            };
            let Some(piece) = self.registry.within_patience(piece).await? else {
                break;
            };
            wasm.extend_from_slice(&piece);
            digester.add(&piece);
            if arrived(&wasm) > layer.bytes {
                let reason = format!("it is longer than {} bytes", layer.bytes);
                return Err(damaged(reason));
            }
            progress(arrived(&wasm), layer.bytes);
        }
        if arrived(&wasm) < layer.bytes {
            let (arrived, bytes) = (arrived(&wasm), layer.bytes);
            return Err(damaged(format!("{arrived} of {bytes} bytes came")));
        }
        let found = digester.digest();
        if found != layer.digest {
            return Err(damaged(format!("{found} came for {}", layer.digest)));
        }
        Ok(wasm)
    }

    async fn get(&self, path: &str, accept: &str) -> Result<Response, Problem> {
        let (reference, auth) = (&self.reference, &self.auth);
        let get = self
            .http
            .of_repository(reference, path, accept, auth, &self.registry);
        get.await
    }
}
