use std::path::Path;
use std::sync::Arc;

use keywell_client::TlsError;
use rustls::ServerConfig;
use tokio_rustls::{Accept, TlsAcceptor};

use super::wire::Wire;
use crate::Error;

/// What a server encrypts its connections with: TLS 1.2 and 1.3, with HTTP/2 and HTTP/1.1 by ALPN.
/// Cloning it gives another handle.
#[derive(Clone)]
pub struct HttpTls(TlsAcceptor);

// === impl HttpTls ===

impl HttpTls {
    /// Reads a certificate with those up to the root, and its key, from PEM files. It blocks the
    /// thread.
    ///
    /// # Errors
    ///
    /// [`Error::Tls`], which names the file.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let (chain, secret) = keywell_client::identity(certificate, key)?;
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Refused)?
            .with_no_client_auth();
        let mut config =
            config
                .with_single_cert(chain, secret)
                .map_err(|error| TlsError::File {
                    path: key.to_owned(),
                    problem: format!("it does not fit {}: {error}", certificate.display()),
                })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config).into()))
    }

    /// Begins the handshake on a connection.
    pub(super) fn accept(&self, wire: Wire) -> Accept<Wire> {
        self.0.accept(wire)
    }
}
