use std::time::Duration;

use oci_client::errors::{OciEnvelope, OciErrorCode};
use tokio::time::timeout;

use crate::error::Problem;

/// A registry, as problems with it name it.
pub(crate) struct Registry {
    /// As users write it.
    name: String,
    source_of_login: Option<String>,
    patience: Duration,
}

// === impl Registry ===

impl Registry {
    pub(crate) fn new(name: String, source_of_login: Option<String>, patience: Duration) -> Self {
        Self {
            name,
            source_of_login,
            patience,
        }
    }

    /// Waits for an answer as long as a registry may be silent, even if it trickles.
    pub(crate) async fn within_patience<T>(
        &self,
        answer: impl Future<Output = Result<T, Problem>>,
    ) -> Result<T, Problem> {
        let answer = timeout(self.patience, answer).await;
        answer.unwrap_or_else(|_| Err(self.silent()))
    }

    /// What a request that failed means.
    pub(crate) fn failed(&self, error: &reqwest::Error) -> Problem {
        if error.is_timeout() {
            self.silent()
        } else {
            self.unreachable(error)
        }
    }

    /// What an answer means that has neither what was asked for nor anything else of use.
    pub(crate) fn status(&self, code: u16, body: &[u8]) -> Problem {
        if code == 401 {
            return self.login();
        }
        if (400..500).contains(&code)
            && let Ok(envelope) = serde_json::from_slice(body)
        {
            return self.envelope(&envelope);
        }
        match code {
            403 => self.login(),
            404 => self.not_found(),
            code if code == 429 || code >= 500 => self.unavailable(code),
            code => self.refused(&format!("its status is {code}")),
        }
    }

    /// What the errors mean that a registry answers with.
    pub(crate) fn envelope(&self, envelope: &OciEnvelope) -> Problem {
        use OciErrorCode as Code;

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

    pub(crate) fn unreachable(&self, error: &(dyn std::error::Error + 'static)) -> Problem {
        Problem::Unreachable {
            registry: self.name.clone(),
            reason: root(error),
        }
    }

    pub(crate) fn silent(&self) -> Problem {
        Problem::Silent {
            registry: self.name.clone(),
            patience: self.patience,
        }
    }

    pub(crate) fn login(&self) -> Problem {
        Problem::Login {
            registry: self.name.clone(),
            source_of_login: self.source_of_login.clone(),
        }
    }

    /// `reason` may be a text of the registry's, which is cut.
    pub(crate) fn refused(&self, reason: &str) -> Problem {
        Problem::Refused {
            registry: self.name.clone(),
            reason: reason.chars().take(300).collect(),
        }
    }

    fn unavailable(&self, code: u16) -> Problem {
        Problem::Unavailable {
            registry: self.name.clone(),
            code,
        }
    }

    fn not_found(&self) -> Problem {
        Problem::NotFound {
            registry: self.name.clone(),
        }
    }
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
