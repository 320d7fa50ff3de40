use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::{DigestError, OciDistributionError, OciErrorCode};
use oci_client::manifest::{
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE,
    OCI_IMAGE_MEDIA_TYPE,
};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference, RegistryOperation};
use tokio::time::timeout;

use crate::digest::Digest;
use crate::error::Problem;
use crate::login::{Login, find};
use crate::manifest::Layer;
use crate::options::ImageOptions;
use crate::reference::ImageReference;

/// A conversation with the registry of one image, logged in.
pub(crate) struct Session {
    client: Client,
    reference: Reference,
    auth: RegistryAuth,
    /// As users write it.
    registry: String,
    source_of_login: Option<String>,
    patience: Duration,
}

/// The most bytes of a manifest, as registries have it.
const MAX_MANIFEST: usize = 4 << 20;

const MANIFESTS: [&str; 4] = [
    OCI_IMAGE_MEDIA_TYPE,
    IMAGE_MANIFEST_MEDIA_TYPE,
    OCI_IMAGE_INDEX_MEDIA_TYPE,
    IMAGE_MANIFEST_LIST_MEDIA_TYPE,
];

// === impl Session ===

impl Session {
    pub(crate) async fn open(
        reference: &ImageReference,
        options: &ImageOptions,
        operation: RegistryOperation,
    ) -> Result<Self, Problem> {
        let registry = reference.registry().to_owned();
        let login = find(&registry, options.patience).await?;
        let (auth, source_of_login) = match login {
            Some(Login {
                user,
                password,
                source,
            }) => (RegistryAuth::Basic(user, password), Some(source)),
            None => (RegistryAuth::Anonymous, None),
        };
        let session = Self {
            client: client(&registry, options)?,
            reference: reference.parsed().clone(),
            auth,
            registry,
            source_of_login,
            patience: options.patience,
        };
        let token = session
            .client
            .auth(&session.reference, &session.auth, operation);
        let token = session.within_patience(token).await?;
        // Sent as a header later, where `oci-client` takes it for well-formed.
        let is_header = |token: &String| token.bytes().all(|byte| byte.is_ascii_graphic());
        if !token.as_ref().is_none_or(is_header) {
            return Err(session.refused("its token is no text of ASCII"));
        }
        Ok(session)
    }

