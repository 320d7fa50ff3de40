use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use tempfile::TempDir;

use crate::error::{Error, Result};

/// Certificates for one run, as PEM files in a temporary folder: an authority, a server's of
/// `localhost` and `127.0.0.1`, and a client's. No other program trusts them.
#[derive(Debug)]
pub struct Tls {
    folder: TempDir,
}

// === impl Tls ===

impl Tls {
    /// Makes new ones.
    pub fn generate() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("keywell-tls-").tempdir()?;
        let tls = Self { folder };
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(Vec::new())?;
        params
            .distinguished_name
            .push(DnType::CommonName, "Keywell's authority for one run");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let certificate = params.self_signed(&key)?;
        write(&tls.authority(), &certificate.pem())?;
        let authority = Issuer::new(params, key);
        for (name, purpose) in [
            ("server", ExtendedKeyUsagePurpose::ServerAuth),
            ("client", ExtendedKeyUsagePurpose::ClientAuth),
        ] {
            let key = KeyPair::generate()?;
            let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
            let mut params = CertificateParams::new(names)?;
            params.distinguished_name.push(DnType::CommonName, name);
            params.extended_key_usages = vec![purpose];
            let certificate = params.signed_by(&key, &authority)?;
            write(&tls.file(name, "pem"), &certificate.pem())?;
            write(&tls.file(name, "key"), &key.serialize_pem())?;
        }
        Ok(tls)
    }

    /// The authority's certificate, which both sides trust.
    pub fn authority(&self) -> PathBuf {
        self.file("authority", "pem")
    }

    /// The server's certificate.
    pub fn server_certificate(&self) -> PathBuf {
        self.file("server", "pem")
    }

    /// The server's key.
    pub fn server_key(&self) -> PathBuf {
        self.file("server", "key")
    }

    /// The client's certificate.
    pub fn client_certificate(&self) -> PathBuf {
        self.file("client", "pem")
    }

    /// The client's key.
    pub fn client_key(&self) -> PathBuf {
        self.file("client", "key")
    }

    fn file(&self, name: &str, kind: &str) -> PathBuf {
        self.folder.path().join(name).with_extension(kind)
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(Error::file(path))
}
