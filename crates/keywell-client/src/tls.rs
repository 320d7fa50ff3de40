use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;

/// An encrypted connection.
pub type TlsStream = tokio_rustls::client::TlsStream<TcpStream>;

/// How both sides of a TLS connection are checked. TLS 1.2 and 1.3; servers are always verified.
///
/// The default trusts the authorities that the system trusts, so that an organisation's own
/// authority needs no setting, and presents no certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// The certificate authorities to trust, a PEM file; the system's unless set.
    pub ca: Option<PathBuf>,
    /// The certificate authorities to trust, as PEM text, besides those of the file.
    pub ca_pem: Option<String>,
    /// Our own certificate chain and its key, PEM files, for servers that ask for one.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// Encrypts connections, by settings that were read once. A clone shares them.
#[derive(Clone)]
pub struct TlsConnector(tokio_rustls::TlsConnector);

/// Why settings of TLS cannot be used. No text of it has a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read, or is no PEM file of what it should hold.
    #[error("{path}: {problem}", path = path.display())]
    File {
        /// The file, as it is set.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Text is no PEM text of what it should hold.
    #[error("the PEM text of the authorities to trust: {0}")]
    Text(String),
    /// The TLS library refuses the settings as a whole.
    #[error(transparent)]
    Refused(#[from] rustls::Error),
}

const NO_CERTIFICATE: &str = "there is no certificate in it";

// === impl Tls ===

impl Tls {
    /// Reads the files, or the system's certificates, which blocks the thread for milliseconds. The
    /// session cache of the answer is its own, and no application protocol (ALPN) is set.
    ///
    /// Certificates of the system's that cannot be read are logged and left out. If none is left, no
    /// server will be trusted; that is logged too.
    ///
    /// # Errors
    ///
    /// When a file that is set cannot be used.
    pub fn config(&self) -> Result<ClientConfig, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(self.roots()?);
        let Some((chain, key)) = &self.certificate else {
            return Ok(config.with_no_client_auth());
        };
        let (own, secret) = identity(chain, key)?;
        config
            .with_client_auth_cert(own, secret)
            .map_err(|error| unusable(key, error))
    }

    /// The same as [`config`](Self::config), ready to encrypt connections.
    ///
    /// # Errors
    ///
    /// When a file that is set cannot be used.
    pub fn connector(&self) -> Result<TlsConnector, TlsError> {
        let config = Arc::new(self.config()?);
        Ok(TlsConnector(config.into()))
    }

    /// The same for servers that choose a protocol by ALPN: this one is asked for.
    ///
    /// # Errors
    ///
    /// When a file that is set cannot be used.
    pub fn connector_for(&self, protocol: &str) -> Result<TlsConnector, TlsError> {
        let mut config = self.config()?;
        config.alpn_protocols = vec![protocol.into()];
        Ok(TlsConnector(Arc::new(config).into()))
    }

    fn roots(&self) -> Result<RootCertStore, TlsError> {
        let mut roots = RootCertStore::empty();
        if let Some(path) = &self.ca {
            for certificate in certificates(path)? {
                roots
                    .add(certificate)
                    .map_err(|error| unusable(path, error))?;
            }
        }
        if let Some(text) = &self.ca_pem {
            let certificates = CertificateDer::pem_slice_iter(text.as_bytes())
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| TlsError::Text(error.to_string()))?;
            if certificates.is_empty() {
                return Err(TlsError::Text(NO_CERTIFICATE.to_owned()));
            }
            for certificate in certificates {
                roots
                    .add(certificate)
                    .map_err(|error| TlsError::Text(error.to_string()))?;
            }
        }
        if self.ca.is_some() || self.ca_pem.is_some() {
            return Ok(roots);
        }
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!("cannot read some of the system's certificates: {error}");
        }
        let (trusted, _) = roots.add_parsable_certificates(found.certs);
        if trusted == 0 {
            tracing::warn!(
                "the system trusts no certificates, so no connection by TLS will succeed"
            );
        }
        Ok(roots)
    }
}

// === impl TlsConnector ===

