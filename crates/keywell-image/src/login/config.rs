use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use keywell_system::folders::home;
use serde_json::Value;

use super::credentials::Credentials;

/// Docker's configuration.
pub(super) struct Config {
    path: PathBuf,
    content: Value,
}

/// What it says of a registry. It has no `Debug`, so that nothing prints it.
pub(super) enum Found {
    Nothing,
    Login(Credentials),
    /// A credential helper has the login.
    Helper {
        name: String,
        /// What it calls the registry.
        server: String,
    },
}

/// The most bytes of the file that are read.
const MAX_BYTES: u64 = 1 << 20;

/// Docker's own registry, and what its logins are under.
const HUB: &str = "docker.io";
const HUB_SERVER: &str = "https://index.docker.io/v1/";

// === impl Config ===

impl Config {
    /// Reads `$DOCKER_CONFIG/config.json`, or else `~/.docker/config.json`, if it is there.
    pub(super) fn read() -> Result<Option<Self>, String> {
        let given = std::env::var_os("DOCKER_CONFIG").filter(|value| !value.is_empty());
        let usual = || home().map(|home| home.join(".docker"));
        let Some(folder) = given.map(PathBuf::from).or_else(usual) else {
            return Ok(None);
        };
        let path = folder.join("config.json");
        let mut text = String::new();
        let read =
            File::open(&path).and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text));
        match read {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("cannot read {}: {error}", path.display())),
        }
        // What is wrong is not said, since it could quote a password.
        let content = serde_json::from_str(&text);
        let content = content.map_err(|_| format!("{} is not JSON", path.display()))?;
        Ok(Some(Self { path, content }))
    }

    pub(super) fn path(&self) -> String {
        self.path.display().to_string()
    }

    /// What it says of a registry: its own helper, its login, or the helper for all.
    pub(super) fn find(&self, registry: &str) -> Result<Found, String> {
        let server = if registry == HUB {
            HUB_SERVER
        } else {
            registry
        };
        let is_ours = |key: &str| host(key) == host(server) || host(key) == registry;
        let entry = |table: &str| {
            let entries = self.content[table].as_object();
            let mut entries = entries.into_iter().flatten();
            entries
                .find(|(key, _)| is_ours(key))
                .map(|(_, entry)| entry)
        };
        let helper = entry("credHelpers").and_then(Value::as_str);
        if let Some(name) = helper {
            return self.helper(name, server);
        }
        if let Some(entry) = entry("auths") {
            let found = self.login(entry)?;
            if !matches!(found, Found::Nothing) {
                return Ok(found);
            }
        }
        match self.content["credsStore"].as_str() {
            Some(name) if !name.is_empty() => self.helper(name, server),
            _ => Ok(Found::Nothing),
        }
    }

    fn login(&self, entry: &Value) -> Result<Found, String> {
        let text = |key: &str| entry[key].as_str().filter(|text| !text.is_empty());
        if let Some(token) = text("identitytoken") {
            return Ok(Found::Login(Credentials::Identity(token.to_owned())));
        }
        if let Some(encoded) = text("auth") {
            let decoded = BASE64_STANDARD.decode(encoded).ok();
            let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
            let login = decoded.as_ref().and_then(|login| login.split_once(':'));
            let Some((user, password)) = login else {
                let path = self.path();
                return Err(format!(
                    "the auth of it in {path} is not USER:PASSWORD in base64"
                ));
            };
            return Ok(Found::Login(Credentials::Password {
                user: user.to_owned(),
                // Docker's own encoder pads it.
                password: password.trim_end_matches('\0').to_owned(),
            }));
        }
        Ok(match (text("username"), text("password")) {
            (Some(user), Some(password)) => Found::Login(Credentials::Password {
                user: user.to_owned(),
                password: password.to_owned(),
            }),
            _ => Found::Nothing,
        })
    }

    fn helper(&self, name: &str, server: &str) -> Result<Found, String> {
        // It is a part of a program's name and not a path.
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if name.is_empty() || !name.bytes().all(is_name) {
            let path = self.path();
            return Err(format!(
                "{name:?} in {path} is no name of a credential helper"
            ));
        }
        Ok(Found::Helper {
            name: name.to_owned(),
            server: server.to_owned(),
        })
    }
}

/// The host of a key, which older versions of Docker wrote as a URL.
fn host(key: &str) -> &str {
    let schemes = ["https://", "http://"].into_iter();
    let mut stripped = schemes.filter_map(|scheme| key.strip_prefix(scheme));
    let rest = stripped.next().unwrap_or(key);
    rest.split('/').next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn find(content: Value, registry: &str) -> Result<String, String> {
        let config = Config {
            path: "config.json".into(),
            content,
        };
        config.find(registry).map(|found| match found {
            Found::Nothing => "nothing".to_owned(),
            Found::Login(Credentials::Password { user, password }) => format!("{user} {password}"),
            Found::Login(Credentials::Identity(token)) => format!("token {token}"),
            Found::Helper { name, server } => format!("{name} for {server}"),
        })
    }

    fn auth(login: &str) -> Value {
        json!({ "auth": BASE64_STANDARD.encode(login) })
    }

    #[test]
    fn a_login_is_found_under_the_names_that_docker_writes() {
        let config = json!({ "auths": {
            "ghcr.io": auth("a:pass:word"),
            "https://old.example/v1/": auth("b:p"),
            "127.0.0.1:5000": { "username": "c", "password": "p" },
            "https://index.docker.io/v1/": auth("hub:p\0\0"),
            "empty.example": {},
            "token.example": { "auth": BASE64_STANDARD.encode("00000000:"), "identitytoken": "t" },
        } });
        for (registry, found) in [
            ("ghcr.io", "a pass:word"),
            ("old.example", "b p"),
            ("127.0.0.1:5000", "c p"),
            ("127.0.0.1:5001", "nothing"),
            ("docker.io", "hub p"),
            ("empty.example", "nothing"),
            ("token.example", "token t"),
            ("io", "nothing"),
        ] {
            assert_eq!(find(config.clone(), registry).unwrap(), found, "{registry}");
        }
    }

    #[test]
    fn a_helper_of_the_registry_comes_first_and_that_for_all_last() {
        let config = json!({
            "credHelpers": { "gcr.io": "gcloud" },
            "credsStore": "desktop",
            "auths": { "ghcr.io": auth("a:p"), "other.example": {} },
        });
        for (registry, found) in [
            ("gcr.io", "gcloud for gcr.io"),
            ("ghcr.io", "a p"),
            ("other.example", "desktop for other.example"),
            ("docker.io", "desktop for https://index.docker.io/v1/"),
        ] {
            assert_eq!(find(config.clone(), registry).unwrap(), found, "{registry}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_an_error_without_its_content() {
        let config = json!({
            "auths": {
                "a.example": { "auth": "hunter2!" },
            },
            "credHelpers": { "c.example": "../../bin/sh" },
        });
        for (registry, problem) in [
            ("a.example", "not USER:PASSWORD"),
            ("c.example", "no name of a credential helper"),
        ] {
            let error = find(config.clone(), registry).unwrap_err();
            assert!(error.contains(problem), "{error}");
            assert!(
                error.contains("config.json") && !error.contains("hunter2"),
                "{error}"
            );
        }
        assert_eq!(find(json!([]), "a.example").unwrap(), "nothing");
    }
}
