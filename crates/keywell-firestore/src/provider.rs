use std::sync::Arc;

use keywell_client::Tls;
use keywell_store::{
    Making, OpenError, Opening, Provider, Secret, Setting, SettingError, SettingKind, Store,
    StoreUrl, UrlForm,
};
use percent_encoding::percent_decode_str;

use crate::options::FirestoreOptions;
use crate::store::FirestoreStore;

/// The provider of stores on Firestore, at `firestore://PROJECT/DATABASE`.
#[derive(Clone, Copy, Debug, Default)]
pub struct FirestoreProvider;

/// The longest id of a collection. It comes twice in the name of each key, of at most 6 KiB.
const COLLECTION_BYTES: usize = 255;

const TABLE: &[Setting] = &[
    Setting::new(
        "collection",
        SettingKind::Text,
        "keywell",
        "the id of the collection of the buckets, and of those of their keys",
    )
    .selects_keys(),
    Setting::new(
        "credentials",
        SettingKind::Text,
        "the machine's",
        "the login, as the JSON text of a service account's key",
    )
    .secret(),
    Setting::new(
        "credentials-file",
        SettingKind::Path,
        "the machine's",
        "the login, as a file of that text",
    ),
    Setting::new(
        "emulator",
        SettingKind::Text,
        "none",
        "HOST:PORT of an emulator, reached without encryption and login",
    )
    .selects_keys(),
    Setting::new(
        "endpoint",
        SettingKind::Text,
        "firestore.googleapis.com",
        "HOST or HOST:PORT of the service",
    )
    .selects_keys(),
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
        "10s",
        "how long an answer is waited for",
    ),
];

// === impl FirestoreProvider ===

impl FirestoreProvider {
    /// The options, but for a login in a file, which has this path.
    fn options(self, url: &StoreUrl) -> Result<(FirestoreOptions, Option<String>), OpenError> {
        let provider: &dyn Provider = &self;
        let settings = provider.read_settings(url)?;
        let refused = |problem: &str| OpenError::Place {
            url: provider.shown(url),
            problem: problem.to_owned(),
        };
        let place = url.place().strip_prefix("//");
        let place = place.ok_or_else(|| refused("is not written firestore://PROJECT/DATABASE"))?;
        let place = percent_decode_str(place).decode_utf8();
        let place = place.map_err(|_| refused("has a name that is not UTF-8"))?;
        let (project, database) = place.split_once('/').unwrap_or((&place, ""));
        let is_name = |name: &str| {
            let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:()".contains(&byte);
            !name.is_empty() && name.bytes().all(is_of_name)
        };
        if !is_name(project) {
            return Err(refused("names no project; write firestore://PROJECT"));
        }
        let mut options = FirestoreOptions::new(project);
        if !database.is_empty() {
            if !is_name(database) {
                return Err(refused(
                    "names no database; write firestore://PROJECT/DATABASE",
                ));
            }
            database.clone_into(&mut options.database);
        }
        let wrong = |name: &str, expected: &str| OpenError::Setting {
            url: provider.shown(url),
            error: SettingError::value(name, expected),
        };
        if let Some(collection) = settings.text("collection") {
            let is_id = !collection.is_empty()
                && collection.len() <= COLLECTION_BYTES
                && !collection.contains(['/', '.'])
                && !collection.starts_with('_');
            if !is_id {
                let expected = "at most 255 bytes without slashes and dots, and begin with no \
                                underscore";
                return Err(wrong("collection", expected));
            }
            collection.clone_into(&mut options.collection);
        }
        for (name, host) in [
            ("endpoint", settings.text("endpoint")),
            ("emulator", settings.text("emulator")),
        ] {
            let is_host = |host: &str| {
                let authority = host.parse::<http::uri::Authority>();
                authority.is_ok_and(|it| !it.host().is_empty() && !host.contains('@'))
            };
            if host.is_some_and(|host| !is_host(host)) {
                return Err(wrong(name, "HOST:PORT"));
            }
        }
        if let Some(endpoint) = settings.text("endpoint") {
            endpoint.clone_into(&mut options.endpoint);
        }
        options.emulator = settings.text("emulator").map(str::to_owned);
        let credentials = settings.text("credentials");
        let file = settings.text("credentials-file");
        if credentials.is_some() && file.is_some() {
            let expected = "left out where credentials-file is given";
            return Err(wrong("credentials", expected));
        }
        options.credentials = credentials.map(|json| Secret::from(json.to_owned()));
        options.tls = Tls {
            ca: settings.text("tls-ca").map(Into::into),
            ca_pem: settings.text("tls-ca-pem").map(str::to_owned),
            certificate: None,
        };
        if let Some(timeout) = settings.duration("answer-timeout") {
            options.answer_timeout = timeout;
        }
        Ok((options, file.map(str::to_owned)))
    }
}

/// Opens a store whose login may be in a file.
async fn open(
    mut options: FirestoreOptions,
    file: Option<String>,
) -> keywell_store::Result<FirestoreStore> {
    if let Some(file) = file {
        let read = tokio::task::spawn_blocking(move || {
            let text = std::fs::read_to_string(&file);
            text.map_err(|error| {
                let what = format!("the file of credentials {file} cannot be read");
                let failure = keywell_store::Failure::caused_by(what, error);
                keywell_store::Error::Unavailable(failure)
            })
        });
        let text = read.await.map_err(|error| {
            let failure = keywell_store::Failure::caused_by("reading credentials", error);
            keywell_store::Error::Internal(failure)
        })?;
        options.credentials = Some(Secret::from(text?));
    }
    FirestoreStore::open(options).await
}

impl Provider for FirestoreProvider {
    fn name(&self) -> &'static str {
        "firestore"
    }

    fn summary(&self) -> &'static str {
        "in Firestore, as documents of a collection"
    }

    fn schemes(&self) -> &'static [&'static str] {
        &["firestore"]
    }

    fn forms(&self) -> &'static [UrlForm] {
        &[UrlForm {
            form: "firestore://PROJECT[/DATABASE]",
            help: "a database of the project, which is `(default)` unless given",
        }]
    }

    fn settings(&self) -> &'static [Setting] {
        TABLE
    }

    fn check(&self, url: &StoreUrl) -> Result<(), OpenError> {
        self.options(url).map(drop)
    }

    fn open(&self, url: &StoreUrl, _: Making) -> Opening {
        let options = self.options(url);
        let url = (self as &dyn Provider).shown(url);
        Box::pin(async move {
            let (options, file) = options?;
            let opened = open(options, file).await;
            let store = opened.map_err(|source| OpenError::Store { url, source })?;
            Ok(Arc::new(store) as Arc<dyn Store>)
        })
    }
}
