use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::OpenError;

/// How a TLS connection is checked by both sides. Servers are always verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// The certificate authorities to trust, a PEM file; the system's unless set.
    pub ca: Option<PathBuf>,
    /// Our own certificate chain and its key, PEM files, for servers that ask for one.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

// === impl Tls ===

impl Tls {
    /// Reads the files.
    pub(crate) fn config(&self) -> Result<ClientConfig, OpenError> {
        let mut roots = RootCertStore::empty();
        match &self.ca {
            Some(path) => {
                for certificate in certificates(path)? {
                    roots
                        .add(certificate)
                        .map_err(|error| refused(path, error))?;
                }
            }
            None => {
                // A single unreadable certificate of the system's is not our affair.
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| OpenError::Tls(error.to_string()))?
            .with_root_certificates(roots);
        let Some((chain, key)) = &self.certificate else {
            return Ok(config.with_no_client_auth());
        };
        let own = certificates(chain)?;
        let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| refused(key, error))?;
        config
            .with_client_auth_cert(own, secret)
            .map_err(|error| refused(key, error))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, OpenError> {
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| refused(path, error))?;
    if certificates.is_empty() {
        return Err(refused(path, "there is no certificate in it"));
    }
    Ok(certificates)
}

fn refused(path: &Path, error: impl std::fmt::Display) -> OpenError {
    OpenError::Tls(format!("{}: {error}", path.display()))
}
