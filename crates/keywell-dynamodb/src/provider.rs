use std::sync::Arc;

use keywell_store::{
    Making, OpenError, Opening, Provider, Secret, Setting, SettingError, SettingKind, Settings,
    Store, StoreUrl, UrlForm,
};

use crate::options::DynamoDbOptions;
use crate::store::DynamoDbStore;

/// The provider of stores on Amazon DynamoDB, at `dynamodb://TABLE`.
#[derive(Clone, Copy, Debug, Default)]
pub struct DynamoDbProvider;

const TABLE: &[Setting] = &[
    Setting::new(
        "region",
        SettingKind::Text,
        "that of the environment or the profile",
        "the region of AWS",
    )
    .selects_keys(),
    Setting::new(
        "endpoint",
        SettingKind::Text,
        "that of the region",
        "the URL of the service, such as that of an emulator",
    )
    .selects_keys(),
    Setting::new(
        "profile",
        SettingKind::Text,
        "that of the environment, or `default`",
        "the profile of the files of AWS",
    ),
    Setting::new(
        "access-key",
        SettingKind::Text,
        "the usual credentials of AWS",
        "the access key",
    ),
    Setting::new(
        "secret-key",
        SettingKind::Text,
        "none",
        "the secret of the access key",
    )
    .secret(),
    Setting::new(
        "session-token",
        SettingKind::Text,
        "none",
        "the token of a temporary access key",
    )
    .secret(),
    Setting::new(
        "create",
        SettingKind::Boolean,
        "false",
        "whether a missing table is created",
    ),
    Setting::new(
        "tls-ca",
        SettingKind::Path,
        "the system's",
        "the authorities to trust, a PEM file",
    ),
    Setting::new(
        "tls-ca-pem",
        SettingKind::Text,
        "none",
        "the authorities to trust, as PEM text",
    ),
    Setting::new(
        "answer-timeout",
        SettingKind::Duration(100..=600_000),
        "5s",
        "how long an answer is waited for",
    ),
];

// === impl DynamoDbProvider ===

impl DynamoDbProvider {
    fn options(self, url: &StoreUrl) -> Result<DynamoDbOptions, OpenError> {
        let provider: &dyn Provider = &self;
        let settings = provider.read_settings(url)?;
        let table = url.place().strip_prefix("//").unwrap_or_default();
        if !is_table(table) {
            return Err(OpenError::Place {
                url: provider.shown(url),
                problem: "names no table; write dynamodb://TABLE, with the name of a table, which \
                          has 3 to 255 letters of ASCII, digits, - _ and ., or with its ARN"
                    .to_owned(),
            });
        }
        let shown = |error| OpenError::Setting {
            url: provider.shown(url),
            error,
        };
        let text = |name: &str| settings.text(name).map(str::to_owned);
        let mut options = DynamoDbOptions {
            region: text("region"),
            endpoint: text("endpoint"),
            profile: text("profile"),
            access_key: access_key(&settings).map_err(shown)?,
            session_token: text("session-token").map(Secret::from),
            create: settings.boolean("create").unwrap_or_default(),
            ca: settings.text("tls-ca").map(Into::into),
            ca_pem: text("tls-ca-pem"),
            ..DynamoDbOptions::new(table)
        };
        let is_url = |endpoint: &String| {
            let parsed = endpoint.parse::<http::Uri>();
            parsed.is_ok_and(|uri| {
                matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
            })
        };
        if options
            .endpoint
            .as_ref()
            .is_some_and(|endpoint| !is_url(endpoint))
        {
            let expected = "a URL that begins with http:// or https://";
            return Err(shown(SettingError::value("endpoint", expected)));
        }
        if let Some(timeout) = settings.duration("answer-timeout") {
            options.answer_timeout = timeout;
        }
        Ok(options)
    }
}

/// Whether text is the name of a table, or its ARN.
fn is_table(text: &str) -> bool {
    let name = match text.strip_prefix("arn:") {
        Some(arn) => arn.rsplit_once(":table/").map_or("", |(_, name)| name),
        None => text,
    };
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    (3..=255).contains(&name.len()) && name.bytes().all(is_allowed)
}

fn access_key(settings: &Settings) -> Result<Option<(String, Secret)>, SettingError> {
    let (id, secret) = (settings.text("access-key"), settings.text("secret-key"));
    let refused = |name: &str, expected: &str| Err(SettingError::value(name, expected));
    match (id, secret) {
        (Some(id), Some(secret)) => Ok(Some((id.to_owned(), Secret::from(secret.to_owned())))),
        (Some(_), None) => refused("access-key", "given together with secret-key"),
        (None, Some(_)) => refused("secret-key", "given together with access-key"),
        (None, None) if settings.text("session-token").is_some() => refused(
            "session-token",
            "given together with access-key and secret-key",
        ),
        (None, None) => Ok(None),
    }
}

impl Provider for DynamoDbProvider {
    fn name(&self) -> &'static str {
        "dynamodb"
    }

    fn summary(&self) -> &'static str {
        "in a table of Amazon DynamoDB"
    }

    fn schemes(&self) -> &'static [&'static str] {
        &["dynamodb"]
    }

    fn forms(&self) -> &'static [UrlForm] {
        &[UrlForm {
            form: "dynamodb://TABLE",
            help: "a table of Amazon DynamoDB, by its name or its ARN",
        }]
    }

    fn settings(&self) -> &'static [Setting] {
        TABLE
    }

    fn check(&self, url: &StoreUrl) -> Result<(), OpenError> {
        self.options(url).map(drop)
    }

    fn open(&self, url: &StoreUrl, making: Making) -> Opening {
        let options = self.options(url);
        let url = (self as &dyn Provider).shown(url);
        Box::pin(async move {
            let mut options = options?;
            options.create &= making == Making::Allowed;
            let opened = DynamoDbStore::open(options).await;
            let store = opened.map_err(|source| OpenError::Store { url, source })?;
            Ok(Arc::new(store) as Arc<dyn Store>)
        })
    }
}
