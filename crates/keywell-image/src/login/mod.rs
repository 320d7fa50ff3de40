//! The login for a registry, where Docker has it: in its configuration or with a credential helper.

mod config;
mod credentials;
mod helper;

use std::time::Duration;

use self::config::{Config, Found};
pub(crate) use self::credentials::Credentials;
use crate::error::Problem;

/// Credentials, and where they were found.
pub(crate) struct Login {
    pub(crate) credentials: Credentials,
    pub(crate) source: String,
}

/// Finds the login for a registry, if there is one. A credential helper may take `patience`.
pub(crate) async fn find(registry: &str, patience: Duration) -> Result<Option<Login>, Problem> {
    let problem = |reason| Problem::Credentials {
        registry: registry.to_owned(),
        reason,
    };
    let Some(config) = Config::read().map_err(problem)? else {
        return Ok(None);
    };
    let login = match config.find(registry).map_err(problem)? {
        Found::Nothing => return Ok(None),
        Found::Login(credentials) => Some((credentials, config.path())),
        Found::Helper { name, server } => {
            let login = helper::ask(&name, &server, patience).await;
            let login = login.map_err(problem)?;
            login.map(|credentials| (credentials, helper::program(&name)))
        }
    };
    Ok(login.map(|(credentials, source)| Login {
        credentials,
        source,
    }))
}
