use std::path::PathBuf;

use keywell_store::SettingError;
use percent_encoding::percent_decode_str;

use super::{Address, Layout, Login, Options, Secret, Servers, Tls};

impl Options {
    /// The schemes of this store's URLs.
    pub const SCHEMES: [&'static str; 14] = [
        "redis",
        "rediss",
        "valkey",
        "valkeys",
        "redis+unix",
        "valkey+unix",
        "redis+cluster",
        "rediss+cluster",
        "valkey+cluster",
        "valkeys+cluster",
        "redis+sentinel",
        "rediss+sentinel",
        "valkey+sentinel",
        "valkeys+sentinel",
    ];

    /// Reads the part of a URL before its settings: its scheme, and the place behind the colon.
    pub(super) fn from_place(scheme: &str, place: &str) -> Result<Self, SettingError> {
        let refused = |expected: &str| Err(SettingError::value("url", expected));
        if !Self::SCHEMES.contains(&scheme) {
            return refused("a scheme such as redis, rediss, redis+unix, redis+cluster");
        }
        let Some(rest) = place.strip_prefix("//") else {
            return refused("redis://HOST:PORT or another of its forms");
        };
        let (base, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        let (login, rest) = split_login(rest)?;
        let mut options = match kind {
            "unix" => {
                let path = decoded(rest)?;
                if !path.starts_with('/') {
                    return refused("redis+unix:///PATH, a path from the root on");
                }
                Self::new(Servers::One(Address::Unix(PathBuf::from(path))))
            }
            "sentinel" => sentinel(rest)?,
            "cluster" => {
                let (hosts, database) = rest.split_once('/').unwrap_or((rest, ""));
                if !matches!(database, "" | "0") {
                    return refused("no database: a cluster has number 0 only");
                }
                Self::new(Servers::Cluster(addresses(hosts, Address::PORT)?))
            }
            _ => {
                let (host, database) = rest.split_once('/').unwrap_or((rest, ""));
                let host = if host.is_empty() { "127.0.0.1" } else { host };
                let Some(address) = Address::parse(host, Address::PORT) else {
                    return refused(
                        "one HOST:PORT; several are redis+cluster:// or redis+sentinel://",
                    );
                };
                let mut options = Self::new(Servers::One(address));
                options.database = number(database)?;
                options
            }
        };
        if matches!(base, "rediss" | "valkeys") {
            options.tls = Some(Tls::default());
        }
        options.login = login;
        options.layout = Layout::default();
        Ok(options)
    }
}

fn sentinel(rest: &str) -> Result<Options, SettingError> {
    let expected = "redis+sentinel://HOST,HOST/SERVICE or with /DATABASE behind it";
    let mut parts = rest.split('/');
    let hosts = parts.next().unwrap_or_default();
    let service = decoded(parts.next().unwrap_or_default())?;
    let database = parts.next().unwrap_or_default();
    if service.is_empty() || parts.next().is_some() {
        return Err(SettingError::value("url", expected));
    }
    let mut options = Options::new(Servers::Sentinel {
        sentinels: addresses(hosts, Address::SENTINEL_PORT)?,
        service,
        login: Login::default(),
    });
    options.database = number(database)?;
    Ok(options)
}

fn split_login(rest: &str) -> Result<(Login, &str), SettingError> {
    let end = rest.find('/').unwrap_or(rest.len());
    let Some((login, _)) = rest[..end].rsplit_once('@') else {
        return Ok((Login::default(), rest));
    };
    let behind = &rest[login.len() + 1..];
    let Some((user, password)) = login.split_once(':') else {
        let expected = "USER:PASSWORD@ or :PASSWORD@ in front of the host";
        return Err(SettingError::value("url", expected));
    };
    let user = Some(decoded(user)?).filter(|user| !user.is_empty());
    let password = Some(decoded(password)?).filter(|password| !password.is_empty());
    let login = Login {
        user,
        password: password.map(Secret::from),
    };
    Ok((login, behind))
}

fn addresses(hosts: &str, default_port: u16) -> Result<Vec<Address>, SettingError> {
    hosts
        .split(',')
        .map(|host| Address::parse(host, default_port))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| SettingError::value("url", "HOST:PORT, with a comma between several"))
}

