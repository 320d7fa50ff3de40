use std::path::Path;

use crate::{HostPlan, HttpPlan, ListenAddress, Located, PathPlan, Place, Problem, TriggerPlan};

/// The triggers that cannot listen beside those before them: they need the address of one, or
/// have the same address and the same route, or cannot share its connections.
pub(crate) fn clashes(triggers: &[TriggerPlan]) -> Vec<(Place, Problem)> {
    let mut clashes = Vec::new();
    let mut taken: Vec<&HttpPlan> = Vec::new();
    for http in triggers.iter().filter_map(TriggerPlan::listener) {
        let mut others = taken.iter().filter(|other| clash(&other.addr, &http.addr));
        match others.find_map(|other| between(other, http)) {
            Some(clash) => clashes.push(clash),
            None => taken.push(http),
        }
    }
    clashes
}

/// What is wrong with a trigger beside another one whose address clashes.
fn between(other: &HttpPlan, http: &HttpPlan) -> Option<(Place, Problem)> {
    let (addr, taken, component) = (&http.addr, &other.addr, &other.component);
    if addr != taken {
        let problem =
            format!("{addr} is taken by {taken} of another trigger, which calls {component}");
        let problem = Problem::error(problem).help("give each an addr with its own port");
        return Some((http.place, problem));
    }
    if let (Some(own), Some(before)) = (&http.host, &other.host)
        && own.header.value != before.header.value
    {
        let (own, before) = (&own.header, &before.header);
        let problem = format!(
            "the host is that of the header {} here, and of {} for another trigger of {addr}",
            own.value, before.value
        );
        let help = "give all triggers of an address the same host-header";
        return Some((own.place, Problem::error(problem).help(help)));
    }
    if route(other) == route(http) {
        let problem =
            format!("{addr} is the address of another trigger, too, which calls {component}");
        let help = "give each a path or a host of its own, or an addr with its own port";
        return Some((http.place, Problem::error(problem).help(help)));
    }
    if files(other) != files(http) {
        let place = http.tls.as_ref().map_or(http.place, |tls| tls.place);
        let problem = format!("{addr} has another tls in a trigger that calls {component}");
        let help = "give all triggers of an address the same tls";
        return Some((place, Problem::error(problem).help(help)));
    }
    if other.keeps_alive != http.keeps_alive {
        let problem = format!("{addr} has another keep-alive in a trigger that calls {component}");
        let help = "give all triggers of an address the same keep-alive";
        return Some((http.place, Problem::error(problem).help(help)));
    }
    None
}

/// Which requests to its address a trigger answers.
fn route(http: &HttpPlan) -> (bool, &str, Option<String>) {
    let (is_exact, path) = match &http.path {
        PathPlan::Exact(path) => (true, path.as_str()),
        PathPlan::Prefix(path) => (false, path.trim_end_matches('/')),
    };
    let host = |host: &HostPlan| host.value.to_ascii_lowercase();
    (is_exact, path, http.host.as_ref().map(host))
}

/// What its connections are encrypted with.
fn files(http: &HttpPlan) -> Option<[&Path; 2]> {
    let tls = http.tls.as_ref();
    tls.map(|tls| [&*tls.certificate, &*tls.key])
}

/// That health cannot be answered, since a trigger has its address.
pub(crate) fn of_health(
    health: Option<&Located<ListenAddress>>,
    triggers: &[TriggerPlan],
) -> Option<(Place, Problem)> {
    let health = health?;
    let mut listeners = triggers.iter().filter_map(TriggerPlan::listener);
    let taken = listeners.find(|http| clash(&http.addr, &health.value))?;
    let (addr, component) = (&taken.addr, &taken.component);
    let problem = format!(
        "health cannot be answered on {}: {addr} of a trigger has it, which calls {component}",
        health.value
    );
    let problem = Problem::error(problem).help("give health an address with its own port");
    Some((health.place, problem))
}

/// Whether no two listeners can have these addresses. Names are not looked up, but for `localhost`.
fn clash(one: &ListenAddress, other: &ListenAddress) -> bool {
    if one.port() != other.port() || one.port() == 0 {
        return false;
    }
    let (one, other) = (one.host(), other.host());
    let are_wild_for = |wild: &str, host: &str| match wild {
        "0.0.0.0" => !host.contains(':'),
        "::" => true,
        "localhost" => host == "127.0.0.1" || host == "::1",
        _ => false,
    };
    one.eq_ignore_ascii_case(other) || are_wild_for(one, other) || are_wild_for(other, one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_clash_where_one_listener_takes_what_the_other_needs() {
        for (one, other, expected) in [
            ("127.0.0.1:80", "127.0.0.1:80", true),
            ("127.0.0.1:80", "127.0.0.1:81", false),
            ("127.0.0.1:0", "127.0.0.1:0", false),
            ("127.0.0.1:80", "127.0.0.2:80", false),
            ("0.0.0.0:80", "127.0.0.1:80", true),
            ("0.0.0.0:80", "[::1]:80", false),
            ("[::1]:80", "localhost:80", true),
            ("LOCALHOST:80", "localhost:80", true),
            ("example.com:80", "127.0.0.1:80", false),
        ] {
            let [one, other] = [one, other].map(|addr| addr.parse::<ListenAddress>().unwrap());
            assert_eq!(clash(&one, &other), expected, "{one} {other}");
        }
    }
}
