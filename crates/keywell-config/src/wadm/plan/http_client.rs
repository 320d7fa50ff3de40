use super::context::Context;
use super::ends::{End, Ends};
use super::values::Values;
use crate::wadm::provider::Builtin;
use crate::{Located, Plan, Problem};

/// What the provider reads. The system's and the common authorities are trusted either way.
pub(super) const KNOWN: &[&str] = &["load_native_certs", "load_webpki_certs"];

/// Lets a component send requests to every host, as the provider does.
pub(super) fn add(context: &Context<'_>, ends: &Ends<'_>, plan: &mut Plan) {
    let (End::Component(source), End::Provider(Builtin::HttpClient, ..)) =
        (ends.source, ends.target)
    else {
        return;
    };
    let Some(component) = plan.components.get_mut(source) else {
        return;
    };
    let place = ends.application.place(ends.link.target.place);
    if component.outgoing.is_empty() {
        component.outgoing.push(Located {
            value: "*".to_owned(),
            place,
        });
        let problem = Problem::warning(format!("{source} may send HTTP requests to every host"));
        let help = "to name the hosts, write outgoing in the keywell.toml of keywell up --print";
        context.wrong(place, problem.help(help));
    }
    let side = &ends.link.target_side;
    let values = Values::read(context, ends.application, &side.config);
    values.warn_of_unread(
        context,
        &[],
        "http-client, whose links have no configuration",
    );
}
