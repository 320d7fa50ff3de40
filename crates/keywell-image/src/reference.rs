use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use oci_client::Reference;

use crate::digest::Digest;

/// The name of an image in a registry: `ghcr.io/NAME:TAG`, `localhost:5000/NAME`,
/// `ghcr.io/NAME@sha256:…`, each with or without `oci://` before it. Without a tag it is `latest`.
///
/// `http://` and `https://` are read as `oci://`, as in manifests of wasmCloud; neither says
/// whether TLS is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageReference {
    /// As it was written.
    text: String,
    parsed: Reference,
    digest: Option<Digest>,
}

/// Why a text is no reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{shown:?} is no reference of an image: {problem}; write REGISTRY/NAME:TAG, such as \
     ghcr.io/acme/counter:1.0"
)]
pub struct ReferenceError {
    /// The text, without a login.
    shown: String,
    problem: String,
}

const SCHEMES: [&str; 3] = ["oci://", "https://", "http://"];

// === impl ImageReference ===

impl ImageReference {
    /// Whether a text looks like a reference rather than like a path or anything else: it begins
    /// with `oci://` or with a registry, which has a dot or a port in it or is `localhost`.
    pub fn is_meant_by(text: &str) -> bool {
        if SCHEMES.iter().any(|scheme| text.starts_with(scheme)) {
            return true;
        }
        match text.split_once('/') {
            Some((registry, name)) => {
                is_registry(registry) && !registry.starts_with('.') && !name.is_empty()
            }
            None => false,
        }
    }

    /// The last part of its name, without the tag: `counter` of `ghcr.io/acme/counter:1.0`.
    pub fn name(&self) -> &str {
        let repository = self.parsed.repository();
        repository.rsplit('/').next().unwrap_or(repository)
    }

    /// The registry, with its port, where it has one.
    pub fn registry(&self) -> &str {
        self.parsed.registry()
    }

    /// The digest that the image has to have.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The same for all texts that mean the same image.
    pub(crate) fn canonical(&self) -> String {
        self.parsed.whole()
    }

    pub(crate) fn parsed(&self) -> &Reference {
        &self.parsed
    }
}

impl FromStr for ImageReference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let mut schemes = SCHEMES.iter();
        let name = schemes.find_map(|scheme| text.strip_prefix(scheme));
        let name = name.unwrap_or(text);
        let error = |problem: &str| ReferenceError {
            shown: text.to_owned(),
            problem: problem.to_owned(),
        };
        let authority = name.split('/').next().unwrap_or_default();
        if name.contains('/') && authority.contains('@') {
            let (_, host) = name.rsplit_once('@').unwrap_or_default();
            return Err(ReferenceError {
                shown: format!("***@{host}"),
                ..error("logins are taken from Docker's configuration")
            });
        }
        // The parser takes docker.io for it.
        if !name.contains('/') || !is_registry(authority) {
            return Err(error("it does not begin with the host of a registry"));
        }
        let parsed = parse(name).map_err(|problem| error(&problem))?;
        let digest = parsed.digest().map(Digest::parse);
        if digest == Some(None) {
            return Err(error("a digest is sha256: and 64 hexadecimal digits"));
        }
        Ok(Self {
            text: text.to_owned(),
            parsed,
            digest: digest.flatten(),
        })
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether what stands before the first slash is a registry: a host with a dot or a port, or
/// `localhost`.
fn is_registry(text: &str) -> bool {
    text.contains(['.', ':']) || text == "localhost"
}

