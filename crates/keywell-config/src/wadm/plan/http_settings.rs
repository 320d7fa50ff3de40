//! The settings of an http-server for one link, or for all of them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::application::Application;
use super::context::Context;
use super::values::Values;
use crate::{CorsPlan, HttpPlan, Located, Place, Problem, Secret, TlsPlan};

/// What can be set, besides where it listens and what it answers.
pub(super) const KNOWN: &[&str] = &[
    "address",
    "port",
    "config_json",
    "config_b64",
    "readonly_mode",
    "timeout_ms",
    "cache_control",
    "cors_allowed_origins",
    "cors_allowed_headers",
    "cors_allowed_methods",
    "cors_exposed_headers",
    "cors_max_age_secs",
    "tls_cert_file",
    "tls_priv_key_file",
    "disable_keepalive",
];

/// The settings, or those of `config_json` or `config_b64`, which replace all others.
pub(super) fn whole(context: &Context<'_>, values: Values) -> Values {
    let json = values.text("config_json");
    let json = json.or_else(|| decoded(context, &values.text("config_b64")?));
    let Some(json) = json else {
        return values;
    };
    let Ok(Value::Object(settings)) = serde_json::from_str::<Value>(&json) else {
        let problem = Problem::error("the settings of the http-server are no JSON object");
        context.wrong(json.place, problem);
        return values;
    };
    let mut whole = Values::default();
    let groups = [("cors", "cors_"), ("tls", "tls_")];
    for (key, value) in settings {
        let group = groups.iter().find(|(name, _)| *name == key);
        match (group, value) {
            (Some((_, prefix)), Value::Object(settings)) => {
                for (key, value) in settings {
                    push(&mut whole, format!("{prefix}{key}"), &value, json.place);
                }
            }
            (_, value) => push(&mut whole, key, &value, json.place),
        }
    }
    // What the link itself is for is no part of them.
    for key in ["path", "host"] {
        if let Some(text) = values.text(key) {
            push(
                &mut whole,
                key.to_owned(),
                &Value::String(text.value),
                text.place,
            );
        }
    }
    whole
}

fn push(values: &mut Values, key: String, value: &Value, place: Place) {
    let text = match value {
        Value::Null => return,
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    let value = Located {
        value: Secret::from(text),
        place,
    };
    values.push(Located { value: key, place }, value);
}

fn decoded(context: &Context<'_>, text: &Located<String>) -> Option<Located<String>> {
    let bytes = STANDARD.decode(text.trim()).ok();
    let decoded = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    if decoded.is_none() {
        let problem = Problem::error("config_b64 is no base64 of a JSON object");
        context.wrong(text.place, problem);
    }
    decoded.map(|value| Located {
        value,
        place: text.place,
    })
}

/// Sets what a trigger does with requests.
pub(super) fn set(
    context: &Context<'_>,
    application: &Application,
    values: &Values,
    http: &mut HttpPlan,
) {
    http.is_read_only = values.is_true(context, "readonly_mode");
    http.timeout = number(context, values, "timeout_ms").map(Duration::from_millis);
    http.cache_control = values.text("cache_control");
    http.keeps_alive &= !values.is_true(context, "disable_keepalive");
    let usual = CorsPlan::default();
    let texts = |key| list(context, values, key);
    let max_age = number(context, values, "cors_max_age_secs").map(Duration::from_secs);
    let origins = texts("cors_allowed_origins").unwrap_or_default();
    for origin in &origins {
        let host = ["http://", "https://"]
            .iter()
            .find_map(|scheme| origin.strip_prefix(scheme));
        if host.is_none_or(|host| host.is_empty() || host.contains('/')) {
            let problem = Problem::error(format!("{:?} is no origin", origin.value));
            context.wrong(
                origin.place,
                problem.help("write https://HOST or http://HOST:PORT"),
            );
        }
    }
    http.cors = Some(CorsPlan {
        origins,
        headers: texts("cors_allowed_headers").unwrap_or(usual.headers),
        methods: texts("cors_allowed_methods").unwrap_or(usual.methods),
        exposed_headers: texts("cors_exposed_headers").unwrap_or_default(),
        max_age: max_age.unwrap_or(usual.max_age),
    });
    http.tls = tls(context, application, values);
}

fn tls(context: &Context<'_>, application: &Application, values: &Values) -> Option<TlsPlan> {
    let (certificate, key) = (
        values.text("tls_cert_file"),
        values.text("tls_priv_key_file"),
    );
    match (certificate, key) {
        (Some(certificate), Some(key)) => Some(TlsPlan {
            certificate: application.path(&certificate),
            key: application.path(&key),
            place: certificate.place,
        }),
        (None, None) => None,
        (Some(one), None) | (None, Some(one)) => {
            let problem = Problem::error("tls_cert_file and tls_priv_key_file belong together");
            context.wrong(one.place, problem.help("give both"));
            None
        }
    }
}

/// A number of at least one.
fn number(context: &Context<'_>, values: &Values, key: &str) -> Option<u64> {
    let text = values.text(key)?;
    // What is longer is mistyped; the unit is at most a second.
    let number = text.trim().parse::<u64>().ok();
    let number = number.filter(|number| (1..=3_000_000_000).contains(number));
    if number.is_none() {
        let problem = Problem::error(format!("{key} should be a whole number from 1, in quotes"));
        context.wrong(text.place, problem);
    }
    number
}

/// A list of texts, as JSON.
fn list(context: &Context<'_>, values: &Values, key: &str) -> Option<Vec<Located<String>>> {
    let text = values.text(key)?;
    let list: Result<Vec<String>, _> = serde_json::from_str(&text);
    let Ok(list) = list else {
        let problem = Problem::error(format!("{key} should be a list of texts as JSON"));
        context.wrong(
            text.place,
            problem.help("write it in quotes, such as '[\"a\", \"b\"]'"),
        );
        return None;
    };
    let list = list.into_iter().map(|value| Located {
        value,
        place: text.place,
    });
    Some(list.collect())
}
