use super::application::Application;
use super::context::Context;
use super::ends::{End, Ends};
use super::http_settings;
use super::routing::{self, Mode, Routing};
use super::values::Values;
use crate::wadm::component::Component;
use crate::wadm::provider::{Builtin, Provider};
use crate::{HostPlan, HttpPlan, ListenAddress, Located, PathPlan, Plan, Problem, TriggerPlan};

/// Calls components for the requests of every http-server.
pub(super) fn add(context: &Context<'_>, links: &[Ends<'_>], plan: &mut Plan) {
    for (application, component) in context.components() {
        let builtin = component
            .image()
            .map(|image| context.given.providers.find(image));
        if builtin != Some(Provider::Builtin(Builtin::HttpServer)) {
            continue;
        }
        let values = Values::read(context, application, &component.config);
        let routing = Routing::read(context, &values);
        if routing.mode == Mode::Address {
            warn_of_address(context, &values);
            let known = [routing::KNOWN, &["address", "port"]].concat();
            let what = "an http-server whose links have the settings";
            values.warn_of_unread(context, &known, what);
        } else {
            let known = [routing::KNOWN, http_settings::KNOWN].concat();
            values.warn_of_unread(context, &known, "http-server");
        }
        let shared = http_settings::whole(context, values);
        let own = links
            .iter()
            .filter(|ends| is_of(ends, application, component));
        let triggers: Vec<HttpPlan> = own
            .filter_map(|ends| trigger(context, ends, &routing, (application, &shared)))
            .collect();
        plan.triggers
            .extend(triggers.into_iter().map(TriggerPlan::Http));
    }
}

/// Whether a link is one of a provider.
fn is_of(ends: &Ends<'_>, application: &Application, component: &Component) -> bool {
    let End::Provider(Builtin::HttpServer, of, provider) = ends.source else {
        return false;
    };
    of.number == application.number && provider.name.value == component.name.value
}

fn warn_of_address(context: &Context<'_>, values: &Values) {
    for key in ["address", "port"] {
        if let Some(address) = values.text(key) {
            let problem = format!("{key} of the provider has no effect: each link has its own");
            let help = "move it to source_config of the link, or write default_address";
            context.wrong(address.place, Problem::warning(problem).help(help));
        }
    }
}

/// The trigger of a link. `shared` are the settings of the provider, for all of its links where these
/// share a listener.
fn trigger(
    context: &Context<'_>,
    ends: &Ends<'_>,
    routing: &Routing,
    shared: (&Application, &Values),
) -> Option<HttpPlan> {
    let End::Component(target) = ends.target else {
        return None;
    };
    let values = Values::read(context, ends.application, &ends.link.source_side.config);
    let plan = |values: &Values, application: &Application| {
        let addr = addr(context, values).unwrap_or_else(|| routing.default_address.clone());
        let mut http = HttpPlan {
            keeps_alive: routing.mode != Mode::Address,
            place: ends.application.place(ends.link.place),
            ..HttpPlan::new(target, addr)
        };
        http_settings::set(context, application, values, &mut http);
        http
    };
    if routing.mode == Mode::Address {
        let values = http_settings::whole(context, values);
        values.warn_of_unread(context, http_settings::KNOWN, "a link of http-server");
        return Some(plan(&values, ends.application));
    }
    let (application, shared) = shared;
    let mut http = plan(shared, application);
    choose(context, ends, routing, &values, &mut http).then_some(http)
}

/// Sets the path or the host by which an http-server chooses a link, and answers whether the link has
/// one.
fn choose(
    context: &Context<'_>,
    ends: &Ends<'_>,
    routing: &Routing,
    values: &Values,
    http: &mut HttpPlan,
) -> bool {
    let (key, form) = match routing.mode {
        Mode::Path => ("path", "/PATH"),
        Mode::Host | Mode::Address => ("host", "HOST"),
    };
    let what = format!("a link of an http-server that chooses by {key}");
    values.warn_of_unread(context, &[key], &what);
    let Some(value) = values.text(key).filter(|value| !value.trim().is_empty()) else {
        let target = &http.component;
        let problem =
            format!("the link to {target} has no {key}, by which its http-server chooses");
        let help = format!("add {key}: {form} to its source_config");
        let place = ends.application.place(ends.link.target.place);
        context.wrong(place, Problem::error(problem).help(help));
        return false;
    };
    match routing.mode {
        Mode::Path => {
            if !value.starts_with('/') {
                let problem = Problem::error(format!("{:?} is no path of a request", value.value));
                context.wrong(value.place, problem.help("a path begins with /"));
            }
            http.path = PathPlan::Exact(value);
        }
        Mode::Host | Mode::Address => {
            http.host = Some(HostPlan {
                header: routing.header.clone(),
                value,
            });
        }
    }
    true
}

/// Where it listens, by the address or the port alone.
fn addr(context: &Context<'_>, values: &Values) -> Option<ListenAddress> {
    if let Some(text) = values.text("address") {
        return routing::address(context, &text);
    }
    let port = values.text("port")?;
    let address = Located {
        value: format!("127.0.0.1:{}", port.trim()),
        place: port.place,
    };
    routing::address(context, &address)
}
