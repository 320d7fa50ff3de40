//! Makes a plan of manifests: what each component and link of theirs is to Keywell.
//!
//! Everything that is wrong is reported with its place, and reading goes on. What one manifest says
//! wrong by itself was reported before and is not looked at again.

mod application;
mod component;
mod context;
mod ends;
mod files;
mod http_client;
mod http_server;
mod http_settings;
mod import;
mod names;
mod nats;
mod provider;
mod redis;
mod references;
mod routing;
mod secret;
mod set_watch;
mod store;
mod toml_watch;
mod values;
mod watch;

use std::collections::BTreeSet;

use self::context::Context;
use self::names::Names;
use crate::clash::clashes;
use crate::wadm::component::ComponentKind;
use crate::{Place, Plan, Problem, Report, TriggerPlan, http};

pub(crate) use self::application::Application;
pub(crate) use self::context::Given;
pub(crate) use self::files::Files;

/// Adds what the applications have to a plan, as far as it can be read.
pub(crate) fn add(plan: &mut Plan, applications: &[Application], given: Given<'_>) -> Report {
    let is_whole = given.is_whole;
    let context = Context::new(applications, given);
    references::check(&context);
    let names = Names::of(&context, plan);
    for (application, component) in context.components() {
        if let Some(name) = names.own(application, component) {
            let planned = component::plan(&context, application, component);
            plan.components.insert(name.to_owned(), planned);
        }
    }
    let links = ends::links(&context, &names);
    for link in &links {
        ends::check(&context, link);
        import::add(&context, link, plan);
        http_client::add(&context, link, plan);
        redis::add(&context, link, plan);
    }
    // Behind those that give a component its default link as a whole.
    for link in &links {
        nats::add(&context, link, plan);
    }
    http_server::add(&context, &links, plan);
    for link in &links {
        watch::add(&context, link, plan);
    }
    for (application, component) in context.components() {
        if let Some(name) = names.own(application, component) {
            set_watch::add(&context, application, component, name, plan);
        }
    }
    toml_watch::resolve(&context, plan);
    for (application, component) in context.components() {
        let is_provider = component.kind == ComponentKind::Capability;
        if is_provider && component.image().is_some() {
            provider::check(&context, application, component);
        }
    }
    stop_what_is_off(&context, plan);
    let listeners = plan.triggers.iter().filter_map(TriggerPlan::listener);
    let mistakes: Vec<_> = listeners.flat_map(http::mistakes).collect();
    for (place, problem) in mistakes.into_iter().chain(clashes(&plan.triggers)) {
        // Those of a keywell.toml were reported before.
        if applications.iter().any(|of| of.number == place.file) {
            context.wrong(place, problem);
        }
    }
    if plan.triggers.is_empty() && is_whole && !context.has_errors() {
        let help = "link an http-server to a component, or a keyvalue-redis to its watcher";
        let file = applications
            .first()
            .map_or(0, |application| application.number);
        let place = Place {
            file,
            ..Place::default()
        };
        context.wrong(
            place,
            Problem::error("nothing calls a component").help(help),
        );
    }
    context.into_report()
}

/// The names of components in the plan.
pub(crate) fn names(applications: &[Application]) -> BTreeSet<String> {
    let named = names::named(applications);
    named.map(|(_, _, name)| name).collect()
}

/// Leaves out what calls components that have no instances.
fn stop_what_is_off(context: &Context<'_>, plan: &mut Plan) {
    let off = |name: &str| {
        let component = plan.components.get(name);
        component.is_some_and(|component| component.instances == Some(0))
    };
    let names: Vec<String> = plan
        .components
        .keys()
        .filter(|name| off(name))
        .cloned()
        .collect();
    for name in names {
        let is_called = plan.triggers.iter().any(|of| of.component() == name);
        plan.triggers.retain(|trigger| trigger.component() != name);
        if is_called {
            let place = plan.components[&name].place;
            let message = format!("{name} is off, as it has 0 instances: nothing calls it");
            context.wrong(place, Problem::warning(message));
        }
    }
}
