//! Components for WASI 0.3, which may begin many tasks and make many streams and futures.

use std::net::TcpListener;

use crate::components::{FILLED, INSTANCE, MEMORY, attack};
use crate::fairness::beside;
use crate::process::Process;
use crate::{Context, Done, Seen};

/// The guest.
const HOSTILE: &str = "hostile_0_3";

/// A server whose guest has 64 MiB an instance, and nothing but what the arguments allow.
fn server(context: &Context, arguments: &[&str]) -> Done<Process> {
    let arguments = [&["--memory", MEMORY, "--timeout", "20s"], arguments].concat();
    let server = context.serve(HOSTILE).args(arguments).start()?;
    server.get("/hello")?;
    Ok(server)
}

/// A response without end, of which nothing is read for a while.
pub(crate) fn unread_response(context: &Context) -> Done<Seen> {
    crate::clients::unread_response_of(context, HOSTILE)
}

pub(crate) fn header_sets(context: &Context) -> Done<Seen> {
    attack(&server(context, &[])?, "/fields?n=13000", INSTANCE)
}

pub(crate) fn requests_that_are_not_sent(context: &Context) -> Done<Seen> {
    attack(&server(context, &[])?, "/requests?n=13000", INSTANCE)
}

pub(crate) fn pipes(context: &Context) -> Done<Seen> {
    attack(&server(context, &[])?, "/pipes?n=1000000", INSTANCE)
}

pub(crate) fn waits(context: &Context) -> Done<Seen> {
    attack(&server(context, &[])?, "/waits?n=1000000", INSTANCE)
}

pub(crate) fn pending_requests(context: &Context) -> Done<Seen> {
    // It takes connections in its backlog, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let address = silent.local_addr()?.to_string();
    let server = server(context, &["--allow-http", &address])?;
    attack(&server, &format!("/outgoing?n=1000&to={address}"), INSTANCE)
}

pub(crate) fn memory_growth(context: &Context) -> Done<Seen> {
    attack(&server(context, &[])?, "/grow", FILLED)
}

pub(crate) fn endless_loops_beside_another_component(context: &Context) -> Done<Seen> {
    beside(context, HOSTILE, 8, "/loop")
}

pub(crate) fn churning_calls_beside_another_component(context: &Context) -> Done<Seen> {
    beside(context, HOSTILE, 8, "/churn")
}
