//! Components that take the room of others.

use std::fs;
use std::time::{Duration, Instant};

use crate::context::{guest, scratch};
use crate::http::{Client, request};
use crate::process::{LOOK, PATIENCE, Process};
use crate::{Context, Done, Seen};

/// How long no further call begins once all run that may.
const CALM: Duration = Duration::from_secs(1);
/// How soon another component answers.
const SOON: Duration = Duration::from_millis(200);

/// Two components of one application with eight instances: the first is asked for a path so often at
/// once, then the second is asked one request after the other. The median of its times counts, as
/// others may load the machine.
pub(crate) fn beside(context: &Context, hostile: &str, calls: usize, path: &str) -> Done<Seen> {
    let folder = scratch()?;
    let hostile = guest(hostile)?;
    let hostile = hostile.to_str().ok_or("the path of a guest is text")?;
    let component = |name: &str| {
        format!(
            "[component.{name}]\npath = {hostile:?}\nstore = \"main\"\n\
             \n[[trigger.http]]\ncomponent = {name:?}\naddr = \"127.0.0.1:0\"\n"
        )
    };
    let text = format!(
        "[limits]\ninstances = 8\ntimeout = \"60s\"\n[store.main]\nurl = \"memory:\"\n{}{}",
        component("first"),
        component("second")
    );
    let file = folder.path().join("keywell.toml");
    fs::write(&file, text)?;
    let mut command = context.keywell();
    command.arg("up").arg(&file);
    let process = Process::start(&mut command, 2, false)?;
    let [first, second] = &process.addresses[..] else {
        return Err("an application of two triggers says two addresses".into());
    };
    for address in [first, second] {
        crate::http::get(address, "/hello", PATIENCE)?;
    }
    let attacking = (0..calls).map(|_| Client::asks(first, request(path), LOOK));
    let mut attacking: Vec<(Client, bool)> = attacking
        .map(|client| client.map(|client| (client, false)))
        .collect::<Done<_>>()?;
    // Until no more of them run.
    let mut last = Instant::now();
    while last.elapsed() < CALM {
        for (client, has_begun) in attacking.iter_mut().filter(|(_, has_begun)| !has_begun) {
            if client.read_some(&mut [0]).is_ok_and(|length| length > 0) {
                *has_begun = true;
                last = Instant::now();
            }
        }
    }
    if !attacking.iter().any(|(_, has_begun)| *has_begun) {
        return Err("no attacking call runs".into());
    }
    let rounds = context.effort(9, 99);
    let mut times = Vec::new();
    let mut faults = Vec::new();
    while times.len() < rounds && times.iter().filter(|time| **time > SOON).count() <= rounds / 2 {
        let began = Instant::now();
        match crate::http::get(second, "/hello", 5 * SOON) {
            Ok(answer) if answer.status != 200 => faults.push(answer.status.to_string()),
            // One that is late counts as it is.
            _ => {}
        }
        times.push(began.elapsed());
    }
    drop(attacking);
    times.sort_unstable();
    let median = times.get(times.len() / 2).copied();
    let tried = times.len();
    let time = Seen::time("the other answers", SOON, median);
    Ok(time.and(Seen::faults("200", tried, &faults)))
}

pub(crate) fn endless_loops_beside_another_component(context: &Context) -> Done<Seen> {
    beside(context, "hostile", 8, "/loop")
}

pub(crate) fn waiting_calls_beside_another_component(context: &Context) -> Done<Seen> {
    beside(context, "hostile", 100, "/hold")
}