fn number(database: &str) -> Result<u32, SettingError> {
    if database.is_empty() {
        return Ok(0);
    }
    let refused = |_| SettingError::value("url", "a number as the database, such as /2");
    database.parse().map_err(refused)
}

/// Undoes percent-encoding.
fn decoded(text: &str) -> Result<String, SettingError> {
    percent_decode_str(text)
        .decode_utf8()
        .map(Into::into)
        .map_err(|_| SettingError::value("url", "UTF-8 behind its percent signs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> Address {
        Address::Tcp {
            host: host.to_owned(),
            port,
        }
    }

    #[test]
    fn every_form_of_url_is_read() {
        let one = |url: &str| match Options::from_url(url).unwrap().servers {
            Servers::One(address) => address,
            other => panic!("{other:?}"),
        };
        assert_eq!(one("redis://h"), tcp("h", 6379));
        assert_eq!(one("valkey://h:1/"), tcp("h", 1));
        assert_eq!(one("redis://[::1]:7/3"), tcp("::1", 7));
        assert_eq!(one("redis://"), tcp("127.0.0.1", 6379));
        assert_eq!(one("REDIS://h"), tcp("h", 6379));
        assert_eq!(one("redis://[fe80::1%25eth0]:7"), tcp("fe80::1%eth0", 7));
        assert_eq!(one("redis://[fe80::1%eth0]"), tcp("fe80::1%eth0", 6379));
        assert_eq!(
            one("redis+unix:///run/my%20redis.sock?db=2"),
            Address::Unix("/run/my redis.sock".into())
        );
        assert_eq!(
            Options::from_url("valkeys+cluster://a,b:7")
                .unwrap()
                .servers,
            Servers::Cluster(vec![tcp("a", 6379), tcp("b", 7)])
        );
        let options = Options::from_url("redis+sentinel://a,b:7/main/3").unwrap();
        assert_eq!(options.database, 3);
        assert_eq!(
            options.servers,
            Servers::Sentinel {
                sentinels: vec![tcp("a", 26379), tcp("b", 7)],
                service: "main".to_owned(),
                login: Login::default(),
            }
        );
        assert!(Options::from_url("rediss://h").unwrap().tls.is_some());
        assert!(Options::from_url("redis://h").unwrap().tls.is_none());
    }

    #[test]
    fn a_login_may_hold_what_would_end_it_percent_encoded_and_is_never_shown() {
        let options = Options::from_url("redis://me%40x:p%3F%26%2F%25@h/2").unwrap();
        assert_eq!(options.login.user.as_deref(), Some("me@x"));
        let password = options.login.password.as_ref().unwrap();
        assert_eq!(password.expose(), "p?&/%");
        assert_eq!(options.database, 2);
        assert!(!format!("{options:?}").contains("p?&"));
        let alone = Options::from_url("redis://:s@h").unwrap().login;
        assert_eq!((alone.user, alone.password.unwrap().expose()), (None, "s"));
    }

    #[test]
    fn what_is_no_url_of_this_store_is_refused_without_its_password() {
        for url in [
            "redis:h",
            "http://h",
            "redis+unix://relative",
            "redis+sentinel://h",
            "redis+sentinel://h/",
            "redis+cluster://",
            "redis+cluster://h/1",
            "redis://a,b",
            "redis://h/x",
            "redis://h:99999",
            "redis://[fe80::1%25]",
            "redis://[fe80::1%25%ff]",
            "redis://secret@h",
            "redis://u:secret@h h",
            "redis://u:%ff@h",
            "redis://u:secret@h?nosuch=1",
            "redis://h?db",
        ] {
            let error = Options::from_url(url).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn only_the_schemes_that_say_so_are_encrypted() {
        for scheme in Options::SCHEMES {
            let place = match scheme.split_once('+') {
                Some((_, "unix")) => "/path",
                Some((_, "sentinel")) => "h/service",
                _ => "h",
            };
            let options = Options::from_url(&format!("{scheme}://{place}")).unwrap();
            let says_so = ["rediss", "valkeys"].contains(&scheme.split('+').next().unwrap());
            assert_eq!(options.tls.is_some(), says_so, "{scheme}");
        }
    }
}
