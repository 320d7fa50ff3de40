use std::time::Duration;

/// Why an image cannot be pulled or pushed. The text names the image and shows no password.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} the image {reference}: {problem}")]
pub struct Error {
    pub(crate) action: &'static str,
    pub(crate) reference: String,
    /// The reason.
    #[source]
    pub problem: Problem,
}

/// The reason why an image cannot be pulled or pushed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// There is no connection to the registry, or it broke.
    #[error("the registry {registry} cannot be reached: {reason}")]
    Unreachable {
        /// The registry.
        registry: String,
        /// What the connection says.
        reason: String,
    },
    /// The registry sent nothing for too long.
    #[error("the registry {registry} sent nothing for {patience:?}")]
    Silent {
        /// The registry.
        registry: String,
        /// How long.
        patience: Duration,
    },
    /// The registry says that it cannot answer now.
    #[error("the registry {registry} answered with the error {code}")]
    Unavailable {
        /// The registry.
        registry: String,
        /// The status of HTTP.
        code: u16,
    },
    /// The registry wants a login, or refuses the one that it was given.
    #[error("{}", login(.registry, .source_of_login.as_deref()))]
    Login {
        /// The registry.
        registry: String,
        /// Where the login was found, if there is one.
        source_of_login: Option<String>,
    },
    /// The registry has no such image, tag or digest.
    #[error("the registry {registry} has no such image or tag")]
    NotFound {
        /// The registry.
        registry: String,
    },
    /// The registry refuses for another reason.
    #[error("the registry {registry} refuses it: {reason}")]
    Refused {
        /// The registry.
        registry: String,
        /// What the registry says.
        reason: String,
    },
    /// What arrived is not what its digest says.
    #[error("{what} is not what its digest says: {reason}")]
    Damaged {
        /// The manifest or the layer.
        what: &'static str,
        /// How they differ.
        reason: String,
    },
    /// The image is not one of a component.
    #[error("{0}")]
    Unfit(String),
    /// Docker's configuration or a credential helper does not say what the login is.
    #[error("cannot find a login for {registry}: {reason}")]
    Credentials {
        /// The registry.
        registry: String,
        /// Why not.
        reason: String,
    },
    /// The folder of images cannot be read or written to.
    #[error("cannot keep it: {0}")]
    Cache(#[from] std::io::Error),
}

// === impl Problem ===

impl Problem {
    /// Whether the registry could not answer, rather than answered with what is wrong.
    pub fn is_outage(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::Silent { .. } | Self::Unavailable { .. }
        )
    }
}

fn login(registry: &str, source: Option<&str>) -> String {
    match source {
        Some(source) => format!(
            "the registry {registry} refuses the login of {source}; run `docker login {registry}`"
        ),
        None => format!(
            "the registry {registry} wants a login, or has no such image; run `docker login \
             {registry}`"
        ),
    }
}
