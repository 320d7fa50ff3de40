use std::time::Duration;

use keywell_client::Tls;
use keywell_store::{Secret, SettingError, Settings, StoreUrl};
use percent_encoding::percent_decode_str;

use crate::table::TABLE;

/// How a store is reached.
#[derive(Clone, Debug)]
pub struct Options {
    /// Each server that may be the primary: a name or an address, or the folder of a Unix socket, and a
    /// port.
    pub(crate) hosts: Vec<(String, u16)>,
    pub(crate) user: String,
    pub(crate) password: Option<Secret>,
    pub(crate) database: String,
    pub(crate) schema: String,
    pub(crate) connections: u32,
    pub(crate) connect_timeout: Duration,
    pub(crate) answer_timeout: Duration,
    pub(crate) tls: Option<Tls>,
    pub(crate) history: i64,
    pub(crate) history_bytes: i64,
    pub(crate) existing: bool,
}

/// The parts of a place, decoded: `//USER:PASSWORD@HOST:PORT,HOST/DATABASE`.
struct Place {
    user: Option<String>,
    password: Option<String>,
    hosts: Vec<(String, u16)>,
    database: Option<String>,
}

const PORT: u16 = 5432;

// === impl Options ===

impl Options {
    /// The schemes of URLs; the first is the usual one.
    pub(crate) const SCHEMES: [&'static str; 2] = ["postgres", "postgresql"];

    /// Reads a URL with its settings: `postgres://me:secret@127.0.0.1/app?schema=keywell`.
    ///
    /// # Errors
    ///
    /// [`SettingError`], whose text has no password; `url` is the name of what is wrong with the URL
    /// itself.
    pub fn from_url(url: &str) -> Result<Self, SettingError> {
        let url = url.parse::<StoreUrl>();
        Self::from_store_url(&url.map_err(|error| SettingError::value("url", error.to_string()))?)
    }

    pub(crate) fn from_store_url(url: &StoreUrl) -> Result<Self, SettingError> {
        let settings = Settings::read(TABLE, url.settings())?;
        let place = Place::parse(url.place())?;
        let text = |name: &str| settings.text(name).map(str::to_owned);
        let user = text("user").or(place.user);
        let user = user.filter(|user| !user.is_empty());
        let user = user.ok_or_else(|| SettingError::value("user", "given, here or in the URL"))?;
        let database = text("database").or(place.database);
        let schema = text("schema").unwrap_or_else(|| "keywell".to_owned());
        if !is_identifier(&schema) {
            let form = "at most 63 small letters, digits and _, beginning with no digit or pg_";
            return Err(SettingError::value("schema", form));
        }
        let certificate = match (text("tls-certificate"), text("tls-key")) {
            (Some(chain), Some(key)) => Some((chain.into(), key.into())),
            (None, None) => None,
            (Some(_), None) => {
                return Err(SettingError::value("tls-key", "given with tls-certificate"));
            }
            (None, Some(_)) => {
                return Err(SettingError::value("tls-certificate", "given with tls-key"));
            }
        };
        let ca = text("tls-ca").map(Into::into);
        let is_implied = ca.is_some() || certificate.is_some();
        let is_encrypted = settings.boolean("tls").unwrap_or(is_implied);
        if is_implied && !is_encrypted {
            return Err(SettingError::value(
                "tls",
                "true with other settings of TLS",
            ));
        }
        let tls = Tls {
            ca,
            ca_pem: None,
            certificate,
        };
        let bytes: Option<u64> = settings.number("history-bytes");
        Ok(Self {
            hosts: place.hosts,
            password: text("password").or(place.password).map(Secret::from),
            database: database.unwrap_or_else(|| user.clone()),
            user,
            schema,
            connections: settings.number("connections").unwrap_or(16),
            connect_timeout: settings
                .duration("connect-timeout")
                .unwrap_or(Duration::from_secs(5)),
            answer_timeout: settings
                .duration("answer-timeout")
                .unwrap_or(Duration::from_secs(5)),
            tls: is_encrypted.then_some(tls),
            history: settings
                .number::<u64>("history")
                .and_then(|events| i64::try_from(events).ok())
                .unwrap_or(100_000),
            history_bytes: i64::try_from(bytes.unwrap_or(64 << 20)).unwrap_or(i64::MAX),
            existing: false,
        })
    }

    /// Refuses to create the tables if there are none, for callers that only read.
    #[must_use]
    pub fn existing(mut self) -> Self {
        self.existing = true;
        self
    }
}

fn is_identifier(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    !name.is_empty()
        && name.len() <= 63
        && name.chars().all(plain)
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.starts_with("pg_")
}

// === impl Place ===

impl Place {
    fn parse(place: &str) -> Result<Self, SettingError> {
        let form = "postgres://[USER[:PASSWORD]@]HOST[:PORT][,HOST...][/DATABASE]";
        let wrong = || SettingError::value("url", form);
        let rest = place.strip_prefix("//").ok_or_else(wrong)?;
        let (authority, database) = match rest.split_once('/') {
            Some((authority, database)) => (authority, Some(database)),
            None => (rest, None),
        };
        let (login, hosts) = match authority.rsplit_once('@') {
            Some((login, hosts)) => (Some(login), hosts),
            None => (None, authority),
        };
        let (user, password) = match login.map(|login| login.split_once(':')) {
            Some(Some((user, password))) => (Some(user), Some(password)),
            Some(None) => (login, None),
            None => (None, None),
        };
        let decoded = |text: Option<&str>| {
            let text = text.filter(|text| !text.is_empty());
            let decoded = text.map(|text| percent_decode_str(text).decode_utf8());
            let decoded = decoded.transpose().map_err(|_| wrong())?;
            let has_nul = decoded.as_ref().is_some_and(|text| text.contains('\0'));
            if has_nul {
                return Err(wrong());
            }
            Ok(decoded.map(std::borrow::Cow::into_owned))
        };
        let hosts = hosts
            .split(',')
            .map(|host| host_port(host).ok_or_else(wrong));
        Ok(Self {
            user: decoded(user)?,
            password: decoded(password)?,
            hosts: hosts.collect::<Result<_, _>>()?,
            database: decoded(database)?,
        })
    }
}

fn host_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        let port = match rest {
            "" => None,
            rest => Some(rest.strip_prefix(':')?),
        };
        (host, port)
    } else {
        match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    let host = percent_decode_str(host).decode_utf8().ok()?;
    // With a slash it is the folder of a socket.
    let is_valid = !host.is_empty()
        && !host.contains(['%', '\0'])
        && (host.starts_with('/') || !host.contains('/'));
    if !is_valid {
        return None;
    }
    let port = match port {
        Some(port) => port.parse().ok().filter(|port| *port > 0)?,
        None => PORT,
    };
    Some((host.into_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_servers_a_login_and_a_database() {
        let options = Options::from_url(
            "postgres://me:p%40ss@a,[::1]:6000,b:7/app?schema=other&answer-timeout=2s",
        )
        .unwrap();
        let hosts = [("a", PORT), ("::1", 6000), ("b", 7)];
        let hosts = hosts.map(|(host, port)| (host.to_owned(), port));
        assert_eq!(options.hosts, hosts);
        assert_eq!((&*options.user, &*options.database), ("me", "app"));
        assert_eq!(options.password.unwrap().expose(), "p@ss");
        assert_eq!(options.schema, "other");
        assert!(options.tls.is_none());
        let options = Options::from_url("postgres://me@%2Frun%2Fpostgresql:6000").unwrap();
        assert_eq!(options.hosts, [("/run/postgresql".to_owned(), 6000)]);
        let options = Options::from_url("postgresql://h?user=me&tls-ca=x").unwrap();
        assert_eq!((&*options.user, &*options.database), ("me", "me"));
        assert!(options.tls.is_some());
    }

    #[test]
    fn what_is_wrong_is_named_without_the_password() {
        for (url, name) in [
            ("postgres:h", "url"),
            ("postgres://u:hunter2@", "url"),
            ("postgres://u:hunter2@h:0", "url"),
            ("postgres://u:hunter2@h:x", "url"),
            ("postgres://u:hunter2@h%2Fx", "url"),
            ("postgres://h", "user"),
            ("postgres://u:hunter2@h?schema=A", "schema"),
            ("postgres://u:hunter2@h?schema=a%22b", "schema"),
            ("postgres://u:hunter2@h?schema=pg_x", "schema"),
            ("postgres://u:hunter2@h?tls-key=x", "tls-certificate"),
            ("postgres://u:hunter2@h?tls=false&tls-ca=x", "tls"),
            ("postgres://u:hunter2@h?history=0", "history"),
        ] {
            let error = Options::from_url(url).unwrap_err();
            assert_eq!(error.name(), name, "{url}: {error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
