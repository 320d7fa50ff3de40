use std::collections::BTreeSet;

use super::application::Application;
use super::context::Context;
use super::ends::{End, Ends};
use super::store as stores;
use super::values::Values;
use crate::wadm::component::Component;
use crate::wadm::link::Link;
use crate::wadm::provider::Builtin;
use crate::{LinkPlan, Located, Plan, Problem, Secret, StorePlan};

/// Where the provider connects to if nothing says so: its own machine.
const URL: &str = "nats://127.0.0.1:4222";

/// What the provider reads besides the server's URL, and the settings of a store that are the same.
const SETTINGS: &[(&str, &str)] = &[
    ("bucket", "bucket"),
    ("js_domain", "domain"),
    ("enable_bucket_auto_create", "create"),
    ("client_jwt", "jwt"),
    ("client_seed", "seed"),
    ("tls_ca", "tls-ca-pem"),
    ("tls_ca_file", "tls-ca"),
];

/// All that it reads.
pub(super) const KNOWN: &[&str] = &[
    "bucket",
    "cluster_uri",
    "js_domain",
    "enable_bucket_auto_create",
    "client_jwt",
    "client_seed",
    "tls_ca",
    "tls_ca_file",
];

/// Gives a component the bucket that its link to the provider leads to. A component opens it by the
/// name of the link, and any name opens it where the component picks the link itself.
pub(super) fn add(context: &Context<'_>, ends: &Ends<'_>, plan: &mut Plan) {
    let (End::Component(source), End::Provider(Builtin::KeyvalueNats, application, provider)) =
        (ends.source, ends.target)
    else {
        return;
    };
    let Some(component) = plan.components.get(source) else {
        return;
    };
    let link = ends.link;
    let name = link.name();
    let Some(planned) = self::plan(context, ends, application, provider) else {
        return;
    };
    let known = component.link.buckets.get(name);
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
    if let Some(component) = plan.components.get_mut(source) {
        let bucket = stores::flat(&store);
        component
            .link
            .buckets
            .insert(name.to_owned(), bucket.clone());
        if name != Link::DEFAULT {
            let picked = component.links.entry(name.to_owned());
            picked.or_insert_with(|| LinkPlan {
                every_bucket: Some(bucket),
                ..LinkPlan::default()
            });
        }
    }
}

/// The store of a link, by what its side of the provider has, or else by the provider's own
/// configuration.
fn plan<'a>(
    context: &Context<'a>,
    ends: &Ends<'a>,
    application: &'a Application,
    provider: &'a Component,
) -> Option<StorePlan> {
    let side = &ends.link.target_side;
    let own = Values::with_secrets(context, ends.application, &side.config, &side.secrets);
    own.warn_of_unread(context, KNOWN, "keyvalue-nats");
    let (config, secrets) = (&provider.config, &provider.secrets);
    let values = [
        own,
        Values::with_secrets(context, application, config, secrets),
    ];
    // What is empty is not set, as manifests made from templates have it.
    let source = |key: &str| values.iter().find(|values| values.get(key).is_some());
    let find = |key: &str| {
        let found = source(key)?.get(key);
        found.filter(|value| !value.expose().trim().is_empty())
    };
    let mut concealed = BTreeSet::new();
    let mut conceal = |key: &str, setting: &str| {
        if source(key).is_some_and(|values| values.is_secret(key)) {
            concealed.insert(setting.to_owned());
        }
    };
    if find("bucket").is_none() {
        let message = format!(
            "the link {} to keyvalue-nats names no bucket",
            ends.link.name()
        );
        let place = ends.application.place(ends.link.target.place);
        context.wrong(
            place,
            Problem::error(message).help("add bucket: to its configuration"),
        );
        return None;
    }
    conceal("cluster_uri", "url");
    let url = find("cluster_uri").map_or_else(|| Secret::from(URL.to_owned()).into(), url);
    let settings = SETTINGS.iter().filter_map(|(key, setting)| {
        let value = find(key)?;
        conceal(key, setting);
        Some(((*setting).to_owned(), value.clone()))
    });
    let settings = settings.collect();
    Some(StorePlan {
        url,
        settings,
        concealed,
    })
}

/// The URL with a scheme. What the provider connects to at every address of its machine is here the
/// machine's own.
fn url(value: &Located<Secret>) -> Located<Secret> {
    let text = value.expose().trim();
    let text = if text.contains("://") {
        text.to_owned()
    } else {
        format!("nats://{text}")
    };
    Located {
        value: text.replace("//0.0.0.0:", "//127.0.0.1:").into(),
        place: value.place,
    }
}
