//! Clients of DynamoDB, by the options of a store and the usual chain of AWS.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use keywell_store::{Error, Failure, Result};

use crate::options::DynamoDbOptions;

/// How long a server may take to connect.
const CONNECT: Duration = Duration::from_secs(2);
/// How the options are named where credentials are shown.
const SOURCE: &str = "the settings of the store";

/// The configuration of clients. Their own retries are off.
///
/// # Errors
///
/// [`Error::Unavailable`] for a missing region, or authorities that cannot be read.
pub(crate) async fn config(options: &DynamoDbOptions) -> Result<SdkConfig> {
    let context = TlsContext::builder()
        .with_trust_store(trusted(options).await?)
        .build()
        .map_err(|error| unusable("the authorities to trust cannot be used", error))?;
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(context)
        .build_https();
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    if let Some(region) = &options.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &options.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(endpoint) = &options.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some((id, secret)) = &options.access_key {
        let token = options.session_token.as_ref();
        let token = token.map(|token| token.expose().to_owned());
        let secret = secret.expose();
        let credentials = Credentials::new(id, secret, token, None, SOURCE);
        loader = loader.credentials_provider(credentials);
    }
    let config = loader.load().await;
    if config.region().is_none() {
        let what = "no region of AWS is set; set `region`, AWS_REGION, or the region of a profile";
        return Err(Error::Unavailable(what.into()));
    }
    Ok(config)
}

/// The authorities to trust.
async fn trusted(options: &DynamoDbOptions) -> Result<TrustStore> {
    if options.ca.is_none() && options.ca_pem.is_none() {
        return Ok(TrustStore::default());
    }
    let mut trusted = TrustStore::empty();
    if let Some(path) = options.ca.clone() {
        let what = format!(
            "the authorities to trust cannot be read: {}",
            path.display()
        );
        let read = tokio::task::spawn_blocking(move || std::fs::read(path)).await;
        let read = read.unwrap_or_else(|error| Err(error.into()));
        trusted.add_pem_certificate(read.map_err(|error| unusable(what, error))?);
    }
    if let Some(text) = &options.ca_pem {
        trusted.add_pem_certificate(text.as_bytes());
    }
    Ok(trusted)
}

fn unusable(
    what: impl Into<std::borrow::Cow<'static, str>>,
    error: impl std::error::Error + Send + Sync + 'static,
) -> Error {
    Error::Unavailable(Failure::caused_by(what, error))
}