impl TlsConnector {
    /// Encrypts a connection to this host, whose certificate has to be for it: a name, or an IP
    /// address without brackets. A zone (`fe80::1%eth0`) is left out, since certificates have none.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] where the host is neither a name nor an address; else what
    /// failed in the handshake, as [`io::ErrorKind::InvalidData`] with the [`rustls::Error`] where
    /// TLS refused it.
    pub async fn connect(&self, host: &str, stream: TcpStream) -> io::Result<TlsStream> {
        let name = host.split('%').next().unwrap_or_default().to_owned();
        let name = ServerName::try_from(name)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        self.0.connect(name, stream).await
    }
}

/// Reads a certificate chain and its key, PEM files, which blocks the thread. Whether one fits the
/// other is not checked.
///
/// # Errors
///
/// [`TlsError::File`].
pub fn identity(
    chain: &Path,
    key: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let own = certificates(chain)?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, error))?;
    Ok((own, secret))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(path, error))?;
    if certificates.is_empty() {
        return Err(unusable(path, NO_CERTIFICATE));
    }
    Ok(certificates)
}

fn unusable(path: &Path, problem: impl std::fmt::Display) -> TlsError {
    TlsError::File {
        path: path.to_owned(),
        problem: problem.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// A server for localhost that greets each client; its port, and its certificate as PEM.
    async fn server() -> (u16, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let pem = made.cert.pem();
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        // It ends with the test's runtime.
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let _ = stream.write_all(b"hello").await;
                    let _ = stream.shutdown().await;
                }
            }
        });
        (port, pem)
    }

    #[tokio::test]
    async fn a_server_is_trusted_by_its_authority_and_name_alone() {
        let (port, pem) = server().await;
        let folder = tempfile::tempdir().unwrap();
        let ca = folder.path().join("ca.pem");
        std::fs::write(&ca, pem).unwrap();
        let tls = Tls {
            ca: Some(ca),
            ..Tls::default()
        };
        let tls = tls.connector().unwrap();
        let reach = || TcpStream::connect(("127.0.0.1", port));
        let mut stream = tls
            .connect("localhost", reach().await.unwrap())
            .await
            .unwrap();
        let mut greeting = String::new();
        stream.read_to_string(&mut greeting).await.unwrap();
        assert_eq!(greeting, "hello");

        let other = tls.connect("127.0.0.1%eth0", reach().await.unwrap()).await;
        let is_of_tls = |error: &io::Error| {
            let cause = error.get_ref();
            cause.is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>)
        };
        assert!(is_of_tls(&other.unwrap_err()));
        let invalid = tls.connect("no host", reach().await.unwrap()).await;
        assert_eq!(invalid.unwrap_err().kind(), io::ErrorKind::InvalidInput);
        let default = Tls::default().connector().unwrap();
        let unknown = default.connect("localhost", reach().await.unwrap()).await;
        assert!(is_of_tls(&unknown.unwrap_err()));
    }

    #[tokio::test]
    async fn an_authority_can_be_given_as_text() {
        let (port, pem) = server().await;
        let tls = Tls {
            ca_pem: Some(pem),
            ..Tls::default()
        };
        let tls = tls.connector().unwrap();
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let mut stream = tls.connect("localhost", stream).await.unwrap();
        let mut greeting = String::new();
        stream.read_to_string(&mut greeting).await.unwrap();
        assert_eq!(greeting, "hello");
        for text in ["", "authority"] {
            let tls = Tls {
                ca_pem: Some(text.to_owned()),
                ..Tls::default()
            };
            let error = tls.config().unwrap_err().to_string();
            assert!(error.contains("no certificate"), "{error}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty.pem");
        std::fs::write(&empty, "").unwrap();
        let absent = folder.path().join("absent.pem");
        for (tls, path) in [
            (
                Tls {
                    ca: Some(empty.clone()),
                    ..Tls::default()
                },
                &empty,
            ),
            (
                Tls {
                    ca: Some(absent.clone()),
                    ..Tls::default()
                },
                &absent,
            ),
            (
                Tls {
                    certificate: Some((absent.clone(), empty.clone())),
                    ..Tls::default()
                },
                &absent,
            ),
        ] {
            let error = tls.config().unwrap_err().to_string();
            assert!(error.starts_with(&path.display().to_string()), "{error}");
        }
    }
}
