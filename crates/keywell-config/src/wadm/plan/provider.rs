use super::application::Application;
use super::context::Context;
use super::values::Values;
use super::{http_client, nats, redis};
use crate::wadm::component::Component;
use crate::wadm::provider::{Builtin, Provider};

/// Warns of configuration that a provider does not read. What an http-server reads depends on its
/// mode.
pub(super) fn check<'a>(
    context: &Context<'a>,
    application: &'a Application,
    component: &'a Component,
) {
    let builtin = component
        .image()
        .map(|image| context.given.providers.find(image));
    let (known, what) = match builtin {
        Some(Provider::Builtin(Builtin::KeyvalueRedis)) => (redis::KNOWN, "keyvalue-redis"),
        Some(Provider::Builtin(Builtin::KeyvalueNats)) => (nats::KNOWN, "keyvalue-nats"),
        Some(Provider::Builtin(Builtin::HttpClient)) => (http_client::KNOWN, "http-client"),
        Some(
            Provider::Builtin(Builtin::HttpServer)
            | Provider::NotOffered { .. }
            | Provider::Unknown,
        )
        | None => return,
    };
    let values = Values::read(context, application, &component.config);
    values.warn_of_unread(context, known, what);
}
