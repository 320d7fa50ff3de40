//! How clients log in to NATS servers.
//!
//! Nothing of it is printed: not by `Debug`, not in an error.

pub(crate) mod table;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use async_nats::{Client, ConnectErrorKind, ConnectOptions};
use keywell_client::Tls;
use keywell_store::{Error, Failure, Result, Secret};

/// How often an idle connection is checked. Two checks without an answer end it.
const PING: Duration = Duration::from_secs(5);

/// How a client logs in, and how its connection is encrypted. The default gives no credentials.
#[derive(Clone, Default)]
pub struct Login {
    /// A user and a password.
    pub user: Option<(String, Secret)>,
    /// A token.
    pub token: Option<Secret>,
    /// A file with a JWT and the seed of its key, as `nsc` writes it.
    pub credentials: Option<PathBuf>,
    /// A JWT, and the seed of its key.
    pub jwt: Option<(Secret, Secret)>,
    /// The seed of a key that the server knows.
    pub nkey: Option<Secret>,
    /// How an encrypted connection is checked; `None` encrypts only where the server asks for it.
    pub tls: Option<Tls>,
}

// === impl Login ===

impl Login {
    /// Connects to one of these servers, each `HOST` or `HOST:PORT`, with other options besides. The
    /// client makes a lost connection again until it is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::AccessDenied`] if the server refuses the credentials or they cannot be read, and
    /// [`Error::Unavailable`] if no server can be reached.
    pub(crate) async fn connect_with(
        &self,
        servers: &[String],
        more: impl FnOnce(ConnectOptions) -> ConnectOptions,
    ) -> Result<Client> {
        let options = more(self.options().await?);
        options.connect(servers).await.map_err(|error| {
            match error.kind() {
                // The error of the crate has no credentials, and says no more.
                ConnectErrorKind::AuthorizationViolation => {
                    Error::AccessDenied("the NATS server refuses the credentials".into())
                }
                ConnectErrorKind::Authentication => {
                    Error::AccessDenied("the seed for the NATS server is no nkey seed".into())
                }
                _ => {
                    let what = format!("NATS cannot be reached at {}", servers.join(", "));
                    Error::Unavailable(Failure::caused_by(what, error))
                }
            }
        })
    }

    /// The options of a client that logs in so.
    async fn options(&self) -> Result<ConnectOptions> {
        let mut options = ConnectOptions::new()
            .name("keywell")
            .ping_interval(PING)
            .max_reconnects(None);
        if let Some((user, password)) = &self.user {
            options = options.user_and_password(user.clone(), password.expose().to_owned());
        }
        if let Some(token) = &self.token {
            options = options.token(token.expose().to_owned());
        }
        if let Some(seed) = &self.nkey {
            options = options.nkey(seed.expose().trim().to_owned());
        }
        if let Some(file) = &self.credentials {
            let text = tokio::fs::read_to_string(file).await;
            let text = text.map_err(|error| {
                let what = format!("cannot read the credentials file {}", file.display());
                Error::Unavailable(Failure::caused_by(what, error))
            })?;
            options = options.credentials(&text).map_err(|_| {
                let file = file.display();
                denied(format!("{file} holds no NATS credentials"))
            })?;
        }
        if let Some((jwt, seed)) = &self.jwt {
            let text = decorated(jwt.expose(), seed.expose());
            options = options
                .credentials(&text)
                .map_err(|_| denied("the JWT or its seed is not one".to_owned()))?;
        }
        let Some(tls) = &self.tls else {
            return Ok(options);
        };
        let tls = tls.clone();
        let config = tokio::task::spawn_blocking(move || tls.config()).await;
        let config = config.map_err(|error| Failure::caused_by("TLS cannot be set up", error));
        let config = config
            .and_then(|config| {
                config.map_err(|error| Failure::caused_by("TLS cannot be set up", error))
            })
            .map_err(Error::Unavailable)?;
        Ok(options.require_tls(true).tls_client_config(config))
    }
}

fn denied(problem: String) -> Error {
    Error::AccessDenied(problem.into())
}

/// A JWT and a seed as they stand in a credentials file.
fn decorated(jwt: &str, seed: &str) -> String {
    let (jwt, seed) = (jwt.trim(), seed.trim());
    format!(
        "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").finish_non_exhaustive()
    }
}
