//! What is wrong with the text of a trigger that listens, whatever kind of file it was read from.

use crate::{CorsPlan, HostPlan, HttpPlan, Located, Place, Problem};

/// Everything that is wrong with the texts of a trigger, each at its place.
pub(crate) fn mistakes(http: &HttpPlan) -> Vec<(Place, Problem)> {
    let mut mistakes = Vec::new();
    let mut check = |text: &Located<String>, found: Option<Problem>| {
        mistakes.extend(found.map(|problem| (text.place, problem)));
    };
    let path = http.path.text();
    check(path, path_problem(path));
    if let Some(HostPlan { header, value }) = &http.host {
        check(header, token_problem("the name of a header", header));
        check(value, host_problem(header, value));
    }
    if let Some(value) = &http.cache_control {
        check(value, value_problem(value));
    }
    if let Some(cors) = &http.cors {
        let CorsPlan {
            origins,
            headers,
            methods,
            exposed_headers,
            max_age: _,
        } = cors;
        for origin in origins {
            check(origin, origin_problem(origin));
        }
        for header in headers.iter().chain(exposed_headers) {
            check(header, token_problem("the name of a header", header));
        }
        for method in methods {
            check(method, token_problem("a method", method));
        }
    }
    mistakes
}

fn path_problem(path: &str) -> Option<Problem> {
    let help = if !path.starts_with('/') {
        "begin it with a slash"
    } else if path.contains(['?', '#']) {
        "leave out the query, which counts as no part of a path"
    } else if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        "write other characters than ASCII as they are in a URL, such as %20 for a space"
    } else {
        return None;
    };
    Some(Problem::error(format!("{path:?} is no path of requests")).help(help))
}

fn host_problem(header: &str, value: &str) -> Option<Problem> {
    if header != "host" {
        return value_problem(value);
    }
    let help = if value.contains("://") || value.contains('/') {
        "write the host alone, such as example.com"
    } else if value.contains('*') {
        "write a whole name: one trigger answers one host, or all that no other one answers"
    } else if !is_host(value) {
        "write a name or an address, with or without a port, such as example.com"
    } else {
        return None;
    };
    Some(Problem::error(format!("{value:?} is no host")).help(help))
}

/// An origin as browsers send it.
fn origin_problem(origin: &str) -> Option<Problem> {
    let lower = origin.to_ascii_lowercase();
    let host = lower.strip_prefix("https://");
    let host = host.or_else(|| lower.strip_prefix("http://"));
    let help = match host {
        Some(host) if is_host(host) => return None,
        _ if origin == "*" => "leave origins out to allow all of them",
        Some(_) => "write the host, and a port that is not the usual one, and nothing behind them",
        None => "write http:// or https:// and a host",
    };
    Some(Problem::error(format!("{origin:?} is no origin")).help(help))
}

/// A host, and maybe a port.
fn is_host(text: &str) -> bool {
    let address = text.rfind(']').map_or(0, |end| end + 1);
    let (host, port) = match text[address..].find(':') {
        Some(colon) => (&text[..address + colon], Some(&text[address + colon + 1..])),
        None => (text, None),
    };
    let is_name = |name: &str| {
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        !name.is_empty() && name.bytes().all(is_letter)
    };
    let is_port =
        |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    let address = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let is_address = address.is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok());
    (is_address || is_name(host)) && port.is_none_or(is_port)
}

/// A token of RFC 9110.
fn token_problem(what: &str, text: &str) -> Option<Problem> {
    let is_right = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let is_token = !text.is_empty() && text.bytes().all(is_right);
    (!is_token).then(|| Problem::error(format!("{text:?} is not {what}")))
}

/// A value of a header.
fn value_problem(text: &str) -> Option<Problem> {
    let is_right = |byte: u8| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\t');
    let is_value = !text.is_empty() && text.trim() == text && text.bytes().all(is_right);
    let problem = || {
        let problem = format!("{text:?} is no value of a header");
        Problem::error(problem).help("write one line of ASCII without space at its ends")
    };
    (!is_value).then(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_and_a_host() {
        for right in [
            "http://a",
            "HTTPS://a.example:8443",
            "http://[::1]:80",
            "http://127.0.0.1",
        ] {
            assert!(origin_problem(right).is_none(), "{right}");
        }
        for wrong in [
            "",
            "*",
            "a",
            "ftp://a",
            "http://",
            "http://a/",
            "http://a:b",
            "http://a:99999",
            "http://u@a",
            "http://[a]",
            "http://*.a",
        ] {
            assert!(origin_problem(wrong).is_some(), "{wrong}");
        }
    }
}
