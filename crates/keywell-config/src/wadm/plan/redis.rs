use std::collections::BTreeSet;

use super::application::Application;
use super::context::Context;
use super::ends::{End, Ends};
use super::store as stores;
use super::values::Values;
use crate::wadm::component::Component;
use crate::wadm::link::{Link, LinkSide};
use crate::wadm::provider::Builtin;
use crate::{LinkPlan, Located, Plan, Problem, Secret, StorePlan};

/// Where the provider connects to if nothing says so.
const URL: &str = "redis://127.0.0.1:6379/";

/// What the provider reads, and the settings of a store that are the same.
const SETTINGS: &[(&str, &str)] = &[
    ("BACKEND_CONNECTION_TIMEOUT_MS", "connect-timeout"),
    ("BACKEND_RECONNECT_MAX_DELAY_MS", "reconnect-max-delay"),
    ("BACKEND_RECONNECT_NUM_RETRIES", "connect-retries"),
    ("BACKEND_RESPONSE_TIMEOUT_MS", "answer-timeout"),
];

/// What it reads besides. There is no connection but those of links, so none to disable.
pub(super) const KNOWN: &[&str] = &[
    "url",
    "watch",
    "DISABLE_DEFAULT_CONNECTION",
    "SHARE_CONNECTIONS_BY_URL",
    "BACKEND_CONNECTION_TIMEOUT_MS",
    "BACKEND_RECONNECT_MAX_DELAY_MS",
    "BACKEND_RECONNECT_NUM_RETRIES",
    "BACKEND_RESPONSE_TIMEOUT_MS",
];

/// Gives a component the store that its link to the provider leads to: every bucket name opens the
/// one flat bucket.
pub(super) fn add(context: &Context<'_>, ends: &Ends<'_>, plan: &mut Plan) {
    let (End::Component(source), End::Provider(Builtin::KeyvalueRedis, application, provider)) =
        (ends.source, ends.target)
    else {
        return;
    };
    if !plan.components.contains_key(source) {
        return;
    }
    let link = ends.link;
    let sides = [&link.target_side];
    let planned = self::plan(context, ends.application, &sides, application, provider);
    let name = link.name();
    let component = &plan.components[source];
    let known = match name {
        Link::DEFAULT => Some(&component.link),
        name => component.links.get(name),
    };
    let known = known.and_then(|link| link.every_bucket.as_ref());
    if let Some(known) = known.and_then(|grant| plan.stores.get(&grant.store)) {
        if !stores::is_same(known, &planned) {
            let problem =
                format!("{source} has two links named {name}, and they lead to two stores");
            let place = ends.application.place(link.target.place);
            let help = "give one of the two links a name of its own, with name:";
            context.wrong(place, Problem::error(problem).help(help));
        }
        return;
    }
    let store = stores::add(plan, &format!("{source}-{name}"), planned);
    let link = LinkPlan {
        every_bucket: Some(stores::flat(&store)),
        ..LinkPlan::default()
    };
    if let Some(component) = plan.components.get_mut(source) {
        if name == Link::DEFAULT {
            component.link = link;
        } else {
            component.links.insert(name.to_owned(), link);
        }
    }
}

/// The store of a link, by what its sides have, then by the provider's secrets and configuration.
pub(super) fn plan<'a>(
    context: &Context<'a>,
    application: &'a Application,
    sides: &[&'a LinkSide],
    provider_application: &'a Application,
    provider: &'a Component,
) -> StorePlan {
    let read = |side: &&'a LinkSide| {
        Values::with_secrets(context, application, &side.config, &side.secrets)
    };
    let mut values: Vec<Values> = sides.iter().map(read).collect();
    for values in &values {
        values.warn_of_unread(context, KNOWN, "keyvalue-redis");
    }
    let (config, secrets) = (&provider.config, &provider.secrets);
    values.push(Values::with_secrets(
        context,
        provider_application,
        config,
        secrets,
    ));
    store(context, &values)
}

/// The store that values lead to; earlier values override later ones.
pub(super) fn store(context: &Context<'_>, values: &[Values]) -> StorePlan {
    let mut concealed = BTreeSet::new();
    let mut find = |key: &str, setting: &str| {
        let values = values.iter().find(|values| values.get(key).is_some())?;
        if values.is_secret(key) {
            concealed.insert(setting.to_owned());
        }
        values.get(key)
    };
    let url = find("url", "url").map_or_else(|| Secret::from(URL.to_owned()).into(), url);
    let mut settings = Vec::new();
    if !has_layout(url.expose()) {
        let flat: Located<Secret> = Secret::from("flat".to_owned()).into();
        settings.push(("layout".to_owned(), flat));
    }
    let share = "SHARE_CONNECTIONS_BY_URL";
    if values.iter().any(|values| values.get(share).is_some()) {
        let share: Located<Secret> = Secret::from("true".to_owned()).into();
        settings.push(("share-connections".to_owned(), share));
    }
    for (key, setting) in SETTINGS {
        let Some(value) = find(key, setting) else {
            continue;
        };
        if value.expose().parse::<u32>().is_ok() {
            settings.push(((*setting).to_owned(), value.clone()));
        } else {
            let problem = Problem::warning(format!("{key} should be a whole number, in quotes"));
            context.wrong(
                value.place,
                problem.help("the default is used, as the provider does"),
            );
        }
    }
    StorePlan {
        url,
        settings,
        concealed,
    }
}

/// The URL with a scheme.
fn url(value: &Located<Secret>) -> Located<Secret> {
    let text = value.expose().trim();
    let value_of = if text.contains("://") {
        text.to_owned()
    } else {
        format!("redis://{text}")
    };
    Located {
        value: value_of.into(),
        place: value.place,
    }
}

/// Whether a URL says how keys lie in Redis.
fn has_layout(url: &str) -> bool {
    let (_, settings) = url.split_once('?').unwrap_or_default();
    let mut settings = settings.split('&');
    settings.any(|setting| setting.starts_with("layout=") || setting.starts_with("prefix="))
}
