use crate::{HttpPlan, ListenAddress, Place, Problem, TriggerPlan};

/// The HTTP triggers that cannot listen, since one before them has their address.
pub(crate) fn clashes(triggers: &[TriggerPlan]) -> Vec<(Place, Problem)> {
    let mut clashes = Vec::new();
    let mut taken: Vec<&HttpPlan> = Vec::new();
    for trigger in triggers {
        let TriggerPlan::Http(http) = trigger else {
            continue;
        };
        match taken.iter().find(|other| clash(&other.addr, &http.addr)) {
            Some(other) => {
                let (addr, taken, component) = (&http.addr, &other.addr, &other.component);
                let problem = if addr == taken {
                    format!(
                        "{addr} is the address of another trigger, too, which calls {component}"
                    )
                } else {
                    format!(
                        "{addr} is taken by {taken} of another trigger, which calls {component}"
                    )
                };
                let problem = Problem::error(problem).help("give each an addr with its own port");
                clashes.push((http.place, problem));
            }
            None => taken.push(http),
        }
    }
    clashes
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
