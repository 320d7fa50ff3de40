//! The settings of a login, for the tables of the stores on NATS.

use keywell_store::{Secret, Setting, SettingError, SettingKind, Settings};

use super::Login;

pub(crate) const USER: Setting = Setting::new(
    "user",
    SettingKind::Text,
    "none",
    "the user of the NATS server",
);
pub(crate) const PASSWORD: Setting =
    Setting::new("password", SettingKind::Text, "none", "the user's password").secret();
pub(crate) const TOKEN: Setting = Setting::new(
    "token",
    SettingKind::Text,
    "none",
    "a token that the server asks for",
)
.secret();
pub(crate) const CREDENTIALS: Setting = Setting::new(
    "credentials",
    SettingKind::Path,
    "none",
    "a file with a JWT and the seed of its key",
);
pub(crate) const JWT: Setting = Setting::new("jwt", SettingKind::Text, "none", "a JWT")
    .aliases(&["client_jwt", "CLIENT_JWT"])
    .secret();
pub(crate) const SEED: Setting = Setting::new(
    "seed",
    SettingKind::Text,
    "none",
    "the seed of the key of `jwt`",
)
.aliases(&["client_seed", "CLIENT_SEED"])
.secret();
pub(crate) const NKEY: Setting = Setting::new(
    "nkey",
    SettingKind::Text,
    "none",
    "the seed of a key that the server knows",
)
.secret();
pub(crate) const TLS: Setting = Setting::new(
    "tls",
    SettingKind::Boolean,
    "where the server asks for it",
    "whether the connection is encrypted",
);
pub(crate) const TLS_CA: Setting = Setting::new(
    "tls-ca",
    SettingKind::Path,
    "the system's",
    "the authorities to trust, a PEM file",
)
.aliases(&["tls_ca_file"]);
pub(crate) const TLS_CA_PEM: Setting = Setting::new(
    "tls-ca-pem",
    SettingKind::Text,
    "none",
    "the authorities to trust, as PEM text",
)
.aliases(&["tls_ca"]);
pub(crate) const TLS_CERTIFICATE: Setting = Setting::new(
    "tls-certificate",
    SettingKind::Path,
    "none",
    "our certificate chain, a PEM file",
);
pub(crate) const TLS_KEY: Setting = Setting::new(
    "tls-key",
    SettingKind::Path,
    "none",
    "the key of our certificate, a PEM file",
);

/// Reads a login from settings, and from what stands before the `@` of a URL, percent-encoded.
///
/// # Errors
///
/// Where settings contradict each other or one lacks its partner.
pub(crate) fn read(settings: &Settings, userinfo: Option<&str>) -> Result<Login, SettingError> {
    let text = |name: &str| settings.text(name).map(str::to_owned);
    let secret = |name: &str| text(name).map(Secret::from);
    let refused = |name: &str, expected: &str| Err(SettingError::value(name, expected));

    let mut login = Login {
        token: secret(TOKEN.name),
        credentials: text(CREDENTIALS.name).map(Into::into),
        nkey: secret(NKEY.name),
        ..Login::default()
    };
    login.user = match (text(USER.name), secret(PASSWORD.name)) {
        (Some(user), Some(password)) => Some((user, password)),
        (None, None) => None,
        (Some(_), None) => return refused(USER.name, "given together with password"),
        (None, Some(_)) => return refused(PASSWORD.name, "given together with user"),
    };
    if let Some(userinfo) = userinfo {
        if login.user.is_some() || login.token.is_some() {
            return refused(
                if login.user.is_some() {
                    USER.name
                } else {
                    TOKEN.name
                },
                "left out where the URL has a login",
            );
        }
        let decode = |text: &str| {
            let decoded = percent_encoding::percent_decode_str(text);
            decoded.decode_utf8_lossy().into_owned()
        };
        match userinfo.split_once(':') {
            Some((user, password)) => {
                login.user = Some((decode(user), Secret::from(decode(password))));
            }
            None => login.token = Some(Secret::from(decode(userinfo))),
        }
    }
    login.jwt = match (secret(JWT.name), secret(SEED.name)) {
        (Some(jwt), Some(seed)) => Some((jwt, seed)),
        (None, None) => None,
        (Some(_), None) => return refused(JWT.name, "given together with seed"),
        (None, Some(_)) => return refused(SEED.name, "given together with jwt"),
    };
    if login.credentials.is_some() && login.jwt.is_some() {
        return refused(CREDENTIALS.name, "left out where jwt is given");
    }
    login.tls = keywell_client::settings::tls(settings)?;
    Ok(login)
}
