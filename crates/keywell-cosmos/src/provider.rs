use std::sync::Arc;

use keywell_store::{
    Making, OpenError, Opening, Provider, Secret, Setting, SettingError, SettingKind, Store,
    StoreUrl, UrlForm,
};
use percent_encoding::percent_decode_str;

use crate::options::CosmosOptions;
use crate::store::CosmosStore;

/// The provider of stores on Cosmos DB, at `cosmos://HOST/DATABASE/CONTAINER`.
#[derive(Clone, Copy, Debug, Default)]
pub struct CosmosProvider;

/// The longest name of a database or a container, in bytes.
const NAME_BYTES: usize = 255;

const TABLE: &[Setting] = &[
    Setting::new(
        "key",
        SettingKind::Text,
        "credentials of Microsoft Entra",
        "a key of the account",
    )
    .secret(),
    Setting::new(
        "create",
        SettingKind::Boolean,
        "false",
        "whether the database and the container are made where there are none; it takes a key",
    ),
    Setting::new(
        "regions",
        SettingKind::Text,
        "the account's",
        "the regions to use, the first first, separated by commas",
    ),
    Setting::new(
        "tombstones",
        SettingKind::Duration(1_000..=31_536_000_000),
        "604800s",
        "how long deletions are kept for watches that resume",
    ),
    Setting::new(
        "poll",
        SettingKind::Duration(10..=60_000),
        "500ms",
        "how long a watch waits before it asks for changes again",
    ),
    Setting::new(
        "tls",
        SettingKind::Boolean,
        "true",
        "whether connections are encrypted; false is for an emulator on this machine",
    ),
    Setting::new(
        "answer-timeout",
        SettingKind::Duration(1_000..=60_000),
        "5s",
        "how long an answer is waited for",
    ),
];

// === impl CosmosProvider ===

impl CosmosProvider {
    fn options(self, url: &StoreUrl) -> Result<CosmosOptions, OpenError> {
        let provider: &dyn Provider = &self;
        let settings = provider.read_settings(url)?;
        let refused = |problem: &str| OpenError::Place {
            url: provider.shown(url),
            problem: problem.to_owned(),
        };
        let unwritten = || refused("is not written cosmos://HOST/DATABASE/CONTAINER");
        let place = url.place().strip_prefix("//").ok_or_else(unwritten)?;
        let mut parts = place.strip_suffix('/').unwrap_or(place).split('/');
        let (Some(host), Some(database), Some(container), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(unwritten());
        };
        if host.contains('@') {
            return Err(refused("has a login; give the setting key instead"));
        }
        let is_authority = format!("https://{host}/")
            .parse::<azure_core::http::Url>()
            .is_ok_and(|url| url.has_host());
        if host.is_empty() || !is_authority {
            return Err(refused(
                "names no host; write cosmos://HOST/DATABASE/CONTAINER",
            ));
        }
        let decoded = |part: &str| {
            let name = percent_decode_str(part).decode_utf8().ok();
            let is_name = |name: &str| {
                let is_taken = |c: char| c.is_control() || matches!(c, '/' | '\\' | '?' | '#');
                !name.is_empty()
                    && name.len() <= NAME_BYTES
                    && !name.ends_with(' ')
                    && !name.contains(is_taken)
            };
            let name = name.filter(|name| is_name(name)).map(String::from);
            name.ok_or_else(|| {
                let what = "has a name that Cosmos DB does not take: it is empty, longer than 255 \
                            bytes, ends in a space, or has one of / \\ ? #";
                refused(what)
            })
        };
        let mut options = CosmosOptions::new(host, decoded(database)?, decoded(container)?);
        options.key = settings.text("key").map(|key| Secret::from(key.to_owned()));
        options.create = settings.boolean("create").unwrap_or_default();
        options.tls = settings.boolean("tls").unwrap_or(true);
        if let Some(regions) = settings.text("regions") {
            let regions = regions.split(',').map(|name| name.trim().to_owned());
            options.regions = regions.filter(|name| !name.is_empty()).collect();
        }
        if let Some(kept) = settings.duration("tombstones") {
            options.tombstones = kept;
        }
        if let Some(poll) = settings.duration("poll") {
            options.poll = poll;
        }
        if let Some(timeout) = settings.duration("answer-timeout") {
            options.answer_timeout = timeout;
        }
        if options.create && options.key.is_none() {
            return Err(OpenError::Setting {
                url: provider.shown(url),
                error: SettingError::value("create", "given together with key"),
            });
        }
        Ok(options)
    }
}

impl Provider for CosmosProvider {
    fn name(&self) -> &'static str {
        "cosmos"
    }

    fn summary(&self) -> &'static str {
        "in Azure Cosmos DB, in a container"
    }

    fn schemes(&self) -> &'static [&'static str] {
        &["cosmos"]
    }

    fn forms(&self) -> &'static [UrlForm] {
        &[UrlForm {
            form: "cosmos://HOST[:PORT]/DATABASE/CONTAINER",
            help: "a container of the account at HOST, such as shop.documents.azure.com",
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
            let opened = CosmosStore::open(options?, making).await;
            let store = opened.map_err(|source| OpenError::Store { url, source })?;
            Ok(Arc::new(store) as Arc<dyn Store>)
        })
    }
}
