use std::net::SocketAddr;

use super::context::Context;
use super::values::Values;
use crate::{ListenAddress, Located, Problem};

/// How an http-server chooses the component of a request.
pub(super) struct Routing {
    pub(super) mode: Mode,
    /// Where it listens if nothing else says so.
    pub(super) default_address: ListenAddress,
    /// The header of the mode `host`.
    pub(super) header: Located<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Each link has its own address.
    Address,
    /// Each link has its own path.
    Path,
    /// Each link has its own host.
    Host,
}

/// What the provider itself reads.
pub(super) const KNOWN: &[&str] = &["routing_mode", "default_address", "header"];

const MODES: &[(&str, Mode)] = &[
    ("address", Mode::Address),
    ("path", Mode::Path),
    ("host", Mode::Host),
];

// === impl Routing ===

impl Routing {
    /// Reads it from the configuration of the provider.
    pub(super) fn read(context: &Context<'_>, values: &Values) -> Self {
        let default_address = values.text("default_address");
        let default_address = default_address.and_then(|text| address(context, &text));
        let usual = || SocketAddr::from(([0, 0, 0, 0], 8000)).into();
        let header = values.text("header");
        let header = header.map(|header| Located {
            value: header.value.trim().to_ascii_lowercase(),
            place: header.place,
        });
        Self {
            mode: mode(context, values).unwrap_or(Mode::Address),
            default_address: default_address.unwrap_or_else(usual),
            header: header.unwrap_or_else(|| "host".to_owned().into()),
        }
    }
}

fn mode(context: &Context<'_>, values: &Values) -> Option<Mode> {
    let text = values.text("routing_mode")?;
    let found = MODES.iter().find(|(name, _)| *name == text.value);
    if found.is_none() {
        let problem = Problem::error(format!("{:?} is no routing_mode", text.value));
        let problem = problem.help("there is address, path, host");
        let names = MODES.iter().map(|(name, _)| *name);
        context.wrong(text.place, problem.did_you_mean(&text, names));
    }
    found.map(|(_, mode)| *mode)
}

/// Reads an address to listen on.
pub(super) fn address(context: &Context<'_>, text: &Located<String>) -> Option<ListenAddress> {
    match text.trim().parse::<ListenAddress>() {
        Ok(address) => Some(address),
        Err(help) => {
            let problem = Problem::error(format!("{:?} is no address to listen on", text.value));
            context.wrong(text.place, problem.help(help));
            None
        }
    }
}
