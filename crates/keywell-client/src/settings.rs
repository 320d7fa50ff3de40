//! The settings that stores on servers have in common, for the tables of their providers.

use keywell_store::{Secret, Setting, SettingError, SettingKind, Settings};
use percent_encoding::percent_decode_str;

use crate::Tls;

/// The password of a user, whom a setting `user` names.
pub const PASSWORD: Setting =
    Setting::new("password", SettingKind::Text, "none", "the user's password").secret();
/// Whether connections are encrypted.
pub const TLS: Setting = Setting::new(
    "tls",
    SettingKind::Boolean,
    "false",
    "whether connections are encrypted",
);
/// The authorities to trust, in a file.
pub const TLS_CA: Setting = Setting::new(
    "tls-ca",
    SettingKind::Path,
    "the system's",
    "the authorities to trust, a PEM file",
);
/// The authorities to trust, as text.
pub const TLS_CA_PEM: Setting = Setting::new(
    "tls-ca-pem",
    SettingKind::Text,
    "none",
    "the authorities to trust, as PEM text",
);
/// The certificate chain of the client.
pub const TLS_CERTIFICATE: Setting = Setting::new(
    "tls-certificate",
    SettingKind::Path,
    "none",
    "our certificate chain, a PEM file",
);
/// The key of that certificate.
pub const TLS_KEY: Setting = Setting::new(
    "tls-key",
    SettingKind::Path,
    "none",
    "the key of our certificate, a PEM file",
);
/// How long an answer is waited for.
pub const ANSWER_TIMEOUT: Setting = Setting::new(
    "answer-timeout",
    SettingKind::Duration(100..=600_000),
    "5s",
    "how long an answer is waited for",
);

/// Reads a user and a password from the settings `user` and [`PASSWORD`], or from what stands before
/// the `@` of a URL, percent-encoded.
///
/// # Errors
///
/// Where one lacks the other, or both places have a login.
pub fn login(
    settings: &Settings,
    userinfo: Option<&str>,
) -> Result<Option<(String, Secret)>, SettingError> {
    let refused = |name: &str, expected: &str| Err(SettingError::value(name, expected));
    let (user, password) = (settings.text("user"), settings.text(PASSWORD.name));
    let Some(userinfo) = userinfo else {
        return match (user, password) {
            (Some(user), Some(password)) => {
                Ok(Some((user.to_owned(), Secret::from(password.to_owned()))))
            }
            (None, None) => Ok(None),
            (Some(_), None) => refused("user", "given together with password"),
            (None, Some(_)) => refused(PASSWORD.name, "given together with user"),
        };
    };
    if user.is_some() || password.is_some() {
        return refused("user", "left out where the URL has a login");
    }
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    Ok(Some((decoded(user), Secret::from(decoded(password)))))
}

/// Reads how connections are encrypted, from the settings of TLS; `None` if they are not.
///
/// # Errors
///
/// Where they contradict each other, or one lacks its partner.
pub fn tls(settings: &Settings) -> Result<Option<Tls>, SettingError> {
    let path = |name: &str| settings.text(name).map(Into::into);
    let certificate = match (path(TLS_CERTIFICATE.name), path(TLS_KEY.name)) {
        (Some(chain), Some(key)) => Some((chain, key)),
        (None, None) => None,
        _ => {
            let expected = "given together with tls-key";
            return Err(SettingError::value(TLS_CERTIFICATE.name, expected));
        }
    };
    let tls = Tls {
        ca: path(TLS_CA.name),
        ca_pem: settings.text(TLS_CA_PEM.name).map(str::to_owned),
        certificate,
    };
    let is_set = tls != Tls::default();
    match settings.boolean(TLS.name) {
        Some(false) if is_set => {
            let expected = "true or left out where another setting of TLS is given";
            Err(SettingError::value(TLS.name, expected))
        }
        Some(true) => Ok(Some(tls)),
        _ => Ok(is_set.then_some(tls)),
    }
}