    /// Reads the manifest of this digest, or that of the reference.
    pub(crate) async fn manifest(
        &self,
        digest: Option<&Digest>,
    ) -> Result<(Digest, Bytes), Problem> {
        let reference = match digest {
            Some(digest) => self.reference.clone_with_digest(digest.to_string()),
            None => self.reference.clone(),
        };
        let pull = self
            .client
            .pull_manifest_raw(&reference, &self.auth, &MANIFESTS);
        let (manifest, _) = self.within_patience(pull).await?;
        if manifest.len() > MAX_MANIFEST {
            let problem = format!("its manifest has more than {MAX_MANIFEST} bytes");
            return Err(Problem::Unfit(problem));
        }
        let found = Digest::of(&manifest);
        match digest {
            Some(digest) if *digest != found => Err(Problem::Damaged {
                what: "its manifest",
                reason: format!("{found} came for {digest}"),
            }),
            _ => Ok((found, manifest)),
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
        let digest = layer.digest.to_string();
        // By its digest alone: a manifest may name other places, which are not looked at.
        let pull = self.client.pull_blob_stream(&self.reference, &*digest);
        let mut pieces = self.within_patience(pull).await?;
        let mut wasm = Vec::new();
        let arrived = |wasm: &Vec<u8>| wasm.len() as u64;
        while let Some(piece) = timeout(self.patience, pieces.next())
            .await
            .map_err(|_| self.silent())?
        {
            let piece = piece.map_err(|error| self.broken(error))?;
            wasm.extend_from_slice(&piece);
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
        Ok(wasm)
    }

    pub(crate) async fn push_blob(&self, blob: Bytes, digest: &Digest) -> Result<(), Problem> {
        let digest = digest.to_string();
        let push = self.client.push_blob(&self.reference, blob, &digest).await;
        push.map(drop).map_err(|error| self.problem(error))
    }

    pub(crate) async fn push_manifest(&self, manifest: Vec<u8>) -> Result<(), Problem> {
        let media_type = OCI_IMAGE_MEDIA_TYPE.parse();
        let media_type = media_type.expect("the type of manifests is a header");
        let push = self
            .client
            .push_manifest_raw(&self.reference, manifest, media_type);
        self.within_patience(push).await.map(drop)
    }

    /// Waits for an answer as long as a registry may be silent, even if it trickles.
    async fn within_patience<T>(
        &self,
        answer: impl Future<Output = Result<T, OciDistributionError>>,
    ) -> Result<T, Problem> {
        match timeout(self.patience, answer).await {
            Ok(answer) => answer.map_err(|error| self.problem(error)),
            Err(_) => Err(self.silent()),
        }
    }

    fn problem(&self, error: OciDistributionError) -> Problem {
        use OciDistributionError as Error;
        use OciErrorCode as Code;

        match error {
            Error::RequestError(error) if error.is_timeout() => self.silent(),
            Error::RequestError(error) => self.unreachable(&error),
            Error::AuthenticationFailure(_)
            | Error::UnauthorizedError { .. }
            | Error::ServerError {
                code: 401 | 403, ..
            } => self.login(),
            Error::RegistryError { envelope, .. } => {
                let has = |codes: &[Code]| {
                    let mut errors = envelope.errors.iter();
                    errors.any(|error| codes.contains(&error.code))
                };
                if has(&[Code::ManifestUnknown, Code::NameUnknown, Code::NotFound]) {
                    self.not_found()
                } else if has(&[Code::Unauthorized, Code::Denied]) {
                    self.login()
                } else if has(&[Code::Toomanyrequests]) {
                    self.unavailable(429)
                } else {
                    self.refused(&envelope.to_string())
                }
            }
            Error::ServerError { code, .. } if code == 429 || code >= 500 => self.unavailable(code),
            Error::ServerError { code: 404, .. } => self.not_found(),
            Error::ServerError { code, .. } => self.refused(&format!("its status is {code}")),
            Error::DigestError(error) => Problem::Damaged {
                what: "its manifest",
                reason: error.to_string(),
            },
            error => self.refused(&error.to_string()),
        }
    }

    /// What is wrong with a layer that stops in the middle or is another one.
    fn broken(&self, error: io::Error) -> Problem {
        let inner = error.get_ref();
        if let Some(digest) = inner.and_then(|inner| inner.downcast_ref::<DigestError>()) {
            return Problem::Damaged {
                what: "its layer",
                reason: digest.to_string(),
            };
        }
        match error.into_inner() {
            Some(inner) => self.unreachable(&*inner),
            None => self.unreachable(&io::Error::from(io::ErrorKind::UnexpectedEof)),
        }
    }

    fn unreachable(&self, error: &(dyn std::error::Error + 'static)) -> Problem {
        Problem::Unreachable {
            registry: self.registry.clone(),
            reason: root(error),
        }
    }

    fn silent(&self) -> Problem {
        Problem::Silent {
            registry: self.registry.clone(),
            patience: self.patience,
        }
    }

    fn unavailable(&self, code: u16) -> Problem {
        Problem::Unavailable {
            registry: self.registry.clone(),
            code,
        }
    }

    fn login(&self) -> Problem {
        Problem::Login {
            registry: self.registry.clone(),
            source_of_login: self.source_of_login.clone(),
        }
    }

    fn not_found(&self) -> Problem {
        Problem::NotFound {
            registry: self.registry.clone(),
        }
    }

    /// `reason` may be a text of the registry's, which is cut.
    fn refused(&self, reason: &str) -> Problem {
        Problem::Refused {
            registry: self.registry.clone(),
            reason: reason.chars().take(300).collect(),
        }
    }
}

fn client(registry: &str, options: &ImageOptions) -> Result<Client, Problem> {
    // The program has no other cryptography; where one is set already, it is this one.
    drop(rustls::crypto::ring::default_provider().install_default());
    let config = ClientConfig {
        protocol: if options.is_plain(registry) {
            ClientProtocol::Http
        } else {
            ClientProtocol::Https
        },
        platform_resolver: None,
        read_timeout: Some(options.patience),
        connect_timeout: Some(options.patience),
        user_agent: concat!("keywell/", env!("CARGO_PKG_VERSION")),
        ..ClientConfig::default()
    };
    Client::try_from(config).map_err(|error| Problem::Unreachable {
        registry: registry.to_owned(),
        reason: root(&error),
    })
}

/// The innermost cause: the others say "error sending request" and the URL.
fn root(error: &(dyn std::error::Error + 'static)) -> String {
    let mut root = error;
    while let Some(cause) = root.source() {
        root = cause;
    }
    let root = root.to_string();
    if root.contains("InvalidContentType") {
        return "it does not speak TLS; --insecure-registry allows plain HTTP".to_owned();
    }
    root
}
