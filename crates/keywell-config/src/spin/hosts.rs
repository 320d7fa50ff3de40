use super::variables::Variables;
use crate::tree::finding::{self, Findings};
use crate::{ComponentPlan, Located};

/// Ports of schemes that are no HTTP.
const PORTS: &[(&str, u16)] = &[
    ("mqtt", 1883),
    ("mqtts", 8883),
    ("mysql", 3306),
    ("pg", 5432),
    ("postgres", 5432),
    ("postgresql", 5432),
    ("redis", 6379),
    ("rediss", 6379),
];

/// Reads `allowed_outbound_hosts`: HTTP hosts into `outgoing`, and others into `tcp`.
pub(super) fn add(
    hosts: Vec<Located<String>>,
    variables: &Variables,
    plan: &mut ComponentPlan,
    findings: &mut Findings,
) {
    for host in hosts {
        let Some(expanded) = variables.expand(&host, findings) else {
            continue;
        };
        // A message shows what is written, as a variable may be secret.
        if let Err((message, help)) = one(&host, &expanded.text, plan) {
            let message = format!("{:?} {message}", host.value);
            findings.push(finding::error(host.place, message).help(help));
        }
    }
}

fn one(
    written: &Located<String>,
    text: &str,
    plan: &mut ComponentPlan,
) -> Result<(), (&'static str, &'static str)> {
    const FORM: &str = "write SCHEME://HOST:PORT, such as https://example.com";
    let (scheme, rest) = text.split_once("://").ok_or(("has no scheme", FORM))?;
    let address = rest.trim_end_matches('/');
    if address.is_empty() || address.contains(['/', '?', '#', '@', ' ']) {
        return Err(("is no host", FORM));
    }
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (address, None),
    };
    if host == "self" || host.ends_with(".spin.internal") {
        let help = "give the other component's address, and write its host";
        return Err((
            "calls another component within Spin, which is not offered",
            help,
        ));
    }
    if port.is_some_and(|port| port != "*" && port.parse::<u16>().is_err()) {
        return Err(("has no port that is read", "write one port, or * for all"));
    }
    let located = |value: String| Located {
        value,
        place: written.place,
    };
    let is_any_scheme = scheme == "*";
    if is_any_scheme || matches!(scheme, "http" | "https") {
        let value = match (host, port) {
            ("*", None) if is_any_scheme => "*".to_owned(),
            ("*", Some("*")) => "*".to_owned(),
            (host, None) if is_any_scheme => format!("{host}:*"),
            // As Spin does: a scheme without a port allows its own port alone.
            (host, None) if scheme == "https" => format!("{host}:443"),
            (host, None) => format!("{host}:80"),
            (host, Some(port)) => format!("{host}:{port}"),
        };
        plan.outgoing.push(located(value));
        if scheme != "*" {
            return Ok(());
        }
    }
    let usual = PORTS.iter().find(|(known, _)| *known == scheme);
    let usual = usual.map(|(_, port)| port.to_string());
    match port.map(str::to_owned).or(usual) {
        Some(port) if port != "*" && !host.starts_with('*') => {
            plan.tcp.push(located(format!("{host}:{port}")));
            Ok(())
        }
        // What HTTP may reach was added.
        _ if is_any_scheme => Ok(()),
        _ => Err((
            "allows no single host and port",
            "TCP is allowed to one host and one port: write SCHEME://HOST:PORT",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a host allows by HTTP and by TCP, or what is wrong with it.
    fn allowed(text: &str) -> Result<(Vec<String>, Vec<String>), &'static str> {
        let mut plan = ComponentPlan::default();
        one(&text.to_owned().into(), text, &mut plan).map_err(|(message, _)| message)?;
        let texts = |texts: Vec<Located<String>>| -> Vec<String> {
            texts.into_iter().map(|text| text.value).collect()
        };
        Ok((texts(plan.outgoing), texts(plan.tcp)))
    }

    #[test]
    fn schemes_decide_what_a_host_is_allowed_for() {
        let allows = |text: &str, outgoing: &[&str], tcp: &[&str]| {
            let owned = |texts: &[&str]| -> Vec<String> {
                texts.iter().map(|text| (*text).to_owned()).collect()
            };
            assert_eq!(allowed(text), Ok((owned(outgoing), owned(tcp))), "{text}");
        };
        allows("https://example.com", &["example.com:443"], &[]);
        allows("http://*.example.com", &["*.example.com:80"], &[]);
        allows("http://example.com:80/", &["example.com:80"], &[]);
        allows("https://*.example.com:*", &["*.example.com:*"], &[]);
        allows("https://[::1]:8443", &["[::1]:8443"], &[]);
        allows("https://[::1]", &["[::1]:443"], &[]);
        allows("https://*", &["*:443"], &[]);
        allows("http://*:8080", &["*:8080"], &[]);
        allows("http://*:*", &["*"], &[]);
        allows("*://*:*", &["*"], &[]);
        allows("*://db:5432", &["db:5432"], &["db:5432"]);
        allows("*://h", &["h:*"], &[]);
        allows("redis://h", &[], &["h:6379"]);
        allows("tcp://h:1", &[], &["h:1"]);
    }

    #[test]
    fn what_is_not_offered_is_named() {
        for text in [
            "example.com",
            "https://",
            "https://h/path",
            "https://u@h",
            "https://h:{80..90}",
            "http://self",
            "https://b.spin.internal",
            "redis://*:6379",
            "tcp://h",
        ] {
            assert!(allowed(text).is_err(), "{text}");
        }
    }
}