/// Reads a reference without a scheme. The parser knows no registry by its IPv6 address.
fn parse(name: &str) -> Result<Reference, String> {
    let parse = |name: &str| Reference::try_from(name).map_err(|problem| problem.to_string());
    if !name.starts_with('[') {
        return parse(name);
    }
    let no_address = || "its registry is no IPv6 address in brackets".to_owned();
    let (registry, rest) = name.split_once('/').ok_or_else(no_address)?;
    let authority = match registry.rsplit_once("]:") {
        Some((address, port)) if port.parse::<u16>().is_ok() => address.strip_prefix('['),
        _ => registry
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']')),
    };
    let is_address = authority.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
    if !is_address {
        return Err(no_address());
    }
    // Everything behind it is as behind any other registry.
    let parsed = parse(&format!("localhost/{rest}"))?;
    let (registry, name) = (registry.to_owned(), parsed.repository().to_owned());
    Ok(match (parsed.tag(), parsed.digest()) {
        (Some(tag), Some(digest)) => {
            Reference::with_tag_and_digest(registry, name, tag.to_owned(), digest.to_owned())
        }
        (None, Some(digest)) => Reference::with_digest(registry, name, digest.to_owned()),
        (tag, None) => Reference::with_tag(registry, name, tag.unwrap_or("latest").to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGITS: &str = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";

    fn parsed(text: &str) -> ImageReference {
        text.parse().unwrap()
    }

    #[test]
    fn references_are_read_with_and_without_a_scheme() {
        for (text, registry, name, canonical) in [
            (
                "ghcr.io/acme/counter:1.0",
                "ghcr.io",
                "counter",
                "ghcr.io/acme/counter:1.0",
            ),
            (
                "oci://localhost:5000/x",
                "localhost:5000",
                "x",
                "localhost:5000/x:latest",
            ),
            (
                "https://127.0.0.1:5000/a/b:2",
                "127.0.0.1:5000",
                "b",
                "127.0.0.1:5000/a/b:2",
            ),
            ("[::1]:5000/a/b:2", "[::1]:5000", "b", "[::1]:5000/a/b:2"),
            ("oci://[fd00::1]/x", "[fd00::1]", "x", "[fd00::1]/x:latest"),
        ] {
            let reference = parsed(text);
            assert_eq!(reference.registry(), registry);
            assert_eq!(reference.name(), name);
            assert_eq!(reference.canonical(), canonical);
            assert_eq!(reference.to_string(), text);
            assert_eq!(reference.digest(), None);
        }
        for registry in ["ghcr.io", "[::1]:5000"] {
            for tag in ["", ":1.0"] {
                let pinned = parsed(&format!("{registry}/acme/counter{tag}@sha256:{DIGITS}"));
                assert_eq!(pinned.digest().unwrap().digits(), DIGITS);
                assert_eq!(pinned.name(), "counter");
                assert_eq!(pinned.registry(), registry);
            }
        }
    }

    #[test]
    fn what_is_no_reference_is_refused_and_no_login_is_shown() {
        for text in [
            "",
            "oci://",
            "ghcr.io/Acme/counter",
            "counter",
            "counter:1.0",
            "acme/counter",
            "oci://acme/counter:1.0",
            "ghcr.io/acme/counter:a b",
            "ghcr.io/acme/counter@sha256:12",
            "ghcr.io/../../etc/passwd",
            "[::1]",
            "[::1/x",
            "[::g]/x",
            "[127.0.0.1]/x",
            "[::1]:port/x",
            "[::1]:70000/x",
            "[::1]/",
            "[::1]/X",
            "[::1]x/y",
        ] {
            let error = text.parse::<ImageReference>().unwrap_err().to_string();
            assert!(error.contains(&format!("{text:?}")), "{error}");
            assert!(
                error.contains("such as ghcr.io/acme/counter:1.0"),
                "{error}"
            );
        }
        let error = "oci://u:hunter2@ghcr.io/acme/x".parse::<ImageReference>();
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("***@ghcr.io/acme/x") && !error.contains("hunter2"),
            "{error}"
        );
    }

    #[test]
    fn a_text_that_begins_with_a_registry_means_an_image() {
        for (text, is_meant) in [
            ("ghcr.io/acme/counter", true),
            ("localhost/x", true),
            ("localhost:5000/x", true),
            ("oci://acme/x", true),
            ("https://ghcr.io/x", true),
            ("[::1]:5000/x", true),
            ("counter", false),
            ("acme/counter:1", false),
            ("../counter", false),
            ("./counter", false),
            ("ghcr.io/", false),
        ] {
            assert_eq!(ImageReference::is_meant_by(text), is_meant, "{text}");
        }
    }
}
