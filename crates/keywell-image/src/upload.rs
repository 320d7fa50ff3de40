use bytes::Bytes;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::manifest::OCI_IMAGE_MEDIA_TYPE;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, RegistryOperation};

use crate::digest::Digest;
use crate::error::Problem;
use crate::http::USER_AGENT;
use crate::options::ImageOptions;
use crate::reference::ImageReference;
use crate::session::Session;

/// An image on its way to a registry.
pub(crate) struct Upload {
    session: Session,
    client: Client,
}

// === impl Upload ===

impl Upload {
    pub(crate) async fn begin(
        reference: &ImageReference,
        options: &ImageOptions,
    ) -> Result<Self, Problem> {
        let session = Session::open(reference, options, RegistryOperation::Push).await?;
        let config = ClientConfig {
            protocol: if options.is_plain(reference.registry()) {
                ClientProtocol::Http
            } else {
                ClientProtocol::Https
            },
            platform_resolver: None,
            read_timeout: Some(options.patience),
            connect_timeout: Some(options.patience),
            user_agent: USER_AGENT,
            ..ClientConfig::default()
        };
        let client = Client::try_from(config);
        let client = client.map_err(|error| session.registry.unreachable(&error))?;
        let upload = Self { session, client };
        upload.log_in().await?;
        Ok(upload)
    }

    /// Passes on the credentials that the registry requires.
    async fn log_in(&self) -> Result<(), Problem> {
        let Session {
            registry,
            reference,
            auth,
            ..
        } = &self.session;
        match auth {
            RegistryAuth::Anonymous => {}
            RegistryAuth::Bearer(_) => {
                let name = reference.resolve_registry();
                self.client.store_auth_if_needed(name, auth).await;
            }
            // The client finds out by itself where the login goes.
            RegistryAuth::Basic(..) => {
                let log_in = async {
                    let operation = RegistryOperation::Push;
                    let token = self.client.auth(reference, auth, operation).await;
                    token.map_err(|error| self.problem(error))
                };
                registry.within_patience(log_in).await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn blob(&self, blob: Bytes, digest: &Digest) -> Result<(), Problem> {
        let (reference, digest) = (&self.session.reference, digest.to_string());
        let push = self.client.push_blob(reference, blob, &digest).await;
        push.map(drop).map_err(|error| self.problem(error))
    }

    pub(crate) async fn manifest(&self, manifest: Vec<u8>) -> Result<(), Problem> {
        let media_type = OCI_IMAGE_MEDIA_TYPE.parse();
        let media_type = media_type.expect("the type of manifests is a header");
        let push = async {
            let reference = &self.session.reference;
            let push = self
                .client
                .push_manifest_raw(reference, manifest, media_type);
            push.await.map(drop).map_err(|error| self.problem(error))
        };
        self.session.registry.within_patience(push).await
    }

    fn problem(&self, error: OciDistributionError) -> Problem {
        use OciDistributionError as Error;

        let registry = &self.session.registry;
        match error {
            Error::RequestError(error) => registry.failed(&error),
            Error::AuthenticationFailure(_) | Error::UnauthorizedError { .. } => registry.login(),
            Error::RegistryError { envelope, .. } => registry.envelope(&envelope),
            Error::ServerError { code, .. } => registry.status(code, &[]),
            error => registry.refused(&error.to_string()),
        }
    }
}
