use google_cloud_auth::credentials::service_account::AccessSpecifier;
use google_cloud_auth::credentials::{
    Builder, CacheableResource, Credentials as Google, external_account,
    external_account_authorized_user, impersonated, service_account, user_account,
};
use http::{Extensions, HeaderMap, HeaderValue};
use keywell_store::{Error, Failure, Result, Secret};

use super::fault::Fault;

/// What tokens are for.
const SCOPE: &str = "https://www.googleapis.com/auth/datastore";

/// A login: the headers of each request.
pub(crate) enum Credentials {
    /// The one that emulators take.
    Emulator,
    Google(Google),
}

// === impl Credentials ===

impl Credentials {
    /// Reads a login, or finds the one that programs of Google Cloud have here. From within a
    /// runtime: tokens are renewed by a task, which ends with the login.
    ///
    /// # Errors
    ///
    /// [`Error::AccessDenied`] if there is none, or if it cannot be understood.
    pub(crate) fn find(json: Option<&Secret>) -> Result<Self> {
        // Which signs, and encrypts requests for tokens. It stays another one if that is installed.
        drop(rustls::crypto::ring::default_provider().install_default());
        let built = match json {
            None => Builder::default().with_scopes([SCOPE]).build(),
            Some(json) => {
                let json: serde_json::Value =
                    serde_json::from_str(json.expose()).map_err(|_| {
                        let what = "the setting credentials is no JSON text of a key";
                        Error::AccessDenied(what.into())
                    })?;
                match json["type"].as_str() {
                    Some("service_account") => service_account::Builder::new(json)
                        .with_access_specifier(AccessSpecifier::from_scopes([SCOPE]))
                        .build(),
                    Some("authorized_user") => user_account::Builder::new(json)
                        .with_scopes([SCOPE])
                        .build(),
                    Some("impersonated_service_account") => impersonated::Builder::new(json)
                        .with_scopes([SCOPE])
                        .build(),
                    Some("external_account") => external_account::Builder::new(json)
                        .with_scopes([SCOPE])
                        .build(),
                    Some("external_account_authorized_user") => {
                        external_account_authorized_user::Builder::new(json).build()
                    }
                    _ => {
                        let what = "the setting credentials has no `type` that is known";
                        return Err(Error::AccessDenied(what.into()));
                    }
                }
            }
        };
        built.map(Self::Google).map_err(|error| {
            let what = Failure::caused_by("the credentials cannot be used", error);
            Error::AccessDenied(what.to_string().into())
        })
    }

    /// The headers of a request, which has not been sent.
    pub(crate) async fn headers(&self) -> Result<HeaderMap, Fault> {
        let google = match self {
            Self::Emulator => {
                let owner = HeaderValue::from_static("Bearer owner");
                let headers = [(http::header::AUTHORIZATION, owner)];
                return Ok(headers.into_iter().collect());
            }
            Self::Google(google) => google,
        };
        match google.headers(Extensions::new()).await {
            Ok(CacheableResource::New { data, .. }) => Ok(data),
            // Only where an earlier answer is named.
            Ok(CacheableResource::NotModified) => Ok(HeaderMap::new()),
            Err(error) if error.is_transient() => {
                let what = "no token for Firestore can be had";
                Err(Fault::Unsent(Failure::caused_by(what, error)))
            }
            Err(error) => {
                let what = Failure::caused_by("no token for Firestore can be had", error);
                Err(Fault::Refused(Error::AccessDenied(what.to_string().into())))
            }
        }
    }
}
